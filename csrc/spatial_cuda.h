// A spatial index as tensors on the device, for the operators that search one.
#pragma once

#include <algorithm>

#include "csrc/cuda_ops.h"
#include "kernels/cuda/spatial.cuh"

namespace pcgen {

template <typename T>
DeviceClouds<T> device_clouds(const Tensor& points, const std::optional<Tensor>& lengths) {
  return {points.const_data_ptr<T>(), optional_data(lengths), points.size(1), int(points.size(2))};
}

// The four tensors of an index, and the view of them that the kernels take.
struct IndexTensors {
  Tensor leaves, index, boxes, least;

  template <typename T>
  SpatialIndex<T> view() const {
    return {IndexLayout(leaves.size(1) * kLeaf), leaves.mutable_data_ptr<T>(), index.mutable_data_ptr<int32_t>(),
            boxes.mutable_data_ptr<T>(), least.mutable_data_ptr<int32_t>()};
  }
};

// The k nearest of each query: [B, N, k], or [B, N] where only the nearest is asked for.
struct KnnResult {
  Tensor dist2, index;
  int64_t n;

  KnnResult(const Tensor& query, int64_t k)
      : dist2(torch::stable::new_empty(query, {query.size(0), query.size(1), k})),
        index(torch::stable::new_empty(query, {query.size(0), query.size(1), k}, ScalarType::Long)),
        n(query.size(1)) {}
  KnnResult(const Tensor& dist2, const Tensor& index, int64_t n) : dist2(dist2), index(index), n(n) {}

  template <typename T>
  DeviceNeighbors<T> data() {
    return {dist2.mutable_data_ptr<T>(), index.mutable_data_ptr<int64_t>()};
  }
};

inline IndexTensors build_index(const Tensor& points, const std::optional<Tensor>& lengths, cudaStream_t stream) {
  const int64_t batch = points.size(0), n = points.size(1);
  STD_TORCH_CHECK(n <= kMaxIndexed, "an index holds at most 2^31 - 1 points per cloud");
  const IndexLayout layout(n);
  const IndexTensors out{torch::stable::new_empty(points, {batch, layout.leaves, 3, kLeaf}),
                         torch::stable::new_empty(points, {batch, layout.leaves, kLeaf}, ScalarType::Int),
                         torch::stable::new_empty(points, {batch, layout.groups, 6, kFan}),
                         torch::stable::new_empty(points, {batch, layout.groups, kFan}, ScalarType::Int)};
  Tensor memory;
  const IndexPlan plan = with_scratch(points, memory, [&](Scratch& scratch) { return IndexPlan(scratch, batch, n); });
  dispatch_floating(points, [&]<typename T>() {
    check_launch("spatial_index",
                 launch_build_index<T>(plan, device_clouds<T>(points, lengths), out.view<T>(), stream));
  });
  return out;
}

inline void search_index(const IndexTensors& queries, const IndexTensors& targets, int64_t k, double radius,
                         KnnResult& out, cudaStream_t stream) {
  dispatch_floating(out.dist2, [&]<typename T>() {
    check_launch("spatial_index_knn", launch_knn_indexed<T>(queries.view<T>(), targets.view<T>(), out.dist2.size(0),
                                                            out.n, k, T(radius) * T(radius), out.data<T>(), stream));
  });
}

}  // namespace pcgen
