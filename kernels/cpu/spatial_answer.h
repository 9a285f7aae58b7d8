// Answering the queries of whole leaves, for the instruction set this file is compiled for.
//
// The queries come in leaves of an index of their own, so that neighbours are answered together: one walk through the
// tree gathers the target leaves near the whole query leaf, and the queries look at those only.
#pragma once

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

// Answers the queries in the leaves [first, last) of their index: row i of the result is that of query i.
template <typename T, typename Kept>
void answer(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t first, int64_t last, T radius2,
            Kept& kept, int64_t k, T* dist2, int64_t* index) {
  Nearby<T> nearby;
  for (int64_t leaf = first; leaf < last; ++leaf) {
    const T* points = queries.leaves + leaf * 3 * kLeaf;
    const int32_t* original = queries.index + leaf * kLeaf;
    if (original[0] == kNoIndex) return;
    const T* box = queries.boxes + leaf / kFan * 6 * kFan + leaf % kFan;
    const T low[3] = {box[0], box[kFan], box[2 * kFan]};
    const T high[3] = {box[3 * kFan], box[4 * kFan], box[5 * kFan]};
    const Vec<T> lows[3] = {Vec<T>::fill(low[0]), Vec<T>::fill(low[1]), Vec<T>::fill(low[2])};
    const Vec<T> highs[3] = {Vec<T>::fill(high[0]), Vec<T>::fill(high[1]), Vec<T>::fill(high[2])};
    const bool together = nearby.gather(targets, lows, highs, reach2(targets, low, high, radius2, kept));
    if constexpr (Kept::kSingle) {
      if (together) {
        nearest_in_lanes(nearby, targets, points, original, radius2, kept, dist2, index);
        continue;
      }
    }
    for (int64_t i = 0; i < kLeaf && original[i] != kNoIndex; ++i) {
      const Vec<T> query[3] = {Vec<T>::fill(points[i]), Vec<T>::fill(points[kLeaf + i]),
                               Vec<T>::fill(points[2 * kLeaf + i])};
      kept.clear(radius2);
      if (together) {
        nearby.search(targets, query, kept);
      } else {
        search(targets, query, kept);
      }
      kept.write(dist2 + original[i] * k, index + original[i] * k);
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
