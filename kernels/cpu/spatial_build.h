// Building the leaves of a spatial index: exact rank splits, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/spatial_kernels.h"

namespace {

using pcgen::IndexedPoint;
using pcgen::kFan;
using pcgen::kLeaf;
using pcgen::kNoIndex;
using pcgen::Segment;
using pcgen::SpatialIndex;

template <typename T>
inline void swap(T& a, T& b) {
  const T t = a;
  a = b;
  b = t;
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
    T a = keys[0], b = keys[n / 2], c = keys[n - 1];
    if (b < a) swap(a, b);
    const T pivot = c < a ? a : c < b ? c : b;
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

// The same, bracketing the answer by a sample while there are many keys (Floyd & Rivest, 1975).
template <typename T>
T select(T* keys, int64_t n, int64_t rank) {
  constexpr int64_t kSample = 256, kMargin = 20;
  while (n > 4 * kSample) {
    T sample[kSample];
    for (int64_t i = 0; i < kSample; ++i) sample[i] = keys[i * n / kSample];
    const int64_t expected = rank * kSample / n;
    const T low = quickselect(sample, kSample, expected > kMargin ? expected - kMargin : 0);
    const T high = quickselect(sample, kSample, expected + kMargin < kSample ? expected + kMargin : kSample - 1);
    int32_t below = 0, upto = 0;
    for (int64_t i = 0; i < n; ++i) {
      below += keys[i] < low;
      upto += keys[i] <= high;
    }
    if (rank < below || rank >= upto) break;
    if (low == high) return low;
    const int64_t kept = partition(keys, n, [=](T key) { return bool((low <= key) & (key <= high)); });
    if (kept == n) break;
    n = kept, rank -= below;
  }
  return quickselect(keys, n, rank);
}

// The axis along which the points, or a sample of them, extend most.
template <typename T>
int widest_axis(const IndexedPoint<T>* points, int64_t count) {
  constexpr int64_t kSample = 256;
  const int64_t step = count > kSample ? count / kSample : 1;
  T low[3], high[3];
  for (int a = 0; a < 3; ++a) low[a] = high[a] = points[0].at[a];
  for (int64_t i = 0; i < count; i += step) {
    for (int a = 0; a < 3; ++a) {
      low[a] = points[i].at[a] < low[a] ? points[i].at[a] : low[a];
      high[a] = points[i].at[a] > high[a] ? points[i].at[a] : high[a];
    }
  }
  const T x = high[0] - low[0], y = high[1] - low[1], z = high[2] - low[2];
  if (x >= y && x >= z) return 0;
  return y >= z ? 1 : 2;
}

// The left part gets the largest power of two of leaves that leaves a right part, all full. Points with the splitting
// coordinate go left in index order until it is full; both parts keep their order.
template <typename T>
Segment<T> split(Segment<T>* segment) {
  const int64_t count = segment->count;
  int64_t left = kLeaf;
  while (2 * left < count) left *= 2;
  const int axis = widest_axis(segment->points, count);
  for (int64_t i = 0; i < count; ++i) segment->keys[i] = segment->points[i].at[axis];
  const T pivot = select(segment->keys, count, left);
  int32_t ties = int32_t(left);
  for (int64_t i = 0; i < count; ++i) ties -= segment->keys[i] < pivot;  // select only reordered them

  int64_t to_left = 0, to_right = left;
  for (int64_t i = 0; i < count; ++i) {  // without branches: the outcome is random
    const T key = segment->points[i].at[axis];
    const int tie = int(key == pivot) & int(ties > 0);
    const int64_t goes_left = int(key < pivot) | tie;
    ties -= tie;
    segment->spare[to_right ^ ((to_left ^ to_right) & -goes_left)] = segment->points[i];
    to_left += goes_left;
    to_right += 1 - goes_left;
  }
  const Segment<T> right{segment->spare + left, segment->points + left, segment->keys + left,
                         count - left,          segment->cloud,         segment->first_leaf + left / kLeaf};
  *segment = {segment->spare, segment->points, segment->keys, left, segment->cloud, segment->first_leaf};
  return right;
}

template <typename T>
void write_leaf(const Segment<T>& segment, const SpatialIndex<T>& out) {
  T* leaf = out.leaves + segment.first_leaf * 3 * kLeaf;
  int32_t* index = out.index + segment.first_leaf * kLeaf;
  T* box = out.boxes + segment.first_leaf / kFan * 6 * kFan + segment.first_leaf % kFan;
  for (int64_t i = 0; i < kLeaf; ++i) {
    index[i] = i < segment.count ? int32_t(segment.points[i].index) : kNoIndex;
  }
  for (int a = 0; a < 3; ++a) {
    T low = __builtin_inf(), high = -__builtin_inf();
    for (int64_t i = 0; i < segment.count; ++i) {
      const T value = segment.points[i].at[a];
      leaf[a * kLeaf + i] = value;
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    for (int64_t i = segment.count; i < kLeaf; ++i) leaf[a * kLeaf + i] = __builtin_nan("");
    box[a * kFan] = low;
    box[(a + 3) * kFan] = high;
  }
  out.least[segment.first_leaf] = index[0];
}

template <typename T>
void grow(Segment<T> segment, const SpatialIndex<T>& out) {
  while (segment.count > kLeaf) {
    const Segment<T> right = split(&segment);
    grow(right, out);
  }
  write_leaf(segment, out);
}

}  // namespace
