// Answering the queries of whole leaves, for the instruction set this file is compiled for.
//
// The queries come in leaves of an index of their own, so that neighbours are answered together: one walk through the
// tree gathers the target leaves near the whole query leaf, and the queries look at those only.
#pragma once

#include "kernels/cpu/knn_bounds.h"
#include "kernels/cpu/knn_lists.h"
#include "kernels/cpu/spatial_lanes.h"
#include "kernels/cpu/spatial_search.h"

namespace {

// A squared radius around the box [low, high] that holds what any query within can keep: what the box's centre keeps,
// farther by the way from there to the farthest corner. Enlarged by more than all rounding.
template <typename T, typename Kept>
T reach2(const SpatialIndex<T>& targets, const T* low, const T* high, T radius2, Kept& kept) {
  Vec<T> query[3];
  T to_corner[3];
  for (int a = 0; a < 3; ++a) {
    const T centre = low[a] / 2 + high[a] / 2;  // rounded, which matters far from the origin
    const T below = centre - low[a], above = high[a] - centre;
    to_corner[a] = below > above ? below : above;
    query[a] = Vec<T>::fill(centre);
  }
  kept.clear(radius2);
  search(targets, query, kept);
  const T corner2 = distance2<T>(to_corner[0], to_corner[1], to_corner[2]);
  const T reach = __builtin_sqrt(kept.bound()) + __builtin_sqrt(corner2);
  return reach * reach * T(1.0001) + (sizeof(T) == 4 ? T(1e-37) : T(1e-300));
}

// The queries of one leaf, and where their answers go.
template <typename T>
struct QueryLeaf {
  const T* points;          // [3, kLeaf]
  const int32_t* original;  // [kLeaf] row of the answer; kNoIndex is padding, after all others
  int64_t k;
  T* dist2;        // [., k]
  int64_t* index;  // [., k]

  bool has(int64_t i) const { return i < kLeaf && original[i] != kNoIndex; }

  void query(int64_t i, Vec<T>* at) const {
    for (int a = 0; a < 3; ++a) at[a] = Vec<T>::fill(points[a * kLeaf + i]);
  }

  template <typename Kept>
  void write(int64_t i, Kept& kept) const {
    kept.write(dist2 + original[i] * k, index + original[i] * k);
  }
};

template <typename T, typename Kept>
void answer_one(const Nearby<T>& nearby, const SpatialIndex<T>& targets, const QueryLeaf<T>& leaf, int64_t i, T bound,
                Kept& kept) {
  Vec<T> query[3];
  leaf.query(i, query);
  kept.clear(bound);
  nearby.search(targets, query, kept);
  leaf.write(i, kept);
}

template <typename Kept>
void answer_all(const Nearby<double>& nearby, const SpatialIndex<double>& targets, const QueryLeaf<double>& leaf,
                const double* bounds, Kept& kept) {
  for (int64_t i = 0; leaf.has(i); ++i) answer_one(nearby, targets, leaf, i, bounds[i], kept);
}

// Fetches n values for writing.
template <typename T>
inline void prefetch(const T* values, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / sizeof(T)) __builtin_prefetch(values + i, 1);
  __builtin_prefetch(values + n - 1, 1);
}

template <typename Kept>
void answer_all(const Nearby<float>& nearby, const SpatialIndex<float>& targets, const QueryLeaf<float>& leaf,
                const float* bounds, Kept& kept) {
  Candidates candidates;
  uint32_t collected = 0;
  for (int64_t i = 0; leaf.has(i); ++i) {
    Vec<float> query[3];
    leaf.query(i, query);
    prefetch(leaf.dist2 + leaf.original[i] * leaf.k, leaf.k);
    prefetch(leaf.index + leaf.original[i] * leaf.k, leaf.k);
    if (leaf.k <= kMostSorted && candidates.collect(i, nearby, targets, query, bounds[i])) {
      collected |= uint32_t(1) << i;
    } else {
      answer_one(nearby, targets, leaf, i, bounds[i], kept);
    }
  }
  for (; collected; collected &= collected - 1) {
    const int i = __builtin_ctz(collected);
    const int64_t row = leaf.original[i] * leaf.k;
    candidates.write(i, leaf.k, leaf.dist2 + row, leaf.index + row);
  }
}

// Answers the queries in the leaves [first, last) of their index: row i of the result is that of query i.
template <typename T, typename Kept>
void answer(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t first, int64_t last, T radius2,
            Kept& kept, int64_t k, T* dist2, int64_t* index) {
  Nearby<T> nearby;
  for (int64_t number = first; number < last; ++number) {
    const QueryLeaf<T> leaf{queries.leaves + number * 3 * kLeaf, queries.index + number * kLeaf, k, dist2, index};
    if (!leaf.has(0)) return;
    const T* box = queries.boxes + number / kFan * 6 * kFan + number % kFan;
    const T low[3] = {box[0], box[kFan], box[2 * kFan]};
    const T high[3] = {box[3 * kFan], box[4 * kFan], box[5 * kFan]};
    const Vec<T> lows[3] = {Vec<T>::fill(low[0]), Vec<T>::fill(low[1]), Vec<T>::fill(low[2])};
    const Vec<T> highs[3] = {Vec<T>::fill(high[0]), Vec<T>::fill(high[1]), Vec<T>::fill(high[2])};
    const T reach = reach2(targets, low, high, radius2, kept), typical = kept.bound();
    if (!nearby.gather(targets, lows, highs, reach)) {
      for (int64_t i = 0; leaf.has(i); ++i) {
        Vec<T> query[3];
        leaf.query(i, query);
        kept.clear(radius2);
        search(targets, query, kept);
        leaf.write(i, kept);
      }
    } else if constexpr (Kept::kSingle) {
      nearest_in_lanes(nearby, targets, leaf.points, leaf.original, radius2, kept, dist2, index);
    } else {
      T bounds[kLeaf];
      bounds_in_lanes(nearby, targets, leaf.points, k, typical, radius2 < reach ? radius2 : reach, bounds);
      answer_all(nearby, targets, leaf, bounds, kept);
    }
  }
}

template <typename T>
void knn_in_leaves(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t first, int64_t last,
                   int64_t k, T radius2, T* list_dist2, int32_t* list_index, T* dist2, int64_t* index) {
  with_kept(k, list_dist2, list_index,
            [&](auto kept) { answer(queries, targets, first, last, radius2, kept, k, dist2, index); });
}

// Every query [n, dims] against every target, in blocks [blocks, dims, kLeaf] in index order, padded with NaN.
template <typename T>
void knn_exhaustive(const T* queries, int64_t n, int64_t dims, const T* blocks, const int32_t* block_index,
                    int64_t block_count, int64_t k, T radius2, T* list_dist2, int32_t* list_index, T* dist2,
                    int64_t* index) {
  with_kept(k, list_dist2, list_index, [&](auto kept) {
    for (int64_t i = 0; i < n; ++i) {
      const T* query = queries + i * dims;
      kept.clear(radius2);
      for (int64_t block = 0; block < block_count; ++block) {
        const T* planes = blocks + block * dims * kLeaf;
        Vec<T> d[kLeafVecs<T>];
        for (int v = 0; v < kLeafVecs<T>; ++v) {
          const Vec<T> first = Vec<T>::fill(query[0]) - Vec<T>::load(planes + v * Vec<T>::kWidth);
          d[v] = first * first;
          for (int64_t a = 1; a < dims; ++a) {
            const Vec<T> next = Vec<T>::fill(query[a]) - Vec<T>::load(planes + a * kLeaf + v * Vec<T>::kWidth);
            d[v] = Vec<T>::fma(next, next, d[v]);
          }
        }
        kept.look(d, block_index + block * kLeaf, block);
      }
      kept.write(dist2 + i * k, index + i * k);
    }
  });
}

}  // namespace
