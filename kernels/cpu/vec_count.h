// Counting comparisons lane by lane, for the instruction set this file is compiled for. The place of a value in a
// sorted list is the number of those before it: for some dozens of values, counting them is less work than a sorting
// network, and nothing in it waits for the rest.
#pragma once

#include "kernels/cpu/vec.h"

namespace {

// How often a comparison held in each lane.
template <typename T>
struct Counts {
  typedef T Lanes __attribute__((vector_size(sizeof(Vec<T>))));
  using Held = decltype(Lanes{} < Lanes{});  // integers as wide as T, -1 where it holds
  Held sum = {};

  static Lanes load(const T* values) {
    Lanes lanes;
    __builtin_memcpy(&lanes, values, sizeof(lanes));
    return lanes;
  }
  void add(Held held) { sum -= held; }

  Lanes values() const { return __builtin_convertvector(sum, Lanes); }

  template <typename Count>
  void store(Count* to) const {
    typedef Count Numbers __attribute__((vector_size(Vec<T>::kWidth * sizeof(Count))));
    const Numbers numbers = __builtin_convertvector(sum, Numbers);
    __builtin_memcpy(to, &numbers, sizeof(numbers));
  }
};

// How many of `count` values are less than each of the R registers of them from `first` on.
template <int R, typename T, typename Place>
inline void count_less(const T* values, int64_t count, int64_t first, Place* places) {
  constexpr int kWidth = Vec<T>::kWidth;
  typename Counts<T>::Lanes mine[R];
  Counts<T> less[R];
  for (int r = 0; r < R; ++r) mine[r] = Counts<T>::load(values + first + r * kWidth);
  for (int64_t j = 0; j < count; ++j) {
    for (int r = 0; r < R; ++r) less[r].add(values[j] < mine[r]);
  }
  for (int r = 0; r < R; ++r) less[r].store(places + first + r * kWidth);
}

}  // namespace
