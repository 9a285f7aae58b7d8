#include <tuple>

#include "csrc/cuda_ops.h"
#include "csrc/spatial_cuda.h"
#include "kernels/cuda/knn.cuh"

namespace pcgen {
namespace {

constexpr int64_t kIndexFrom = 8192;  // points of the smaller cloud; a guess, not measured

std::tuple<Tensor, Tensor> knn_cuda(const Tensor& query, const Tensor& points, int64_t k, double radius,
                                    const std::optional<Tensor>& query_lengths,
                                    const std::optional<Tensor>& points_lengths) {
  STD_TORCH_CHECK(query.dim() == 3 && points.dim() == 3 && query.size(2) == points.size(2) &&
                      query.size(2) <= kMaxDim && query.size(0) == points.size(0) &&
                      query.scalar_type() == points.scalar_type() && query.get_device() == points.get_device() &&
                      k <= points.size(1) && points.size(1) <= kMaxIndexed,
                  "query [B, N, D] and points [B, M, D] of one dtype on one device, k <= M, D <= 16 are needed");
  const OnDeviceOf device(query);
  const Tensor qc = torch::stable::contiguous(query), pc = torch::stable::contiguous(points);
  KnnResult out(query, k);
  if (out.dist2.numel() == 0) return {out.dist2, out.index};
  if (query.size(2) == 3 && std::min(query.size(1), points.size(1)) >= kIndexFrom) {
    const IndexTensors targets = build_index(pc, points_lengths, device.stream());
    const bool same = qc.data_ptr() == pc.data_ptr() && qc.size(1) == pc.size(1) &&
                      optional_data(query_lengths) == optional_data(points_lengths);
    const IndexTensors queries = same ? targets : build_index(qc, query_lengths, device.stream());
    search_index(queries, targets, k, radius, out, device.stream());
  } else {
    dispatch_floating(query, [&]<typename T>() {
      check_launch("knn",
                   launch_knn_exhaustive<T>(device_clouds<T>(qc, query_lengths), device_clouds<T>(pc, points_lengths),
                                            query.size(0), k, T(radius) * T(radius), out.data<T>(), device.stream()));
    });
  }
  return {out.dist2, out.index};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> spatial_index_cuda(const Tensor& points,
                                                              const std::optional<Tensor>& lengths) {
  check_points(points);
  const OnDeviceOf device(points);
  const IndexTensors out = build_index(torch::stable::contiguous(points), lengths, device.stream());
  return {out.leaves, out.index, out.boxes, out.least};
}

std::tuple<Tensor, Tensor> spatial_index_knn_cuda(const Tensor& query, const std::optional<Tensor>& query_lengths,
                                                  const Tensor& leaves, const Tensor& index, const Tensor& boxes,
                                                  const Tensor& least, int64_t k, double radius) {
  check_points(query);
  STD_TORCH_CHECK(query.size(0) == leaves.size(0) && query.scalar_type() == leaves.scalar_type() &&
                      query.get_device() == leaves.get_device(),
                  "query and index must agree in batch size, dtype and device");
  const OnDeviceOf device(query);
  KnnResult out(query, k);
  if (out.dist2.numel() == 0) return {out.dist2, out.index};
  const IndexTensors queries = build_index(torch::stable::contiguous(query), query_lengths, device.stream());
  search_index(queries, {leaves, index, boxes, least}, k, radius, out, device.stream());
  return {out.dist2, out.index};
}

}  // namespace
}  // namespace pcgen

PCGEN_CUDA_IMPL(m) {
  m.impl("knn", TORCH_BOX(&pcgen::knn_cuda));
  m.impl("spatial_index", TORCH_BOX(&pcgen::spatial_index_cuda));
  m.impl("spatial_index_knn", TORCH_BOX(&pcgen::spatial_index_knn_cuda));
}
