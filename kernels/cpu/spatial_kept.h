// What a search keeps of the targets it sees: the nearest, or the k nearest sorted by (distance, index).
//
// All have bound() and admits(distance, index): what is not admitted cannot change the answer; look(), which takes the
// squared distances of the kLeaf points of a leaf; and write(). `leaf` remembers where the nearest one was found.
#pragma once

#include "kernels/cpu/rank_segment.h"  // LaneBits
#include "kernels/cpu/spatial_index.h"
#include "kernels/cpu/vec_mask.h"

namespace {

using pcgen::kFan;
using pcgen::kLeaf;
using pcgen::kNoIndex;

template <typename T>
inline constexpr int kLeafVecs = kLeaf / Vec<T>::kWidth;

template <typename T>
inline bool before(T dist2, int32_t index, T other_dist2, int32_t other_index) {
  if (dist2 < other_dist2) return true;
  if (dist2 > other_dist2) return false;
  return index < other_index;
}

// The single nearest target.
template <typename T>
struct Best {
  static constexpr bool kSingle = true;
  T dist2;
  int32_t index;
  int64_t leaf = 0;

  void clear(T radius2) {
    dist2 = radius2;
    index = kNoIndex;
  }
  bool admits(T d, int32_t i) const { return before(d, i, dist2, index); }
  T bound() const { return dist2; }

  void take(T d, int32_t i) {
    dist2 = d;
    index = i;
  }

  void look(const Vec<T>* d, const int32_t* indices, int64_t number) {
    Vec<T> least = Vec<T>::fill(__builtin_inf());
    for (int i = 0; i < kLeafVecs<T>; ++i) least = Vec<T>::min(d[i], least);  // NaN gives `least`
    if (!bits(less_equal(least, Vec<T>::fill(dist2)))) return;
    const T value = least.reduce_min();
    for (int i = 0; i < kLeafVecs<T>; ++i) {
      const uint32_t hits = bits(equal(d[i], Vec<T>::fill(value)));
      if (!hits) continue;
      const int32_t found = indices[i * Vec<T>::kWidth + __builtin_ctz(hits)];
      if (admits(value, found)) {
        take(value, found);
        leaf = number;
      }
      return;
    }
  }

  void write(T* out_dist2, int64_t* out_index) const {
    const bool found = index != kNoIndex;
    *out_dist2 = found ? dist2 : T(__builtin_inf());
    *out_index = found ? index : -1;
  }
};

// Puts (d, i) in its place of a sorted list whose last entry it comes before; returns the place.
template <typename T, typename Index>
inline int64_t insert_sorted(T* dist2, Index* index, int64_t k, T d, Index i) {
  int64_t j = k - 1;
  for (; j > 0 && before(d, int32_t(i), dist2[j - 1], int32_t(index[j - 1])); --j) {
    dist2[j] = dist2[j - 1];
    index[j] = index[j - 1];
  }
  dist2[j] = d;
  index[j] = i;
  return j;
}

// The k nearest targets in R registers of distances and R of index bits, k <= R * width. An insertion moves nothing
// but registers: entry j becomes the median of itself, its left neighbour and the new distance.
template <typename T, int R>
struct RegisterList {
  static constexpr bool kSingle = false;
  using Index = typename LaneBits<T>::type;
  static constexpr int kWidth = Vec<T>::kWidth;
  static constexpr int kCapacity = R * kWidth;
  int64_t k;
  int64_t leaf = 0;
  Vec<T> dist2[R];
  Vec<T> index[R];
  T last_dist2;  // the k-th entry
  int32_t last_index;

  explicit RegisterList(int64_t k) : k(k) {}

  static Vec<T> lanes_of(Index i) {
    T as_lane;
    __builtin_memcpy(&as_lane, &i, sizeof(T));
    return Vec<T>::fill(as_lane);
  }

  void clear(T radius2) {
    for (int r = 0; r < R; ++r) {
      dist2[r] = Vec<T>::fill(radius2);
      index[r] = lanes_of(kNoIndex);
    }
    last_dist2 = radius2;
    last_index = kNoIndex;
  }
  bool admits(T d, int32_t i) const { return before(d, i, last_dist2, last_index); }
  T bound() const { return last_dist2; }

  void look(const Vec<T>* d, const int32_t* indices, int64_t number) {
    const T nearest = first();
    for (int i = 0; i < kLeafVecs<T>; ++i) offer(d[i], indices + i * kWidth);
    if (first() < nearest) leaf = number;
  }

  T first() const {
    T values[kWidth];
    dist2[0].store(values);
    return values[0];
  }

  void offer(Vec<T> d, const int32_t* indices) {
    uint32_t hits = bits(less_equal(d, Vec<T>::fill(last_dist2)));
    if (!hits) return;
    T values[kWidth];
    d.store(values);
    do {
      const int lane = __builtin_ctz(hits);
      insert(values + lane, indices + lane);
      hits &= hits - 1;
    } while (hits);
    T d_out[kCapacity];
    Index i_out[kCapacity];
    spill(d_out, i_out);
    last_dist2 = d_out[k - 1];
    last_index = int32_t(i_out[k - 1]);
  }

  void insert(const T* value, const int32_t* i) {
    const Vec<T> d = Vec<T>::fill(*value), new_index = lanes_of(*i);
    uint32_t ties = 0;
    for (int r = 0; r < R; ++r) ties |= bits(equal(d, dist2[r]));
    if (ties) return insert_tied(*value, *i);
    for (int r = R - 1; r >= 0; --r) {
      const Vec<T> left = shift_up(dist2[r], r ? dist2[r - 1] : Vec<T>::fill(-__builtin_inf()));
      const Vec<T> left_index = shift_up(index[r], index[r ? r - 1 : 0]);
      index[r] = select(less(d, left), left_index, select(less(d, dist2[r]), new_index, index[r]));
      dist2[r] = Vec<T>::min(dist2[r], Vec<T>::max(left, d));
    }
  }

  void insert_tied(T value, int32_t i) {
    T d_out[kCapacity];
    Index i_out[kCapacity];
    spill(d_out, i_out);
    if (!before(value, i, d_out[kCapacity - 1], int32_t(i_out[kCapacity - 1]))) return;
    insert_sorted(d_out, i_out, kCapacity, value, Index(i));
    for (int r = 0; r < R; ++r) {
      dist2[r] = Vec<T>::load(d_out + r * kWidth);
      T as_lanes[kWidth];
      __builtin_memcpy(as_lanes, i_out + r * kWidth, sizeof(as_lanes));
      index[r] = Vec<T>::load(as_lanes);
    }
  }

  void spill(T* d_out, Index* i_out) const {
    for (int r = 0; r < R; ++r) {
      dist2[r].store(d_out + r * kWidth);
      T as_lanes[kWidth];
      index[r].store(as_lanes);
      __builtin_memcpy(i_out + r * kWidth, as_lanes, sizeof(as_lanes));
    }
  }

  void write(T* out_dist2, int64_t* out_index) const {
    T d_out[kCapacity];
    Index i_out[kCapacity];
    spill(d_out, i_out);
    for (int64_t j = 0; j < k; ++j) {
      const bool found = i_out[j] != kNoIndex;
      out_dist2[j] = found ? d_out[j] : T(__builtin_inf());
      out_index[j] = found ? int64_t(i_out[j]) : -1;
    }
  }
};

// The k nearest targets as a heap in memory, the farthest on top; for k beyond the registers.
template <typename T>
struct HeapList {
  static constexpr bool kSingle = false;
  T* dist2;
  int32_t* index;
  int64_t k;
  int64_t leaf = 0;

  void clear(T radius2) {
    for (int64_t j = 0; j < k; ++j) {
      dist2[j] = radius2;
      index[j] = kNoIndex;
    }
  }
  bool admits(T d, int32_t i) const { return before(d, i, dist2[0], index[0]); }
  T bound() const { return dist2[0]; }

  void look(const Vec<T>* d, const int32_t* indices, int64_t number) {
    for (int i = 0; i < kLeafVecs<T>; ++i) offer(d[i], indices + i * Vec<T>::kWidth);
    leaf = number;
  }

  void offer(Vec<T> d, const int32_t* indices) {
    uint32_t hits = bits(less_equal(d, Vec<T>::fill(bound())));
    if (!hits) return;
    T values[Vec<T>::kWidth];
    d.store(values);
    for (; hits; hits &= hits - 1) {
      const int lane = __builtin_ctz(hits);
      if (admits(values[lane], indices[lane])) sink(values[lane], indices[lane], k);
    }
  }

  // Puts (d, i) into the place of the top and restores the heap of the first n entries.
  void sink(T d, int32_t i, int64_t n) {
    int64_t place = 0;
    for (int64_t child = 1; child < n; child = 2 * place + 1) {
      if (child + 1 < n && before(dist2[child], index[child], dist2[child + 1], index[child + 1])) ++child;
      if (!before(d, i, dist2[child], index[child])) break;
      dist2[place] = dist2[child];
      index[place] = index[child];
      place = child;
    }
    dist2[place] = d;
    index[place] = i;
  }

  // Takes the heap apart, farthest first.
  void write(T* out_dist2, int64_t* out_index) {
    for (int64_t n = k; n > 0; --n) {
      const bool found = index[0] != kNoIndex;
      out_dist2[n - 1] = found ? dist2[0] : T(__builtin_inf());
      out_index[n - 1] = found ? index[0] : -1;
      sink(dist2[n - 1], index[n - 1], n - 1);
    }
  }
};

// Calls body(kept) with the smallest of these that keeps k. The heap works in `list_dist2` and `list_index` [k].
template <typename T, typename Body>
void with_kept(int64_t k, T* list_dist2, int32_t* list_index, Body body) {
  if (k == 1) {
    body(Best<T>());
  } else if (k <= RegisterList<T, 1>::kCapacity) {
    body(RegisterList<T, 1>(k));
  } else if (k <= RegisterList<T, 2>::kCapacity) {
    body(RegisterList<T, 2>(k));
  } else if (k <= RegisterList<T, 4>::kCapacity) {
    body(RegisterList<T, 4>(k));
  } else {
    body(HeapList<T>{list_dist2, list_index, k});
  }
}

}  // namespace
