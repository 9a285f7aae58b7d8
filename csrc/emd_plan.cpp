#include "kernels/cpu/emd_plan.h"

#include <algorithm>
#include <tuple>

#include "csrc/ops.h"

namespace pcgen {
namespace {

using PlanTensors = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

PlanTensors emd_plan_cpu(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
                         const std::optional<Tensor>& y_lengths, const std::optional<Tensor>& start, bool squared,
                         double tol, bool exact) {
  check_points(x);
  check_points(y);
  const int64_t batch = x.size(0), n = x.size(1), m = y.size(1), room = std::max<int64_t>(0, n + m - 1);
  STD_TORCH_CHECK(y.size(0) == batch && x.scalar_type() == y.scalar_type(),
                  "x and y must agree in batch size and dtype");
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Tensor source = torch::stable::new_empty(x, {batch, room}, ScalarType::Long);
  Tensor target = torch::stable::new_empty(x, {batch, room}, ScalarType::Long);
  Tensor mass = torch::stable::new_empty(x, {batch, room}, ScalarType::Double);
  Tensor prices = torch::stable::new_empty(x, {batch, m}, ScalarType::Double);
  Tensor lower_bound = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor gap = torch::stable::new_empty(x, {batch}, ScalarType::Double);
  Tensor converged = torch::stable::new_empty(x, {batch}, ScalarType::Bool);
  if (batch > 0) {
    const EmdPlanResult result{source.mutable_data_ptr<int64_t>(),     target.mutable_data_ptr<int64_t>(),
                               mass.mutable_data_ptr<double>(),        prices.mutable_data_ptr<double>(),
                               lower_bound.mutable_data_ptr<double>(), gap.mutable_data_ptr<double>(),
                               converged.mutable_data_ptr<bool>()};
    const std::optional<Tensor> begin =
        start ? std::optional<Tensor>(torch::stable::contiguous(*start)) : std::optional<Tensor>();
    dispatch_floating(x, [&]<typename T>() {
      emd_plan<T>(xc.const_data_ptr<T>(), yc.const_data_ptr<T>(), optional_data(x_lengths), optional_data(y_lengths),
                  begin ? begin->const_data_ptr<double>() : nullptr, batch, n, m, {squared, tol, exact}, result,
                  torch_parallel_for);
    });
  }
  return {source, target, mass, prices, lower_bound, gap, converged};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) { m.impl("emd_plan", TORCH_BOX(&pcgen::emd_plan_cpu)); }
