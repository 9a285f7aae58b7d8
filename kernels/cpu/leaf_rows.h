// Writing the rows of a leaf, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/rank_select.h"

namespace {

// Copies a row of `count` values, and fills it up to `size`, a multiple of kRegister up to 64. Reads whole registers.
template <typename T>
inline void write_row(const T* from, int64_t count, int64_t size, T filler, T* to) {
  const Vec<T> counts = Vec<T>::fill(T(count)), filled = Vec<T>::fill(filler);
  for (int64_t i = 0; i < size; i += Vec<T>::kWidth) {
    const Vec<T> values = i < count ? Vec<T>::load(from + i) : filled;
    select(less(Vec<T>::load(kRamp<T>.value + i), counts), values, filled).store(to + i);
  }
}

// The least and the greatest of a row, NaN left out; `size` as above.
template <typename T>
inline void row_range(const T* row, int64_t size, T* least, T* greatest) {
  Vec<T> low = Vec<T>::fill(__builtin_inf()), high = Vec<T>::fill(-__builtin_inf());
  for (int64_t i = 0; i < size; i += Vec<T>::kWidth) {
    const Vec<T> value = Vec<T>::load(row + i);
    low = Vec<T>::min(value, low);  // NaN gives `low`
    high = Vec<T>::max(value, high);
  }
  *least = low.reduce_min();
  *greatest = high.reduce_max();
}

}  // namespace
