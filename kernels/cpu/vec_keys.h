// Registers of 64-bit keys that order neighbours by (squared distance, index), and networks that sort and merge them
// (Batcher, 1968). The bits of a float that is not negative order like the integer they spell, so one comparison of a
// key settles distance and tie at once.
//
// A key is a double for the sake of its minimum and maximum, one instruction each: as doubles of 11 bits of exponent
// the bits of floats, of 8, are neither infinite nor NaN, and kNormal keeps them from being subnormal, which would be
// compared as zero where a user has asked torch for that.
#pragma once

#include <utility>

#include "kernels/cpu/vec.h"

namespace {

inline constexpr int64_t kNormal = int64_t(1) << 52;  // the lowest bit of the exponent

inline double to_key(float dist2, int32_t index) {
  int32_t high;
  __builtin_memcpy(&high, &dist2, sizeof(high));
  const int64_t bits = (int64_t(high) << 32 | index) + kNormal;
  double key;
  __builtin_memcpy(&key, &bits, sizeof(key));
  return key;
}
inline float key_dist2(double key) {
  int64_t bits;
  __builtin_memcpy(&bits, &key, sizeof(bits));
  const int32_t high = int32_t((bits - kNormal) >> 32);
  float dist2;
  __builtin_memcpy(&dist2, &high, sizeof(dist2));
  return dist2;
}
inline int32_t key_index(double key) {
  int64_t bits;
  __builtin_memcpy(&bits, &key, sizeof(bits));
  return int32_t(bits);
}

inline constexpr int kKeyLanes = Vec<double>::kWidth;
typedef double Keys __attribute__((vector_size(kKeyLanes * sizeof(double))));
typedef int64_t KeyBits __attribute__((vector_size(kKeyLanes * sizeof(int64_t))));

inline void store_keys(double* to, Keys keys) { __builtin_memcpy(to, &keys, sizeof(keys)); }

#if defined(__AVX2__)
inline Keys lower(Keys a, Keys b) { return Vec<double>::min({a}, {b}).v; }
inline Keys higher(Keys a, Keys b) { return Vec<double>::max({a}, {b}).v; }
#else
inline Keys lower(Keys a, Keys b) { return a < b ? a : b; }
inline Keys higher(Keys a, Keys b) { return a < b ? b : a; }
#endif

// The keys of as many distances and indices, as bits of floats, as two registers of keys have lanes; in any order.
template <int... I>
inline void make_keys(const float* dist2, const float* index, Keys* keys, std::integer_sequence<int, I...>) {
  typedef float Half __attribute__((vector_size(kKeyLanes * sizeof(float))));
  for (int r = 0; r < 2; ++r) {
    Half high, low;
    __builtin_memcpy(&high, dist2 + r * kKeyLanes, sizeof(high));
    __builtin_memcpy(&low, index + r * kKeyLanes, sizeof(low));
    const auto both = __builtin_shufflevector(low, high, (I % 2 * kKeyLanes + I / 2)...);
    KeyBits bits;
    __builtin_memcpy(&bits, &both, sizeof(bits));
    bits += kNormal;
    __builtin_memcpy(&keys[r], &bits, sizeof(bits));
  }
}
inline void make_keys(const float* dist2, const float* index, Keys* keys) {
  make_keys(dist2, index, keys, std::make_integer_sequence<int, 2 * kKeyLanes>());
}

// Lane i takes lane i ^ X.
template <int X, int... I>
inline Keys exchange(Keys keys, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(keys, keys, (I ^ X)...);
}
template <int X>
inline Keys exchange(Keys keys) {
  return exchange<X>(keys, std::make_integer_sequence<int, kKeyLanes>());
}
inline Keys reverse(Keys keys) { return exchange<kKeyLanes - 1>(keys); }

// Lanes whose number has the bit B take `upper`, the others `lower`.
template <int B, int... I>
inline Keys by_bit(Keys lower, Keys upper, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(lower, upper, (I & B ? I + kKeyLanes : I)...);
}

// Puts each lane in order with lane i ^ X; the one with the bit B gets the higher key.
template <int X, int B>
inline Keys compare_lanes(Keys keys) {
  const Keys other = exchange<X>(keys);
  return by_bit<B>(lower(keys, other), higher(keys, other), std::make_integer_sequence<int, kKeyLanes>());
}

// Sorts within registers whose runs of 2 S lanes are bitonic.
template <int S>
inline Keys merge_lanes(Keys keys) {
  if constexpr (S > 0) {
    return merge_lanes<S / 2>(compare_lanes<S, S>(keys));
  } else {
    return keys;
  }
}

// Sorts within a register, runs of 2 S lanes and longer.
template <int S = 1>
inline Keys sort_lanes(Keys keys) {
  if constexpr (S < kKeyLanes) {
    return sort_lanes<2 * S>(merge_lanes<S / 2>(compare_lanes<2 * S - 1, S>(keys)));
  } else {
    return keys;
  }
}

// Sorts R registers that together are bitonic.
template <int R>
inline void merge_keys(Keys* keys) {
  for (int step = R / 2; step > 0; step /= 2) {
    for (int i = 0; i < R; ++i) {
      if (i & step) continue;
      const Keys a = keys[i], b = keys[i + step];
      keys[i] = lower(a, b);
      keys[i + step] = higher(a, b);
    }
  }
  for (int i = 0; i < R; ++i) keys[i] = merge_lanes<kKeyLanes / 2>(keys[i]);
}

template <int R>
inline void sort_keys(Keys* keys) {
  if constexpr (R == 1) {
    keys[0] = sort_lanes(keys[0]);
  } else {
    constexpr int kHalf = R / 2;
    sort_keys<kHalf>(keys);
    sort_keys<kHalf>(keys + kHalf);
    Keys upper[kHalf];
    for (int i = 0; i < kHalf; ++i) {
      const Keys a = keys[i], b = reverse(keys[R - 1 - i]);
      keys[i] = lower(a, b);
      upper[i] = higher(a, b);
    }
    for (int i = 0; i < kHalf; ++i) keys[kHalf + i] = upper[i];
    merge_keys<kHalf>(keys);
    merge_keys<kHalf>(keys + kHalf);
  }
}

// The lowest of two sorted lists, `list` of R registers and `more` of S, sorted, in `list`.
template <int R, int S>
inline void merge_lowest(Keys* list, const Keys* more) {
  for (int i = 0; i < S; ++i) list[R - 1 - i] = lower(list[R - 1 - i], reverse(more[i]));
  merge_keys<R>(list);
}

}  // namespace
