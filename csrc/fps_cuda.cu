#include <tuple>

#include "csrc/cuda_ops.h"
#include "kernels/cuda/fps.cuh"

namespace pcgen {
namespace {

std::tuple<Tensor, Tensor> farthest_point_sample_cuda(const Tensor& points, const std::optional<Tensor>& lengths,
                                                      const Tensor& start, int64_t k) {
  check_points(points);
  const int64_t batch = points.size(0), n = points.size(1);
  STD_TORCH_CHECK(k >= 0 && k <= n && start.numel() == batch, "0 <= k <= N and one start per cloud are needed");
  STD_TORCH_CHECK(n < int64_t(1) << 31, "farthest_point_sample takes at most 2^31 - 1 points per cloud");
  const OnDeviceOf device(points);
  const Tensor pc = torch::stable::contiguous(points), sc = torch::stable::contiguous(start);
  Tensor index = torch::stable::new_empty(points, {batch, k}, ScalarType::Long);
  Tensor dist2 = torch::stable::new_empty(points, {batch, k});
  if (index.numel() == 0) return {index, dist2};
  dispatch_floating(points, [&]<typename T>() {
    const FpsPlan plan(batch, n, k, sizeof(T));
    const Tensor scratch = workspace(points, plan.workspace_bytes());
    check_launch("farthest_point_sample",
                 launch_farthest_point_sample<T>(plan, pc.const_data_ptr<T>(), sc.const_data_ptr<int64_t>(),
                                                 optional_data(lengths), scratch.mutable_data_ptr<uint8_t>(),
                                                 index.mutable_data_ptr<int64_t>(), dist2.mutable_data_ptr<T>(),
                                                 device.stream()));
  });
  return {index, dist2};
}

}  // namespace
}  // namespace pcgen

PCGEN_CUDA_IMPL(m) { m.impl("farthest_point_sample", TORCH_BOX(&pcgen::farthest_point_sample_cuda)); }
