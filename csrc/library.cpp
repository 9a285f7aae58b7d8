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
  m.def("farthest_point_sample(Tensor points, Tensor? lengths, Tensor start, int k) -> (Tensor index, Tensor dist2)");
  m.def(
      "knn(Tensor query, Tensor points, int k, float radius, Tensor? query_lengths, Tensor? points_lengths)"
      " -> (Tensor, Tensor)");
  m.def("spatial_index(Tensor points, Tensor? lengths) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "spatial_index_knn(Tensor query, Tensor? query_lengths, Tensor leaves, Tensor index, Tensor boxes, Tensor least,"
      " int k, float radius) -> (Tensor, Tensor)");
  m.def(
      "emd(Tensor x, Tensor y, Tensor? lengths, Tensor? prices, bool squared, float tol, bool exact) "
      "-> (Tensor, Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "emd_plan(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths, Tensor? prices, bool squared, float tol, "
      "bool exact) "
      "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
  m.def("simd_level() -> int");
}

STABLE_TORCH_LIBRARY_IMPL(pcgen, CompositeExplicitAutograd, m) { m.impl("simd_level", TORCH_BOX(&simd_level)); }
