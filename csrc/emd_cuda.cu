#include <tuple>

#include "csrc/cuda_ops.h"
#include "kernels/cuda/emd.cuh"

namespace pcgen {
namespace {

using EmdTensors = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

EmdTensors emd_cuda(const Tensor& x, const Tensor& y, const std::optional<Tensor>& lengths,
                    const std::optional<Tensor>& prices, bool squared, double tol, bool exact) {
  check_points(x);
  check_points(y);
  const int64_t batch = x.size(0), n = x.size(1);
  STD_TORCH_CHECK(y.size(0) == batch && y.size(1) == n && x.scalar_type() == y.scalar_type() &&
                      x.get_device() == y.get_device() && n < int64_t(1) << 31,
                  "x and y must agree in shape, dtype and device, with less than 2^31 points");
  const OnDeviceOf device(x);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Tensor assignment = torch::stable::new_empty(x, {batch, n}, ScalarType::Long);
  Tensor final_prices = torch::stable::new_empty(x, {batch, n}, ScalarType::Double);
  Tensor lower_bound = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor gap = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor converged = torch::stable::new_empty(x, {batch}, ScalarType::Bool);
  const std::optional<Tensor> start =
      prices ? std::optional<Tensor>(torch::stable::contiguous(*prices)) : std::optional<Tensor>();
  const EmdResult result{assignment.mutable_data_ptr<int64_t>(), final_prices.mutable_data_ptr<double>(),
                         lower_bound.mutable_data_ptr<double>(), gap.mutable_data_ptr<double>(),
                         converged.mutable_data_ptr<bool>()};
  const EmdPlan plan(batch, n);
  const Tensor scratch = workspace(x, plan.workspace_bytes());
  dispatch_floating(x, [&]<typename T>() {
    check_launch("emd", launch_emd<T>(plan, xc.const_data_ptr<T>(), yc.const_data_ptr<T>(), optional_data(lengths),
                                      start ? start->const_data_ptr<double>() : nullptr, {squared, tol, exact},
                                      scratch.mutable_data_ptr<uint8_t>(), result, device.stream()));
  });
  return {assignment, final_prices, lower_bound, gap, converged};
}

}  // namespace
}  // namespace pcgen

PCGEN_CUDA_IMPL(m) { m.impl("emd", TORCH_BOX(&pcgen::emd_cuda)); }
