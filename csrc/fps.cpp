#include "kernels/cpu/fps.h"

#include <tuple>

#include "csrc/ops.h"

namespace pcgen {
namespace {

std::tuple<Tensor, Tensor> farthest_point_sample_cpu(const Tensor& points, const std::optional<Tensor>& lengths,
                                                     const Tensor& start, int64_t k) {
  check_points(points);
  const int64_t batch = points.size(0), n = points.size(1);
  STD_TORCH_CHECK(k >= 0 && k <= n && start.numel() == batch, "0 <= k <= N and one start per cloud are needed");
  const Tensor pc = torch::stable::contiguous(points), sc = torch::stable::contiguous(start);
  Tensor index = torch::stable::new_empty(points, {batch, k}, ScalarType::Long);
  Tensor dist2 = torch::stable::new_empty(points, {batch, k});
  if (index.numel() == 0) return {index, dist2};
  dispatch_floating(points, [&]<typename T>() {
    farthest_point_sample<T>(pc.const_data_ptr<T>(), sc.const_data_ptr<int64_t>(), optional_data(lengths), batch, n, k,
                             index.mutable_data_ptr<int64_t>(), dist2.mutable_data_ptr<T>(), torch_parallel_for);
  });
  return {index, dist2};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) {
  m.impl("farthest_point_sample", TORCH_BOX(&pcgen::farthest_point_sample_cpu));
}
