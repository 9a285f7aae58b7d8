// The k nearest targets of every query on CUDA, with the contract of kernels/cpu/knn.h.
#pragma once

#include "kernels/cuda/clouds.cuh"

namespace pcgen {

template <typename T>
struct DeviceNeighbors {
  T* dist2;        // [batch, n, k]
  int64_t* index;  // [batch, n, k]
};

// By exhaustive search, for any dimension. targets.n < 2^31.
template <typename T>
cudaError_t launch_knn_exhaustive(const DeviceClouds<T>& queries, const DeviceClouds<T>& targets, int64_t batch,
                                  int64_t k, T radius2, const DeviceNeighbors<T>& out, cudaStream_t stream);

}  // namespace pcgen
