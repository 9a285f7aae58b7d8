// Nearest neighbours by exhaustive search on CUDA, with the contract of kernels/cpu/nearest.h.
#pragma once

#include "kernels/cuda/clouds.cuh"

namespace pcgen {

template <typename T>
struct DeviceNeighbours {
  T* dist2;        // [batch, n]
  int64_t* index;  // [batch, n]
};

// How the distances of each pair are divided among blocks: row_parts of x times target_parts of y. Each part leaves,
// for every point of the other cloud, its least distance and roughly where that is, in the workspace.
struct NearestPlan {
  int64_t batch, n, m;
  bool both;
  int rows;  // of x per thread
  int64_t row_size, row_parts, target_size, target_parts;

  NearestPlan(int64_t batch, int64_t n, int64_t m, int dim, bool both, bool is_double);
  int64_t entries() const { return batch * (n * target_parts + (both ? m * row_parts : 0)); }
  int64_t workspace_bytes(size_t value_bytes) const { return entries() * int64_t(value_bytes + sizeof(int32_t)); }
};

// For each point of x its nearest point of y, and the other way round if plan.both.
template <typename T>
cudaError_t launch_nearest(const NearestPlan& plan, const DeviceClouds<T>& x, const DeviceClouds<T>& y,
                           void* workspace,  // plan.workspace_bytes(sizeof(T)), aligned to 16
                           const DeviceNeighbours<T>& of_x, const DeviceNeighbours<T>& of_y, cudaStream_t stream);

}  // namespace pcgen
