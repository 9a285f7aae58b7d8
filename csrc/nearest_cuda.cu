#include <limits>
#include <tuple>

#include "csrc/cuda_ops.h"
#include "csrc/spatial_cuda.h"
#include "kernels/cuda/nearest.cuh"
#include "kernels/cuda/nearest_backward.cuh"

namespace pcgen {
namespace {

constexpr int64_t kIndexFrom = 16384;  // points of the smaller cloud; a guess, not measured

void check_pair(const Tensor& x, const Tensor& y) {
  STD_TORCH_CHECK(x.dim() == 3 && y.dim() == 3 && x.size(0) == y.size(0) && x.size(2) == y.size(2) && x.size(2) >= 1 &&
                      x.size(2) <= kMaxDim && x.scalar_type() == y.scalar_type() && x.get_device() == y.get_device(),
                  "x and y must be [B, N, D] and [B, M, D] of one dtype on one device, D at most 16");
}

struct Found {
  Tensor dist2, index;  // [B, N]

  explicit Found(const Tensor& points)
      : dist2(torch::stable::new_empty(points, {points.size(0), points.size(1)})),
        index(torch::stable::new_empty(points, {points.size(0), points.size(1)}, ScalarType::Long)) {}

  template <typename T>
  DeviceNeighbours<T> data() {
    return {dist2.mutable_data_ptr<T>(), index.mutable_data_ptr<int64_t>()};
  }
};

void search_nearest(const IndexTensors& queries, const IndexTensors& targets, Found& out, cudaStream_t stream) {
  KnnResult result(out.dist2, out.index, out.dist2.size(1));
  search_index(queries, targets, 1, std::numeric_limits<double>::infinity(), result, stream);
}

void search(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
            const std::optional<Tensor>& y_lengths, Found& of_x, Found* of_y) {
  const OnDeviceOf device(x);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  if (x.size(2) == 3 && std::min(x.size(1), y.size(1)) >= kIndexFrom && std::max(x.size(1), y.size(1)) <= kMaxIndexed) {
    const IndexTensors xs = build_index(xc, x_lengths, device.stream()),
                       ys = build_index(yc, y_lengths, device.stream());
    search_nearest(xs, ys, of_x, device.stream());
    if (of_y) search_nearest(ys, xs, *of_y, device.stream());
    return;
  }
  dispatch_floating(x, [&]<typename T>() {
    const NearestPlan plan(x.size(0), x.size(1), y.size(1), int(x.size(2)), of_y != nullptr, sizeof(T) == 8);
    const Tensor scratch = workspace(x, plan.workspace_bytes(sizeof(T)));
    check_launch("nearest", launch_nearest<T>(plan, device_clouds<T>(xc, x_lengths), device_clouds<T>(yc, y_lengths),
                                              scratch.mutable_data_ptr<uint8_t>(), of_x.data<T>(),
                                              of_y ? of_y->data<T>() : DeviceNeighbours<T>{}, device.stream()));
  });
}

std::tuple<Tensor, Tensor> nearest_cuda(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
                                        const std::optional<Tensor>& y_lengths) {
  check_pair(x, y);
  Found of_x(x);
  search(x, y, x_lengths, y_lengths, of_x, nullptr);
  return {of_x.dist2, of_x.index};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> nearest_both_cuda(const Tensor& x, const Tensor& y,
                                                             const std::optional<Tensor>& x_lengths,
                                                             const std::optional<Tensor>& y_lengths) {
  check_pair(x, y);
  Found of_x(x), of_y(y);
  search(x, y, x_lengths, y_lengths, of_x, &of_y);
  return {of_x.dist2, of_x.index, of_y.dist2, of_y.index};
}

std::tuple<Tensor, Tensor> nearest_backward_cuda(const Tensor& grad, const Tensor& x, const Tensor& y,
                                                 const Tensor& index) {
  check_pair(x, y);
  const int64_t batch = x.size(0), n = x.size(1), m = y.size(1), dim = x.size(2);
  STD_TORCH_CHECK(grad.numel() == batch * n && index.numel() == batch * n && grad.scalar_type() == x.scalar_type(),
                  "grad and index must be [B, N], grad in the dtype of x");
  const OnDeviceOf device(x);
  const Tensor gc = torch::stable::contiguous(grad), ic = torch::stable::contiguous(index);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Tensor grad_x = torch::stable::new_empty(x, {batch, n, dim}), grad_y = torch::stable::new_empty(y, {batch, m, dim});
  Tensor memory;
  const BackwardPlan plan =
      with_scratch(x, memory, [&](Scratch& scratch) { return BackwardPlan(scratch, batch, n, m, int(dim)); });
  dispatch_floating(x, [&]<typename T>() {
    check_launch("nearest_backward", launch_nearest_backward<T>(plan, gc.const_data_ptr<T>(), xc.const_data_ptr<T>(),
                                                                yc.const_data_ptr<T>(), ic.const_data_ptr<int64_t>(),
                                                                grad_x.mutable_data_ptr<T>(),
                                                                grad_y.mutable_data_ptr<T>(), device.stream()));
  });
  return {grad_x, grad_y};
}

}  // namespace
}  // namespace pcgen

PCGEN_CUDA_IMPL(m) {
  m.impl("nearest", TORCH_BOX(&pcgen::nearest_cuda));
  m.impl("nearest_both", TORCH_BOX(&pcgen::nearest_both_cuda));
  m.impl("nearest_backward", TORCH_BOX(&pcgen::nearest_backward_cuda));
}
