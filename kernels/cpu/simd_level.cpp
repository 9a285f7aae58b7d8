// The SIMD kernels, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vec.h"

namespace {

using pcgen::kChunk;

template <typename T>
void farthest(const T* points, T* dist2, int64_t n, int64_t first, int64_t k, int64_t* index, T* radius2) {
  constexpr int kWidth = Vec<T>::kWidth;
  const T* px = points;
  const T* py = points + n;
  const T* pz = points + 2 * n;

  int64_t last = first;
  for (int64_t step = 0; step < k; ++step) {
    index[step] = last;
    dist2[last] = -2;
    const Vec<T> x = Vec<T>::fill(px[last]);
    const Vec<T> y = Vec<T>::fill(py[last]);
    const Vec<T> z = Vec<T>::fill(pz[last]);
    T best = -__builtin_inf();
    int64_t best_chunk = 0;
    for (int64_t chunk = 0; chunk < n; chunk += kChunk) {
      Vec<T> most = Vec<T>::fill(-__builtin_inf());
      for (int64_t j = chunk; j < chunk + kChunk; j += kWidth) {
        const Vec<T> d = distance2<T>(x - Vec<T>::load(px + j), y - Vec<T>::load(py + j), z - Vec<T>::load(pz + j));
        const Vec<T> kept = Vec<T>::min(d, Vec<T>::load(dist2 + j));
        kept.store(dist2 + j);
        most = Vec<T>::max(most, kept);
      }
      const T value = most.reduce_max();
      if (value > best) {
        best = value;
        best_chunk = chunk;
      }
    }
    radius2[step] = best < 0 ? 0 : best;
    last = best_chunk;
    while (dist2[last] != best) ++last;
  }
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const SimdLevel PCGEN_CONCAT(simd_, PCGEN_SIMD_LEVEL);
const SimdLevel PCGEN_CONCAT(simd_, PCGEN_SIMD_LEVEL) = {
    SimdId::PCGEN_SIMD_LEVEL,
    {farthest<float>},
    {farthest<double>},
};
}  // namespace pcgen
