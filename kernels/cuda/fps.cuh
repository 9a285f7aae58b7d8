// Farthest-point sampling on CUDA, with the contract of kernels/cpu/fps.h.
#pragma once

#include "kernels/cuda/device.cuh"

namespace pcgen {

// Who shares a cloud: one block; a thread-block cluster, which talks through shared memory; or blocks of a cooperative
// grid, which talk through global memory.
enum class FpsScope { block, cluster, grid };

// How a batch is laid out on the current device.
struct FpsPlan {
  int64_t batch, n, k;
  size_t value_bytes;
  FpsScope scope;
  int threads, blocks, groups;  // blocks that share a cloud, and how many such groups there are
  bool streams;                 // the cloud does not fit into registers

  FpsPlan(int64_t batch, int64_t n, int64_t k, size_t value_bytes);
  int64_t workspace_bytes() const;
};

template <typename T>
cudaError_t launch_farthest_point_sample(const FpsPlan& plan,
                                         const T* points,         // [batch, n, 3], n < 2^31
                                         const int64_t* start,    // [batch], clamped to the cloud
                                         const int64_t* lengths,  // [batch] or nullptr
                                         void* workspace,         // plan.workspace_bytes(), aligned to 16
                                         int64_t* index,          // [batch, k]
                                         T* dist2,                // [batch, k] squared covering radius
                                         cudaStream_t stream);

}  // namespace pcgen
