#include "kernels/cpu/knn.h"

#include <tuple>

#include "csrc/ops.h"

namespace pcgen {
namespace {

// The four tensors of a spatial index, and the view of them that the kernels take.
struct IndexTensors {
  Tensor leaves, index, boxes, least;

  template <typename T>
  SpatialIndex<T> view() const {
    return {IndexLayout(leaves.size(1) * kLeaf), leaves.mutable_data_ptr<T>(), index.mutable_data_ptr<int32_t>(),
            boxes.mutable_data_ptr<T>(), least.mutable_data_ptr<int32_t>()};
  }
};

IndexTensors build(const Tensor& points, const std::optional<Tensor>& lengths) {
  const int64_t batch = points.size(0), n = points.size(1);
  STD_TORCH_CHECK(n <= kMaxIndexed, "an index holds at most 2^31 - 1 points per cloud");
  const IndexLayout layout(n);
  const IndexTensors out{torch::stable::new_empty(points, {batch, layout.leaves, 3, kLeaf}),
                         torch::stable::new_empty(points, {batch, layout.leaves, kLeaf}, ScalarType::Int),
                         torch::stable::new_empty(points, {batch, layout.groups, 6, kFan}),
                         torch::stable::new_empty(points, {batch, layout.groups, kFan}, ScalarType::Int)};
  if (batch == 0) return out;
  dispatch_floating(points, [&]<typename T>() {
    build_spatial_index<T>(points.const_data_ptr<T>(), optional_data(lengths), batch, n, out.view<T>(),
                           torch_parallel_for);
  });
  return out;
}

struct Neighbors {
  Tensor dist2, index;

  Neighbors(const Tensor& query, int64_t k)
      : dist2(torch::stable::new_empty(query, {query.size(0), query.size(1), k})),
        index(torch::stable::new_empty(query, {query.size(0), query.size(1), k}, ScalarType::Long)) {}
};

void search(const Tensor& query, const std::optional<Tensor>& lengths, const IndexTensors& queries,
            const IndexTensors& targets, int64_t k, double radius, Neighbors& out) {
  const int64_t batch = query.size(0), n = query.size(1);
  dispatch_floating(query, [&]<typename T>() {
    T* dist2 = out.dist2.mutable_data_ptr<T>();
    int64_t* index = out.index.mutable_data_ptr<int64_t>();
    knn_indexed<T>(queries.view<T>(), targets.view<T>(), batch, n, k, T(radius) * T(radius), dist2, index,
                   torch_parallel_for);
    blank_unusable_queries<T>(query.const_data_ptr<T>(), optional_data(lengths), batch, n, 3, k, dist2, index,
                              torch_parallel_for);
  });
}

std::tuple<Tensor, Tensor> knn_cpu(const Tensor& query, const Tensor& points, int64_t k, double radius,
                                   const std::optional<Tensor>& query_lengths,
                                   const std::optional<Tensor>& points_lengths) {
  STD_TORCH_CHECK(query.dim() == 3 && points.dim() == 3 && query.size(2) == points.size(2) &&
                      query.size(0) == points.size(0) && query.scalar_type() == points.scalar_type() &&
                      k <= points.size(1),
                  "query [B, N, D] and points [B, M, D] of one dtype and k <= M are needed");
  const Tensor qc = torch::stable::contiguous(query), pc = torch::stable::contiguous(points);
  Neighbors out(query, k);
  if (out.dist2.numel() == 0) return {out.dist2, out.index};
  if (query.size(2) == 3) {
    const IndexTensors targets = build(pc, points_lengths);
    const bool same = qc.data_ptr() == pc.data_ptr() && qc.size(1) == pc.size(1) &&
                      optional_data(query_lengths) == optional_data(points_lengths);
    search(qc, query_lengths, same ? targets : build(qc, query_lengths), targets, k, radius, out);
  } else {
    dispatch_floating(query, [&]<typename T>() {
      knn_exhaustive<T>(qc.const_data_ptr<T>(), pc.const_data_ptr<T>(), optional_data(query_lengths),
                        optional_data(points_lengths), qc.size(0), qc.size(1), pc.size(1), pc.size(2), k,
                        T(radius) * T(radius), out.dist2.mutable_data_ptr<T>(), out.index.mutable_data_ptr<int64_t>(),
                        torch_parallel_for);
    });
  }
  return {out.dist2, out.index};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> spatial_index_cpu(const Tensor& points,
                                                             const std::optional<Tensor>& lengths) {
  check_points(points);
  const IndexTensors out = build(torch::stable::contiguous(points), lengths);
  return {out.leaves, out.index, out.boxes, out.least};
}

std::tuple<Tensor, Tensor> spatial_index_knn_cpu(const Tensor& query, const std::optional<Tensor>& query_lengths,
                                                 const Tensor& leaves, const Tensor& index, const Tensor& boxes,
                                                 const Tensor& least, int64_t k, double radius) {
  check_points(query);
  STD_TORCH_CHECK(query.size(0) == leaves.size(0) && query.scalar_type() == leaves.scalar_type(),
                  "query and index must agree in batch size and dtype");
  Neighbors out(query, k);
  if (out.dist2.numel() == 0) return {out.dist2, out.index};
  const Tensor qc = torch::stable::contiguous(query);
  search(qc, query_lengths, build(qc, query_lengths), {leaves, index, boxes, least}, k, radius, out);
  return {out.dist2, out.index};
}

}  // namespace
}  // namespace pcgen

STABLE_TORCH_LIBRARY_IMPL(pcgen, CPU, m) {
  m.impl("knn", TORCH_BOX(&pcgen::knn_cpu));
  m.impl("spatial_index", TORCH_BOX(&pcgen::spatial_index_cpu));
  m.impl("spatial_index_knn", TORCH_BOX(&pcgen::spatial_index_knn_cpu));
}
