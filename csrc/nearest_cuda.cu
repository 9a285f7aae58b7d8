#include <tuple>

#include "csrc/cuda_ops.h"
#include "kernels/cuda/nearest.cuh"

namespace pcgen {
namespace {

void check_pair(const Tensor& x, const Tensor& y) {
  STD_TORCH_CHECK(x.dim() == 3 && y.dim() == 3 && x.size(0) == y.size(0) && x.size(2) == y.size(2) && x.size(2) >= 1 &&
                      x.size(2) <= kMaxDim && x.scalar_type() == y.scalar_type() && x.get_device() == y.get_device(),
                  "x and y must be [B, N, D] and [B, M, D] of one dtype on one device, D at most 16");
}

template <typename T>
DeviceClouds<T> clouds(const Tensor& points, const std::optional<Tensor>& lengths) {
  return {points.const_data_ptr<T>(), optional_data(lengths), points.size(1), int(points.size(2))};
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

void search(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
            const std::optional<Tensor>& y_lengths, Found& of_x, Found* of_y) {
  const OnDeviceOf device(x);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  dispatch_floating(x, [&]<typename T>() {
    const NearestPlan plan(x.size(0), x.size(1), y.size(1), int(x.size(2)), of_y != nullptr, sizeof(T) == 8);
    const Tensor scratch = workspace(x, plan.workspace_bytes(sizeof(T)));
    check_launch("nearest", launch_nearest<T>(plan, clouds<T>(xc, x_lengths), clouds<T>(yc, y_lengths),
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

}  // namespace
}  // namespace pcgen

PCGEN_CUDA_IMPL(m) {
  m.impl("nearest", TORCH_BOX(&pcgen::nearest_cuda));
  m.impl("nearest_both", TORCH_BOX(&pcgen::nearest_both_cuda));
}
