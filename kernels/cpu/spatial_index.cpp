#include "kernels/cpu/spatial_index.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/cpu/index_boxes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/rank_tree.h"
#include "kernels/cpu/spatial_kernels.h"

namespace pcgen {

extern const SpatialLevel spatial_portable;
#if defined(__x86_64__)
extern const SpatialLevel spatial_avx2;
extern const SpatialLevel spatial_avx512;
#endif

namespace {

constexpr int64_t kLeavesPerTask = 32;

const SpatialLevel& spatial_level() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return spatial_avx512;
  if (simd_level().id == SimdId::avx2) return spatial_avx2;
#endif
  return spatial_portable;
}

template <typename T>
void clear(const SpatialIndex<T>& index) {
  const auto& layout = index.layout;
  std::fill_n(index.leaves, layout.leaves * 3 * kLeaf, std::numeric_limits<T>::quiet_NaN());
  std::fill_n(index.index, layout.leaves * kLeaf, kNoIndex);
  std::fill_n(index.least, layout.groups * kFan, kNoIndex);
  for (int64_t group = 0; group < layout.groups; ++group) {
    T* boxes = index.boxes + group * 6 * kFan;
    std::fill_n(boxes, 3 * kFan, std::numeric_limits<T>::infinity());
    std::fill_n(boxes + 3 * kFan, 3 * kFan, -std::numeric_limits<T>::infinity());
  }
}

}  // namespace

template <>
const SpatialKernels<float>& spatial_kernels<float>() {
  return spatial_level().f32;
}

template <>
const SpatialKernels<double>& spatial_kernels<double>() {
  return spatial_level().f64;
}

template <typename T>
void build_spatial_index(const T* points, const int64_t* lengths, int64_t batch, int64_t n, const SpatialIndex<T>& out,
                         ParallelFor parallel_for) {
  const auto build = [=](const Clouds<T>& clouds, int64_t count, const SpatialIndex<T>& index, ParallelFor run) {
    RankTree<T> tree(clouds, count, 3, run);
    for_each(run, count, [&](int64_t b) { clear(index.cloud(b)); });
    tree.run(kLeaf, run, [&](const Segment<T>& leaf) { spatial_kernels<T>().write(leaf, index.cloud(leaf.cloud)); });
    for_each(run, count, [&](int64_t b) {
      const SpatialIndex<T> mine = index.cloud(b);
      join_boxes(mine.layout, mine.layout.leaves, mine.boxes, mine.least);
    });
  };
  const Clouds<T> clouds{points, lengths, n};
  if (!are_tasks(batch, n)) return build(clouds, batch, out, parallel_for);
  for_each(parallel_for, batch, [&](int64_t b) { build(only(clouds, b, 3), 1, out.cloud(b), run_alone); });
}

template <typename T>
void knn_indexed(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t batch, int64_t n, int64_t k,
                 T radius2, T* dist2, int64_t* index, ParallelFor parallel_for) {
  if (targets.layout.leaves == 0) {
    std::fill_n(dist2, batch * n * k, std::numeric_limits<T>::infinity());
    std::fill_n(index, batch * n * k, -1);
    return;
  }
  const int64_t tasks = (queries.layout.leaves + kLeavesPerTask - 1) / kLeavesPerTask;
  for_range(parallel_for, batch * tasks, [&](int64_t begin, int64_t end) {
    std::vector<T> list_dist2(k);
    std::vector<int32_t> list_index(k);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t b = task / tasks, first = task % tasks * kLeavesPerTask;
      const int64_t last = std::min(first + kLeavesPerTask, queries.layout.leaves);
      spatial_kernels<T>().knn(queries.cloud(b), targets.cloud(b), first, last, k, radius2, list_dist2.data(),
                               list_index.data(), dist2 + b * n * k, index + b * n * k);
    }
  });
}

#define PCGEN_INSTANTIATE(T)                                                                                          \
  template void build_spatial_index(const T*, const int64_t*, int64_t, int64_t, const SpatialIndex<T>&, ParallelFor); \
  template void knn_indexed(const SpatialIndex<T>&, const SpatialIndex<T>&, int64_t, int64_t, int64_t, T, T*,         \
                            int64_t*, ParallelFor);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)
#undef PCGEN_INSTANTIATE

}  // namespace pcgen
