#include "kernels/cpu/nearest.h"

#include "csrc/ops.h"

namespace pcgen {
namespace {

Tensor nearest_cpu(const Tensor& x, const Tensor& y, const std::optional<Tensor>& y_lengths) {
  check_points(x);
  check_points(y);
  STD_TORCH_CHECK(x.size(0) == y.size(0) && x.scalar_type() == y.scalar_type(),
                  "x and y must agree in batch size and dtype");
  const Tensor xc = torch::stable::contiguous(x), yc = torch::stable::contiguous(y);
  const int64_t batch = x.size(0), n = x.size(1), m = y.size(1);
  Tensor index = torch::stable::new_empty(x, {batch, n}, ScalarType::Long);
  if (index.numel() == 0) return index;
  dispatch_floating(x, [&]<typename T>() {
    nearest<T>(xc.const_data_ptr<T>(), yc.const_data_ptr<T>(), optional_data(y_lengths), batch, n, m,
               index.mutable_data_ptr<int64_t>(), torch_parallel_for);
  });
  return index;
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) { m.impl("nearest", TORCH_BOX(&pcgen::nearest_cpu)); }
