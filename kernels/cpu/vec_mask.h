// Comparisons of registers, and what follows from them: bit masks, lane-wise selection, shifting by a lane.
// Comparing with NaN is false.
#pragma once

#include "kernels/cpu/vec.h"

namespace {

// Lane i of `bits` is bit i.
//   less, less_equal, equal   lane-wise comparison
//   select(m, a, b)           a where m is set, else b
//   shift_up(v, low)          lane i takes lane i - 1 of v; lane 0 the last lane of `low`
#if defined(__AVX512F__)

inline __mmask16 less(Vec<float> a, Vec<float> b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
inline __mmask16 less_equal(Vec<float> a, Vec<float> b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ); }
inline __mmask16 equal(Vec<float> a, Vec<float> b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ); }
inline Vec<float> select(__mmask16 m, Vec<float> a, Vec<float> b) { return {_mm512_mask_mov_ps(b.v, m, a.v)}; }
inline Vec<float> shift_up(Vec<float> v, Vec<float> low) {
  return {_mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(v.v), _mm512_castps_si512(low.v), 15))};
}

inline __mmask8 less(Vec<double> a, Vec<double> b) { return _mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ); }
inline __mmask8 less_equal(Vec<double> a, Vec<double> b) { return _mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ); }
inline __mmask8 equal(Vec<double> a, Vec<double> b) { return _mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ); }
inline Vec<double> select(__mmask8 m, Vec<double> a, Vec<double> b) { return {_mm512_mask_mov_pd(b.v, m, a.v)}; }
inline Vec<double> shift_up(Vec<double> v, Vec<double> low) {
  return {_mm512_castsi512_pd(_mm512_alignr_epi64(_mm512_castpd_si512(v.v), _mm512_castpd_si512(low.v), 7))};
}

inline uint32_t bits(__mmask16 m) { return m; }

#elif defined(__AVX2__)

inline Vec<float> less(Vec<float> a, Vec<float> b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Vec<float> less_equal(Vec<float> a, Vec<float> b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
inline Vec<float> equal(Vec<float> a, Vec<float> b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline Vec<float> select(Vec<float> m, Vec<float> a, Vec<float> b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }
inline Vec<float> shift_up(Vec<float> v, Vec<float> low) {
  const __m256i up = _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6);
  return {_mm256_blend_ps(_mm256_permutevar8x32_ps(v.v, up), _mm256_permutevar8x32_ps(low.v, up), 1)};
}
inline uint32_t bits(Vec<float> m) { return uint32_t(_mm256_movemask_ps(m.v)); }

inline Vec<double> less(Vec<double> a, Vec<double> b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
inline Vec<double> less_equal(Vec<double> a, Vec<double> b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
inline Vec<double> equal(Vec<double> a, Vec<double> b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
inline Vec<double> select(Vec<double> m, Vec<double> a, Vec<double> b) { return {_mm256_blendv_pd(b.v, a.v, m.v)}; }
inline Vec<double> shift_up(Vec<double> v, Vec<double> low) {
  constexpr int kUp = _MM_SHUFFLE(2, 1, 0, 3);
  return {_mm256_blend_pd(_mm256_permute4x64_pd(v.v, kUp), _mm256_permute4x64_pd(low.v, kUp), 1)};
}
inline uint32_t bits(Vec<double> m) { return uint32_t(_mm256_movemask_pd(m.v)); }

#else

template <typename T, typename Holds>
inline uint32_t where(Vec<T> a, Vec<T> b, Holds holds) {
  uint32_t m = 0;
  for (int i = 0; i < Vec<T>::kWidth; ++i) m |= uint32_t(holds(a.v[i], b.v[i])) << i;
  return m;
}
template <typename T>
inline uint32_t less(Vec<T> a, Vec<T> b) {
  return where(a, b, [](T s, T t) { return s < t; });
}
template <typename T>
inline uint32_t less_equal(Vec<T> a, Vec<T> b) {
  return where(a, b, [](T s, T t) { return s <= t; });
}
template <typename T>
inline uint32_t equal(Vec<T> a, Vec<T> b) {
  return where(a, b, [](T s, T t) { return s == t; });
}
template <typename T>
inline Vec<T> select(uint32_t m, Vec<T> a, Vec<T> b) {
  for (int i = 0; i < Vec<T>::kWidth; ++i) b.v[i] = (m >> i & 1) ? a.v[i] : b.v[i];
  return b;
}
template <typename T>
inline Vec<T> shift_up(Vec<T> v, Vec<T> low) {
  Vec<T> r;
  r.v[0] = low.v[Vec<T>::kWidth - 1];
  for (int i = 1; i < Vec<T>::kWidth; ++i) r.v[i] = v.v[i - 1];
  return r;
}
inline uint32_t bits(uint32_t m) { return m; }

#endif

}  // namespace
