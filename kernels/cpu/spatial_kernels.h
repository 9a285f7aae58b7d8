// The parts of the spatial index that exist once per instruction set.
#pragma once

#include "kernels/cpu/rank_segment.h"
#include "kernels/cpu/spatial_index.h"

namespace pcgen {

template <typename T>
struct SpatialKernels {
  // Writes the points of a segment as a leaf, and its box in level 0. `out` is the segment's own cloud.
  void (*write)(const Segment<T>& segment, const SpatialIndex<T>& out);

  // Answers the queries in the leaves [first, last) of the query index; there is at least one target leaf.
  void (*knn)(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t first, int64_t last, int64_t k,
              T radius2, T* list_dist2, int32_t* list_index,  // [k] scratch each
              T* dist2, int64_t* index);

  // The same without an index and for any dimension.
  void (*knn_exhaustive)(const T* queries,  // [n, dims]
                         int64_t n, int64_t dims,
                         const T* blocks,             // [block_count, dims, kLeaf], padded with NaN
                         const int32_t* block_index,  // [block_count, kLeaf]
                         int64_t block_count, int64_t k, T radius2, T* list_dist2, int32_t* list_index, T* dist2,
                         int64_t* index);
};

struct SpatialLevel {
  SpatialKernels<float> f32;
  SpatialKernels<double> f64;
};

template <typename T>
const SpatialKernels<T>& spatial_kernels();

}  // namespace pcgen
