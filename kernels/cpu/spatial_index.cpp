#include "kernels/cpu/spatial_index.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/cpu/finite.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/spatial_kernels.h"

namespace pcgen {

extern const SpatialLevel spatial_portable;
#if defined(__x86_64__)
extern const SpatialLevel spatial_avx2;
extern const SpatialLevel spatial_avx512;
#endif

namespace {

// Subtrees wanted before they are built in parallel, and the size that is never split for that purpose.
constexpr int64_t kSubtrees = 64;
constexpr int64_t kSmallSubtree = 4096;
constexpr int64_t kLeavesPerTask = 32;

const SpatialLevel& spatial_level() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return spatial_avx512;
  if (simd_level().id == SimdId::avx2) return spatial_avx2;
#endif
  return spatial_portable;
}

// Valid points with their index, in order; returns their number.
template <typename T>
int64_t collect_valid(const T* points, int64_t count, IndexedPoint<T>* out) {
  int64_t valid = 0;
  for (int64_t i = 0; i < count; ++i) {
    const T* p = points + 3 * i;
    out[valid] = {{p[0], p[1], p[2]}, decltype(IndexedPoint<T>::index)(i)};
    valid += is_finite(p, 3);
  }
  return valid;
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

// The boxes of the upper levels from those of the leaves.
template <typename T>
void join_boxes(const SpatialIndex<T>& index) {
  for (int level = 1; level < index.layout.levels; ++level) {
    const int64_t begin = index.layout.level_begin[level];
    const int64_t below = index.layout.level_begin[level - 1];
    for (int64_t child = below; child < begin; ++child) {
      const int64_t place = child - below;
      T* box = index.boxes + (begin + place / kFan) * 6 * kFan + place % kFan;
      const T* boxes = index.boxes + child * 6 * kFan;
      for (int a = 0; a < 3; ++a) {
        box[a * kFan] = *std::min_element(boxes + a * kFan, boxes + (a + 1) * kFan);
        box[(a + 3) * kFan] = *std::max_element(boxes + (a + 3) * kFan, boxes + (a + 4) * kFan);
      }
      const int32_t* least = index.least + child * kFan;
      index.least[begin * kFan + place] = *std::min_element(least, least + kFan);
    }
  }
}

// Splits the segments, all at once, until there are enough of them to share among threads.
template <typename T>
void split_for_threads(std::vector<Segment<T>>& segments, ParallelFor parallel_for) {
  const auto is_large = [](const Segment<T>& segment) { return segment.count > kSmallSubtree; };
  while (int64_t(segments.size()) < kSubtrees) {
    const int64_t large = std::partition(segments.begin(), segments.end(), is_large) - segments.begin();
    if (large == 0) return;
    const int64_t old = segments.size();
    segments.resize(old + large);
    for_each(parallel_for, large, [&](int64_t s) { segments[old + s] = spatial_kernels<T>().split(&segments[s]); });
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
  const auto memory = std::make_unique_for_overwrite<IndexedPoint<T>[]>(2 * batch * n);
  const auto keys = std::make_unique_for_overwrite<T[]>(batch * n);
  std::vector<Segment<T>> segments(batch);
  for_each(parallel_for, batch, [&](int64_t b) {
    clear(out.cloud(b));
    IndexedPoint<T>* mine = memory.get() + 2 * b * n;
    const int64_t count = lengths ? std::clamp<int64_t>(lengths[b], 0, n) : n;
    segments[b] = {mine, mine + n, keys.get() + b * n, collect_valid(points + b * n * 3, count, mine), b, 0};
  });
  std::erase_if(segments, [](const Segment<T>& segment) { return segment.count == 0; });
  split_for_threads(segments, parallel_for);
  for_each(parallel_for, segments.size(),
           [&](int64_t s) { spatial_kernels<T>().grow(segments[s], out.cloud(segments[s].cloud)); });
  for_each(parallel_for, batch, [&](int64_t b) { join_boxes(out.cloud(b)); });
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
