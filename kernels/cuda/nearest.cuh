// Nearest neighbours on CUDA, same contract as kernels/cpu/nearest.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pcgen {

template <typename T>
cudaError_t launch_nearest(const T* x,                // [batch, n, 3]
                           const T* y,                // [batch, m, 3]
                           const int64_t* x_lengths,  // [batch] or nullptr
                           const int64_t* y_lengths,  // [batch] or nullptr
                           int64_t batch, int64_t n, int64_t m,
                           T* dist2,        // [batch, n]
                           int64_t* index,  // [batch, n]
                           cudaStream_t stream);

}  // namespace pcgen
