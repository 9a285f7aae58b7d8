#include "kernels/cpu/fps.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/cpu/fps_buckets.h"

namespace pcgen {

extern const FpsKernels<float> fps_f32_portable;
extern const FpsKernels<double> fps_f64_portable;
#if defined(__x86_64__)
extern const FpsKernels<float> fps_f32_avx2, fps_f32_avx512;
extern const FpsKernels<double> fps_f64_avx2, fps_f64_avx512;
#endif

template <>
const FpsKernels<float>& fps_kernels<float>() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return fps_f32_avx512;
  if (simd_level().id == SimdId::avx2) return fps_f32_avx2;
#endif
  return fps_f32_portable;
}

template <>
const FpsKernels<double>& fps_kernels<double>() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return fps_f64_avx512;
  if (simd_level().id == SimdId::avx2) return fps_f64_avx2;
#endif
  return fps_f64_portable;
}

namespace {

// Points of a leaf, one bucket each, but no more leaves than samples, and one leaf if there are so few samples that
// sorting the points costs more than it saves.
int64_t leaf_for(int64_t n, int64_t k) {
  constexpr int64_t kFewSamples = 32;
  int64_t leaf = kCapacity;
  while (leaf < n && (k < kFewSamples || leaf * k < n)) leaf *= 2;
  return leaf;
}

// Takes 0 < k <= n points of one cloud.
template <typename T>
void sample_cloud(const T* points, int64_t n, int dim, int64_t first, int64_t k, int64_t* index, T* dist2,
                  ParallelFor parallel_for) {
  RankTree<T> tree({points, nullptr, n}, 1, dim, parallel_for);
  const int64_t finite = tree.count(0), sampled = std::min(finite, k);
  if (sampled) {
    if (!is_finite(points + first * dim, dim)) first = tree.first(0);
    const OwnedBuckets<T> owned = make_buckets(tree, dim, leaf_for(finite, sampled), parallel_for);
    const FarBuckets<T>& buckets = owned.view;
    const int64_t slot = std::find(buckets.index, buckets.index + buckets.count * kCapacity, first) - buckets.index;
    std::vector<int64_t> touched(buckets.groups.n);
    fps_kernels<T>().sample(buckets, slot, sampled, index, dist2, touched.data(), parallel_for);
  }
  std::fill(dist2 + sampled, dist2 + k, T(0));
  int64_t taken = sampled;
  if (!finite) index[taken++] = first;
  for (int64_t i = 0; taken < k; ++i) {
    if (!is_finite(points + i * dim, dim) && (finite || i != first)) index[taken++] = i;
  }
}

}  // namespace

template <typename T>
void farthest_point_sample(const T* points, const int64_t* lengths, const int64_t* start, int64_t batch, int64_t n,
                           int dim, int64_t k, int64_t* index, T* dist2, ParallelFor parallel_for) {
  for_each(parallel_for, batch, [=](int64_t cloud) {
    const int64_t count = lengths ? std::clamp<int64_t>(lengths[cloud], 0, n) : n, taken = std::min(k, count);
    int64_t* const order = index + cloud * k;
    T* const radius2 = dist2 + cloud * k;
    std::fill(order + taken, order + k, -1);
    std::fill(radius2 + taken, radius2 + k, std::numeric_limits<T>::quiet_NaN());
    if (taken == 0) return;
    const int64_t first = std::clamp<int64_t>(start[cloud], 0, count - 1);
    sample_cloud(points + cloud * n * dim, count, dim, first, taken, order, radius2, parallel_for);
  });
}

template void farthest_point_sample(const float*, const int64_t*, const int64_t*, int64_t, int64_t, int, int64_t,
                                    int64_t*, float*, ParallelFor);
template void farthest_point_sample(const double*, const int64_t*, const int64_t*, int64_t, int64_t, int, int64_t,
                                    int64_t*, double*, ParallelFor);

}  // namespace pcgen
