// Building the tree of blocks: splits at exact ranks, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/block_tree.h"
#include "kernels/cpu/spatial_build.h"
#include "kernels/cpu/vec_pack.h"

namespace {

using pcgen::BlockSegment;
using pcgen::BlockTree;
using pcgen::kBlock;
using pcgen::kBlockRows;
using pcgen::kFan;
using pcgen::kNoIndex;

template <typename T>
inline constexpr int kBlockVecs = kBlock / Vec<T>::kWidth;

// The integer as wide as T, so that indices can sit in lanes of T.
template <typename T>
struct LaneBits;
template <>
struct LaneBits<float> {
  using type = int32_t;
};
template <>
struct LaneBits<double> {
  using type = int64_t;
};

template <typename T>
inline T to_lane(int32_t index) {
  const typename LaneBits<T>::type wide = index;
  T lane;
  __builtin_memcpy(&lane, &wide, sizeof(T));
  return lane;
}
template <typename T>
inline int32_t from_lane(T lane) {
  typename LaneBits<T>::type wide;
  __builtin_memcpy(&wide, &lane, sizeof(T));
  return int32_t(wide);
}

template <typename T>
struct Ramp {
  T value[kBlock];
  constexpr Ramp() : value() {
    for (int i = 0; i < kBlock; ++i) value[i] = T(i);
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
  T key[kCounted + kWidth];
  T rank[kCounted + kWidth];
  int64_t n;

  // n <= kCounted keys, `step` apart; NaN-free.
  Ranked(const T* keys, int64_t count, int64_t step) : n(count) {
    for (int64_t i = 0; i < n; ++i) key[i] = keys[i * step];
    Vec<T>::fill(__builtin_inf()).store(key + n);
    const Vec<T> one = Vec<T>::fill(-1), zero = Vec<T>::fill(0);
    for (int64_t i = 0; i < n; i += 2 * kWidth) {
      const Vec<T> a = Vec<T>::load(key + i), b = Vec<T>::load(key + (i + kWidth < n ? i + kWidth : i));
      Vec<T> less_a = zero, less_b = zero;
      for (int64_t j = 0; j < n; ++j) {
        const Vec<T> other = Vec<T>::fill(key[j]);
        less_a = less_a - Vec<T>::where_less(other, a, one, zero);
        less_b = less_b - Vec<T>::where_less(other, b, one, zero);
      }
      less_a.store(rank + i);
      if (i + kWidth < n) less_b.store(rank + i + kWidth);
    }
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

// Moves the keys in [low, high] to `out`, which may be `keys`. Both have room for a multiple of kBlock.
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

// The rank-th smallest of n keys, bracketed by a sample while there are many (Floyd & Rivest, 1975). `scratch` has
// room for a multiple of kBlock.
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

// The axis along which the points extend most.
template <typename T>
int widest_axis(const BlockSegment<T>& segment) {
  T widest = -1;
  int axis = 0;
  for (int a = 0; a < 3; ++a) {
    const T* plane = segment.points + a * segment.stride;
    Vec<T> low = Vec<T>::load(plane), high = low;  // of more than kBlock points
    int64_t i = Vec<T>::kWidth;
    for (; i + Vec<T>::kWidth <= segment.count; i += Vec<T>::kWidth) {
      low = Vec<T>::min(low, Vec<T>::load(plane + i));
      high = Vec<T>::max(high, Vec<T>::load(plane + i));
    }
    const Vec<T> last = Vec<T>::load(plane + segment.count - Vec<T>::kWidth);
    const T extent = Vec<T>::max(high, last).reduce_max() - Vec<T>::min(low, last).reduce_min();
    if (extent > widest) widest = extent, axis = a;
  }
  return axis;
}

// The lowest `count` of the bits.
inline uint32_t lowest_bits(uint32_t set, int64_t count) {
  if (count <= 0) return 0;
  while (__builtin_popcount(set) > count) set &= ~(uint32_t(1) << (31 - __builtin_clz(set)));
  return set;
}

// The left part gets the largest power of two of blocks that leaves a right part, all full. Points with the splitting
// coordinate go left in index order until it is full; both parts keep their order. The left part stays in place.
template <typename T>
BlockSegment<T> split_blocks(BlockSegment<T>* segment) {
  const int64_t count = segment->count, stride = segment->stride;
  int64_t left = kBlock;
  while (2 * left < count) left *= 2;
  const T* along = segment->points + widest_axis(*segment) * stride;
  const T pivot = select_rank(along, count, left, segment->keys);
  int64_t below, upto;
  count_keys(along, count, pivot, pivot, &below, &upto);
  int64_t ties = left - below;

  T *to_left = segment->points, *to_right = segment->spare;
  const Vec<T> pivots = Vec<T>::fill(pivot);
  for (int64_t i = 0; i < count; i += Vec<T>::kWidth) {
    const Vec<T> key = Vec<T>::load(along + i);
    const uint32_t valid = lanes_below<T>(count, i);
    uint32_t goes_left = bits(less(key, pivots)) & valid;
    if (const uint32_t equals = bits(equal(key, pivots)) & valid) {
      goes_left |= lowest_bits(equals, ties);
      ties -= __builtin_popcount(equals);
    }
    const uint32_t goes_right = valid & ~goes_left;
    for (int64_t row = 0; row < kBlockRows; ++row) {
      const Vec<T> value = Vec<T>::load(segment->points + row * stride + i);
      store_packed(to_left + row * stride, value, goes_left);
      store_packed(to_right + row * stride, value, goes_right);
    }
    to_left += __builtin_popcount(goes_left);
    to_right += __builtin_popcount(goes_right);
  }
  const int64_t right = pcgen::padded_block(count - left);
  const BlockSegment<T> other{segment->spare,
                              segment->points + left,
                              segment->keys,
                              stride,
                              count - left,
                              segment->cloud,
                              segment->first_block + left / kBlock};
  *segment = {segment->points, segment->spare + right, segment->keys + right, stride, left,
              segment->cloud,  segment->first_block};
  return other;
}

// Writes the last points of a subtree as a block, and its box.
template <typename T>
void write_block(const BlockSegment<T>& segment, const BlockTree<T>& out) {
  const int64_t number = segment.first_block;
  T* block = out.blocks + number * kBlockRows * kBlock;
  T* box = out.boxes + number / kFan * 6 * kFan + number % kFan;
  const Vec<T> count = Vec<T>::fill(T(segment.count)), inf = Vec<T>::fill(__builtin_inf());
  for (int64_t row = 0; row < kBlockRows; ++row) {
    const Vec<T> padding = Vec<T>::fill(row < 3 ? T(__builtin_nan("")) : to_lane<T>(kNoIndex));
    Vec<T> low = inf, high = Vec<T>::fill(-__builtin_inf());
    for (int64_t i = 0; i < kBlock; i += Vec<T>::kWidth) {
      const auto valid = less(Vec<T>::load(kRamp<T>.value + i), count);
      const Vec<T> value = select(valid, Vec<T>::load(segment.points + row * segment.stride + i), padding);
      value.store(block + row * kBlock + i);
      low = Vec<T>::min(value, low);  // NaN gives `low`
      high = Vec<T>::max(value, high);
    }
    if (row == 3) continue;
    box[row * kFan] = low.reduce_min();
    box[(row + 3) * kFan] = high.reduce_max();
  }
  out.least[number] = from_lane(block[3 * kBlock]);
}

template <typename T>
void grow_blocks(BlockSegment<T> segment, const BlockTree<T>& out) {
  while (segment.count > kBlock) grow_blocks(split_blocks(&segment), out);
  write_block(segment, out);
}

}  // namespace
