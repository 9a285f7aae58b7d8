#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>

#include <tuple>

#include "csrc/ops.h"
#include "kernels/cuda/nearest.cuh"

namespace pcgen {
namespace {

std::tuple<Tensor, Tensor> nearest_cuda(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
                                        const std::optional<Tensor>& y_lengths) {
  check_points(x);
  check_points(y);
  STD_TORCH_CHECK(x.size(0) == y.size(0) && x.scalar_type() == y.scalar_type() && x.get_device() == y.get_device(),
                  "x and y must agree in batch size, dtype and device");
  const torch::stable::accelerator::DeviceGuard guard(x.get_device());
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device(), &stream));
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  const int64_t batch = x.size(0), n = x.size(1), m = y.size(1);
  Tensor dist2 = torch::stable::new_empty(x, {batch, n});
  Tensor index = torch::stable::new_empty(x, {batch, n}, ScalarType::Long);
  dispatch_floating(x, [&]<typename T>() {
    const cudaError_t status = launch_nearest<T>(
        xc.const_data_ptr<T>(), yc.const_data_ptr<T>(), optional_data(x_lengths), optional_data(y_lengths), batch, n, m,
        dist2.mutable_data_ptr<T>(), index.mutable_data_ptr<int64_t>(), static_cast<cudaStream_t>(stream));
    STD_TORCH_CHECK(status == cudaSuccess, "nearest: ", cudaGetErrorString(status));
  });
  return {dist2, index};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> nearest_both_cuda(const Tensor& x, const Tensor& y,
                                                             const std::optional<Tensor>& x_lengths,
                                                             const std::optional<Tensor>& y_lengths) {
  return std::tuple_cat(nearest_cuda(x, y, x_lengths, y_lengths), nearest_cuda(y, x, y_lengths, x_lengths));
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CUDA, m) {
  m.impl("nearest", TORCH_BOX(&pcgen::nearest_cuda));
  m.impl("nearest_both", TORCH_BOX(&pcgen::nearest_both_cuda));
}
