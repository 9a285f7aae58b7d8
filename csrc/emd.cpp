#include "kernels/cpu/emd.h"

#include <tuple>

#include "csrc/ops.h"

namespace pcgen {
namespace {

using EmdTensors = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

EmdTensors emd_cpu(const Tensor& x, const Tensor& y, const std::optional<Tensor>& lengths,
                   const std::optional<Tensor>& prices, bool squared, double tol, bool exact) {
  check_points(x);
  check_points(y);
  const int64_t batch = x.size(0), n = x.size(1);
  STD_TORCH_CHECK(y.size(0) == batch && y.size(1) == n && x.scalar_type() == y.scalar_type(),
                  "x and y must agree in shape and dtype");
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Tensor assignment = torch::stable::new_empty(x, {batch, n}, ScalarType::Long);
  Tensor final_prices = torch::stable::new_empty(x, {batch, n}, ScalarType::Double);
  Tensor lower_bound = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor gap = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor converged = torch::stable::new_empty(x, {batch}, ScalarType::Bool);
  if (batch == 0) return {assignment, final_prices, lower_bound, gap, converged};
  const std::optional<Tensor> start =
      prices ? std::optional<Tensor>(torch::stable::contiguous(*prices)) : std::optional<Tensor>();
  const EmdResult result{assignment.mutable_data_ptr<int64_t>(), final_prices.mutable_data_ptr<double>(),
                         lower_bound.mutable_data_ptr<double>(), gap.mutable_data_ptr<double>(),
                         converged.mutable_data_ptr<bool>()};
  dispatch_floating(x, [&]<typename T>() {
    emd<T>(xc.const_data_ptr<T>(), yc.const_data_ptr<T>(), optional_data(lengths),
           start ? start->const_data_ptr<double>() : nullptr, batch, n, {squared, tol, exact}, result,
           torch_parallel_for);
  });
  return {assignment, final_prices, lower_bound, gap, converged};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) { m.impl("emd", TORCH_BOX(&pcgen::emd_cpu)); }
