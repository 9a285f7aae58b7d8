#include "kernels/cpu/fps.h"

#include <tuple>

#include "csrc/ops.h"
#include "kernels/cpu/nearest_level.h"

namespace pcgen {
namespace {

std::tuple<Tensor, Tensor> farthest_point_sample_cpu(const Tensor& points, const std::optional<Tensor>& lengths,
                                                     const Tensor& start, int64_t k) {
  STD_TORCH_CHECK(points.dim() == 3 && points.size(2) >= 1 && points.size(2) <= kMaxDim,
                  "points must be [B, N, D], D at most 16");
  const int64_t batch = points.size(0), n = points.size(1);
  STD_TORCH_CHECK(k >= 0 && k <= n && start.numel() == batch, "0 <= k <= N and one start per cloud are needed");
  STD_TORCH_CHECK(n <= kMaxSampled, "a cloud must have fewer than 2^31 points");
  const Tensor pc = torch::stable::contiguous(points), sc = torch::stable::contiguous(start);
  Tensor index = torch::stable::new_empty(points, {batch, k}, ScalarType::Long);
  Tensor dist2 = torch::stable::new_empty(points, {batch, k});
  if (index.numel() == 0) return {index, dist2};
  dispatch_floating(points, [&]<typename T>() {
    farthest_point_sample<T>(pc.const_data_ptr<T>(), optional_data(lengths), sc.const_data_ptr<int64_t>(), batch, n,
                             int(points.size(2)), k, index.mutable_data_ptr<int64_t>(), dist2.mutable_data_ptr<T>(),
                             torch_parallel_for);
  });
  return {index, dist2};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) {
  m.impl("farthest_point_sample", TORCH_BOX(&pcgen::farthest_point_sample_cpu));
}
