// What every op file needs from torch's stable ABI.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <optional>

#include "kernels/cpu/simd.h"

namespace pcgen {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// The executor that the torch-free CPU kernels receive: torch's own thread pool.
inline void torch_parallel_for(int64_t n, int64_t grain, Range run, void* context) {
  torch::stable::parallel_for(0, n, grain, [&](int64_t begin, int64_t end) { run(begin, end, context); });
}

inline const int64_t* optional_data(const std::optional<Tensor>& tensor) {
  return tensor ? tensor->const_data_ptr<int64_t>() : nullptr;
}

// Calls body.operator()<float>() or <double>(). Python has validated already; this guards direct calls of the op.
template <typename Body>
void dispatch_floating(const Tensor& tensor, Body body) {
  const ScalarType type = tensor.scalar_type();
  STD_TORCH_CHECK(type == ScalarType::Float || type == ScalarType::Double, "pcgen ops take float32 or float64 points");
  if (type == ScalarType::Float) {
    body.template operator()<float>();
  } else {
    body.template operator()<double>();
  }
}

inline void check_points(const Tensor& points) {
  STD_TORCH_CHECK(points.dim() == 3 && points.size(2) == 3, "pcgen ops take points of shape [B, N, 3]");
}

}  // namespace pcgen
