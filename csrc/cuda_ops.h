// What the CUDA registrations need beside ops.h: the device, its current stream, and errors that name the operator.
#pragma once

#include "csrc/ops.h"
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/scratch.cuh"

#ifdef PCGEN_CUDA_ON_CPU
#define PCGEN_CUDA_IMPL(m) STABLE_TORCH_LIBRARY_IMPL(pcgen_emulated, CPU, m)
#else
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#define PCGEN_CUDA_IMPL(m) STABLE_TORCH_LIBRARY_IMPL(pcgen, CUDA, m)
#endif

namespace pcgen {

// Makes the device of a tensor the current one while it lives.
class OnDeviceOf {
 public:
#ifdef PCGEN_CUDA_ON_CPU
  explicit OnDeviceOf(const Tensor&) {}
#else
  explicit OnDeviceOf(const Tensor& tensor) : guard_(tensor.get_device()) {
    void* stream = nullptr;
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(tensor.get_device(), &stream));
    stream_ = static_cast<cudaStream_t>(stream);
  }
#endif
  cudaStream_t stream() const { return stream_; }

 private:
#ifndef PCGEN_CUDA_ON_CPU
  torch::stable::accelerator::DeviceGuard guard_;
#endif
  cudaStream_t stream_ = nullptr;
};

inline void check_launch(const char* name, cudaError_t status) {
  STD_TORCH_CHECK(status == cudaSuccess, name, ": ", cudaGetErrorString(status));
}

// Scratch memory on the device of `like`, from torch's caching allocator.
inline Tensor workspace(const Tensor& like, int64_t bytes) {
  return torch::stable::new_empty(like, {bytes}, ScalarType::Byte);
}

// Scratch memory for a plan that takes its arrays from a Scratch: make(scratch) is called to count, then to divide.
template <typename Make>
auto with_scratch(const Tensor& like, Tensor& memory, Make make) {
  Scratch counting;
  make(counting);
  memory = workspace(like, counting.bytes());
  Scratch dividing(memory.mutable_data_ptr<uint8_t>());
  return make(dividing);
}

}  // namespace pcgen
