// The spatial index on CUDA: the tensors of kernels/cpu/spatial_index.h, built by sorting along a space-filling curve.
//
// Leaves hold kLeaf points that follow each other on the curve, where the CPU's are those of a kd-tree; everything
// above them, and so what a search may rely on, is the same. Far outliers make the curve coarse: leaves then overlap,
// and searches are slow but right.
#pragma once

#include "kernels/cpu/spatial_index.h"
#include "kernels/cuda/clouds.cuh"
#include "kernels/cuda/knn.cuh"
#include "kernels/cuda/sort.cuh"

namespace pcgen {

// The part of a batch's index that belongs to one cloud.
template <typename T>
__device__ SpatialIndex<T> index_of(const SpatialIndex<T>& all, int64_t cloud) {
  return {all.layout, all.leaves + cloud * all.layout.leaves * 3 * kLeaf, all.index + cloud * all.layout.leaves * kLeaf,
          all.boxes + cloud * all.layout.groups * 6 * kFan, all.least + cloud * all.layout.groups * kFan};
}

struct IndexPlan {
  static constexpr int kCurveParts = 64;  // of a cloud, while its bounding box is found

  int64_t batch, n;
  int curve_bits;  // per axis
  SortPairs pairs;
  void* corners;  // [batch, kCurveParts, 6] of the points' type

  IndexPlan(Scratch& scratch, int64_t batch, int64_t n);
};

template <typename T>
cudaError_t launch_build_index(const IndexPlan& plan, const DeviceClouds<T>& clouds, const SpatialIndex<T>& out,
                               cudaStream_t stream);

// The k nearest targets of every query within radius2: all rows of `out`, also of queries that are not in their index.
template <typename T>
cudaError_t launch_knn_indexed(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t batch, int64_t n,
                               int64_t k, T radius2, const DeviceNeighbors<T>& out, cudaStream_t stream);

}  // namespace pcgen
