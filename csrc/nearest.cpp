#include "kernels/cpu/nearest.h"

#include <tuple>

#include "csrc/ops.h"
#include "kernels/cpu/nearest_level.h"

namespace pcgen {
namespace {

void check_pair(const Tensor& x, const Tensor& y) {
  STD_TORCH_CHECK(x.dim() == 3 && y.dim() == 3 && x.size(0) == y.size(0) && x.size(2) == y.size(2) && x.size(2) >= 1 &&
                      x.size(2) <= kMaxDim && x.scalar_type() == y.scalar_type(),
                  "x and y must be [B, N, D] and [B, M, D] of one dtype, D at most 16");
}

struct Found {
  Tensor dist2, index;  // [B, N]

  explicit Found(const Tensor& points)
      : dist2(torch::stable::new_empty(points, {points.size(0), points.size(1)})),
        index(torch::stable::new_empty(points, {points.size(0), points.size(1)}, ScalarType::Long)) {}

  template <typename T>
  Neighbours<T> data() {
    return {dist2.mutable_data_ptr<T>(), index.mutable_data_ptr<int64_t>()};
  }
};

template <typename T>
Clouds<T> clouds(const Tensor& points, const std::optional<Tensor>& lengths) {
  return {points.const_data_ptr<T>(), optional_data(lengths), points.size(1)};
}

std::tuple<Tensor, Tensor> nearest_cpu(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_lengths,
                                       const std::optional<Tensor>& y_lengths) {
  check_pair(x, y);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Found of_x(x);
  dispatch_floating(x, [&]<typename T>() {
    nearest<T>(clouds<T>(xc, x_lengths), clouds<T>(yc, y_lengths), x.size(0), int(x.size(2)), of_x.data<T>(), {},
               torch_parallel_for);
  });
  return {of_x.dist2, of_x.index};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> nearest_both_cpu(const Tensor& x, const Tensor& y,
                                                            const std::optional<Tensor>& x_lengths,
                                                            const std::optional<Tensor>& y_lengths) {
  check_pair(x, y);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  Found of_x(x), of_y(y);
  dispatch_floating(x, [&]<typename T>() {
    nearest<T>(clouds<T>(xc, x_lengths), clouds<T>(yc, y_lengths), x.size(0), int(x.size(2)), of_x.data<T>(),
               of_y.data<T>(), torch_parallel_for);
  });
  return {of_x.dist2, of_x.index, of_y.dist2, of_y.index};
}

std::tuple<Tensor, Tensor> nearest_backward_cpu(const Tensor& grad, const Tensor& x, const Tensor& y,
                                                const Tensor& index) {
  check_pair(x, y);
  const Tensor gc = torch::stable::contiguous(grad), ic = torch::stable::contiguous(index);
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  const int64_t batch = x.size(0), n = x.size(1), m = y.size(1), dim = x.size(2);
  STD_TORCH_CHECK(grad.numel() == batch * n && index.numel() == batch * n && grad.scalar_type() == x.scalar_type(),
                  "grad and index must be [B, N], grad in the dtype of x");
  Tensor grad_x = torch::stable::new_empty(x, {batch, n, dim}), grad_y = torch::stable::new_empty(y, {batch, m, dim});
  dispatch_floating(x, [&]<typename T>() {
    nearest_backward<T>(gc.const_data_ptr<T>(), xc.const_data_ptr<T>(), yc.const_data_ptr<T>(),
                        ic.const_data_ptr<int64_t>(), batch, n, m, int(dim), grad_x.mutable_data_ptr<T>(),
                        grad_y.mutable_data_ptr<T>(), torch_parallel_for);
  });
  return {grad_x, grad_y};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) {
  m.impl("nearest", TORCH_BOX(&pcgen::nearest_cpu));
  m.impl("nearest_both", TORCH_BOX(&pcgen::nearest_both_cpu));
  m.impl("nearest_backward", TORCH_BOX(&pcgen::nearest_backward_cpu));
}
