// The key of a given rank, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/vec_count.h"
#include "kernels/cpu/vec_pack.h"

namespace {

// 0, 1, 2, … to compare places with a count.
template <typename T>
struct Ramp {
  T value[64];
  constexpr Ramp() : value() {
    for (int i = 0; i < 64; ++i) value[i] = T(i);
  }
};
template <typename T>
constexpr Ramp<T> kRamp;

// A bit for each of the lanes i, i + 1, … that is below n.
template <typename T>
inline uint32_t lanes_below(int64_t n, int64_t i) {
  constexpr int64_t kWidth = Vec<T>::kWidth;
  return n - i >= kWidth ? (uint32_t(1) << kWidth) - 1 : (uint32_t(1) << (n - i)) - 1;
}

inline constexpr int64_t kCounted = 64;  // keys whose ranks are counted one by one

// Keys with, for each, how many are less.
template <typename T>
struct Ranked {
  static constexpr int64_t kWidth = Vec<T>::kWidth;
  T key[kCounted + 2 * kWidth];
  T rank[kCounted + 2 * kWidth];
  int64_t n;

  // n <= kCounted keys, `step` apart; NaN-free.
  Ranked(const T* keys, int64_t count, int64_t step) : n(count) {
    for (int64_t i = 0; i < n; ++i) key[i] = keys[i * step];
    for (int i = 0; i < 2; ++i) Vec<T>::fill(__builtin_inf()).store(key + n + i * kWidth);
    for (int64_t i = 0; i < n; i += 2 * kWidth) count_less<2>(key, n, i, rank);
  }

  // The wanted-th smallest key: the largest that no more than so many are less than.
  T at(int64_t wanted) const {
    const Vec<T> limit = Vec<T>::fill(T(wanted) + T(0.5)), low = Vec<T>::fill(-__builtin_inf());
    Vec<T> found = low;
    for (int64_t i = 0; i < n; i += kWidth) {
      found = Vec<T>::max(Vec<T>::where_less(Vec<T>::load(rank + i), limit, Vec<T>::load(key + i), low), found);
    }
    return found.reduce_max();
  }
};

// How many keys are below `low`, and how many up to `high`.
template <typename T>
inline void count_keys(const T* keys, int64_t n, T low, T high, int64_t* below, int64_t* upto) {
  const Vec<T> lows = Vec<T>::fill(low), highs = Vec<T>::fill(high);
  *below = *upto = 0;
  for (int64_t i = 0; i < n; i += Vec<T>::kWidth) {
    const Vec<T> key = Vec<T>::load(keys + i);
    const uint32_t valid = lanes_below<T>(n, i);
    *below += __builtin_popcount(bits(less(key, lows)) & valid);
    *upto += __builtin_popcount(bits(less_equal(key, highs)) & valid);
  }
}

// Moves the keys in [low, high] to `out`, which may be `keys`. Both have room for a multiple of kRegister.
template <typename T>
inline void keep_between(const T* keys, int64_t n, T low, T high, T* out) {
  const Vec<T> lows = Vec<T>::fill(low), highs = Vec<T>::fill(high);
  for (int64_t i = 0; i < n; i += Vec<T>::kWidth) {
    const Vec<T> key = Vec<T>::load(keys + i);
    const uint32_t kept = bits(less_equal(lows, key)) & bits(less_equal(key, highs)) & lanes_below<T>(n, i);
    store_packed(out, key, kept);
    out += __builtin_popcount(kept);
  }
}

// Moves the keys for which `first` holds to the front, without branches, and returns their number.
template <typename T, typename First>
inline int64_t partition(T* keys, int64_t n, First first) {
  int64_t front = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T key = keys[i];
    keys[i] = keys[front];
    keys[front] = key;
    front += first(key);
  }
  return front;
}

// The rank-th smallest of n keys (Hoare's quickselect). Reorders the keys.
template <typename T>
T quickselect(T* keys, int64_t n, int64_t rank) {
  while (n > 1) {
    const T first = keys[0], middle = keys[n / 2], last = keys[n - 1];
    const T a = middle < first ? middle : first, b = middle < first ? first : middle;
    const T pivot = last < a ? a : last < b ? last : b;
    const int64_t less = partition(keys, n, [=](T key) { return key < pivot; });
    if (rank < less) {
      n = less;
      continue;
    }
    keys += less, n -= less, rank -= less;
    const int64_t equal = partition(keys, n, [=](T key) { return !(pivot < key); });
    if (rank < equal) return pivot;
    keys += equal, n -= equal, rank -= equal;
  }
  return keys[0];
}

// The rank-th smallest of n keys, bracketed by a sample while there are many (Floyd & Rivest, 1975). `scratch` has
// room for a multiple of kRegister.
template <typename T>
T select_rank(const T* keys, int64_t n, int64_t rank, T* scratch) {
  while (n > kCounted) {
    const int64_t samples = n > 512 ? kCounted : kCounted / 2, margin = samples / 8;
    const Ranked<T> sample(keys, samples, n / samples);
    const int64_t expected = rank * samples / n;
    const T low = expected > margin ? sample.at(expected - margin) : T(-__builtin_inf());
    const T high = expected + margin < samples ? sample.at(expected + margin) : T(__builtin_inf());
    int64_t below, upto;
    count_keys(keys, n, low, high, &below, &upto);
    if (rank < below || rank >= upto || upto - below == n) break;
    if (low == high) return low;
    keep_between(keys, n, low, high, scratch);
    keys = scratch, n = upto - below, rank -= below;
  }
  if (n <= kCounted) return Ranked<T>(keys, n, 1).at(rank);
  if (keys != scratch) __builtin_memcpy(scratch, keys, n * sizeof(T));
  return quickselect(scratch, n, rank);
}

}  // namespace
