// The derivative of nearest on CUDA, with the contract of kernels/cpu/nearest.h, to the bit.
#pragma once

#include "kernels/cuda/sort.cuh"

namespace pcgen {

struct BackwardPlan {
  static constexpr int64_t kSortFrom = 8192;  // points of a cloud; fewer are arranged in shared memory

  int64_t batch, n, m;
  int dim;
  SortPairs pairs;  // all points, for large clouds

  BackwardPlan(Scratch& scratch, int64_t batch, int64_t n, int64_t m, int dim)
      : batch(batch),
        n(n),
        m(m),
        dim(dim),
        pairs(scratch, sorts() ? batch * n : 0, bits_for(uint64_t(batch) * uint64_t(m + 1))) {}

  bool sorts() const { return n >= kSortFrom; }
};

template <typename T>
cudaError_t launch_nearest_backward(const BackwardPlan& plan,
                                    const T* grad,         // [batch, n]
                                    const T* x,            // [batch, n, dim]
                                    const T* y,            // [batch, m, dim]
                                    const int64_t* index,  // [batch, n]
                                    T* grad_x,             // [batch, n, dim]
                                    T* grad_y,             // [batch, m, dim]
                                    cudaStream_t stream);

}  // namespace pcgen
