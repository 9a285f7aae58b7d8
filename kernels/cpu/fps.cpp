#include "kernels/cpu/fps.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "kernels/cpu/finite.h"
#include "kernels/cpu/fps_buckets.h"
#include "kernels/cpu/parallel.h"

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

// Leaves for the buckets of n points: some 50 to 100 points each, but no more than samples, and one if there are so few
// samples that sorting the points costs more than it saves.
int64_t leaves_for(int64_t n, int64_t k) {
  constexpr int64_t kFewSamples = 32, kLeafPoints = 96;
  if (k < kFewSamples) return 1;
  return int64_t(std::min(std::bit_ceil(uint64_t(n + kLeafPoints - 1) / kLeafPoints), std::bit_floor(uint64_t(k))));
}

// Takes 0 < k <= n points of one cloud.
template <typename T>
void sample_cloud(const T* points, int64_t n, int dim, int64_t first, int64_t k, int64_t* index, T* dist2,
                  ParallelFor parallel_for) {
  int64_t finite = 0, first_finite = -1;
  for (int64_t i = n - 1; i >= 0; --i) {
    if (!is_finite(points + i * dim, dim)) continue;
    ++finite;
    first_finite = i;
  }
  if (finite && !is_finite(points + first * dim, dim)) first = first_finite;

  const int64_t sampled = std::min(finite, k);
  if (sampled) {
    const OwnedBuckets<T> buckets = make_buckets(points, n, dim, leaves_for(n, sampled), first, parallel_for);
    std::vector<int64_t> touched(buckets.view.groups.n);
    fps_kernels<T>().sample(buckets.view, buckets.first_slot, sampled, index, dist2, touched.data(), parallel_for);
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
