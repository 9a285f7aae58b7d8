// Earth Mover's Distance on CUDA, with the results that kernels/cpu/emd.h promises.
#pragma once

#include "kernels/cpu/emd.h"
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/scratch.cuh"

namespace pcgen {

// One block per pair. What a pair needs lies in shared memory as far as it fits, else in the workspace.
struct EmdPlan {
  int64_t batch, n, blocks, pair_bytes;
  bool in_shared;

  EmdPlan(int64_t batch, int64_t n);
  int64_t workspace_bytes() const { return in_shared ? 0 : blocks * pair_bytes; }
};

// All arithmetic is float64.
template <typename T>
cudaError_t launch_emd(const EmdPlan& plan,
                       const T* x,              // [batch, n, 3]
                       const T* y,              // [batch, n, 3]
                       const int64_t* lengths,  // [batch] or nullptr: points of both clouds of a pair
                       const double* prices,    // [batch, n] or nullptr: where to start
                       EmdOptions options,
                       void* workspace,  // plan.workspace_bytes(), aligned to 256
                       EmdResult result, cudaStream_t stream);

}  // namespace pcgen
