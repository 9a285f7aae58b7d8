// Every schema, once.
#include "csrc/ops.h"

namespace {

int64_t simd_level() { return static_cast<int64_t>(pcgen::simd_level().id); }

}  // namespace

STABLE_TORCH_LIBRARY(pcgen, m) {
  m.def("nearest(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths) -> (Tensor dist2, Tensor index)");
  m.def(
      "nearest_both(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths)"
      " -> (Tensor dist2_x, Tensor index_x, Tensor dist2_y, Tensor index_y)");
  m.def("nearest_backward(Tensor grad, Tensor x, Tensor y, Tensor index) -> (Tensor grad_x, Tensor grad_y)");
  m.def("farthest_point_sample(Tensor points, int k, Tensor start, Tensor? lengths) -> Tensor");
  m.def("simd_level() -> int");
}

STABLE_TORCH_LIBRARY_IMPL(pcgen, CompositeExplicitAutograd, m) { m.impl("simd_level", TORCH_BOX(&simd_level)); }
