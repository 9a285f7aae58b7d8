// One register of floats or doubles, for the instruction set this file is compiled for. min(a, b) is b where one of
// them is NaN; where_less(a, b, c, d) is a < b ? c : d, lane by lane.
//
// Everything is in an anonymous namespace: each SIMD level is its own object file, and a shared inline function
// compiled for AVX-512 could otherwise be the one the linker keeps for the portable level.
#pragma once

#include <cstdint>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

// Squared distance in the one order of operations that all levels and CUDA share.
template <typename T>
inline T distance2(T dx, T dy, T dz) {
  return __builtin_fma(dz, dz, __builtin_fma(dy, dy, dx * dx));
}
template <>
inline float distance2(float dx, float dy, float dz) {
  return __builtin_fmaf(dz, dz, __builtin_fmaf(dy, dy, dx * dx));
}

#if defined(__AVX512F__)

template <typename T>
struct Vec;

template <>
struct Vec<float> {
  static constexpr int kWidth = 16;
  __m512 v;
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec fill(float a) { return {_mm512_set1_ps(a)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  static Vec where_less(Vec a, Vec b, Vec c, Vec d) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), d.v, c.v)};
  }
  float reduce_min() const { return _mm512_reduce_min_ps(v); }
  float reduce_max() const { return _mm512_reduce_max_ps(v); }
};

template <>
struct Vec<double> {
  static constexpr int kWidth = 8;
  __m512d v;
  static Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static Vec fill(double a) { return {_mm512_set1_pd(a)}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_pd(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_pd(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
  static Vec min(Vec a, Vec b) { return {_mm512_min_pd(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_pd(a.v, b.v)}; }
  static Vec where_less(Vec a, Vec b, Vec c, Vec d) {
    return {_mm512_mask_blend_pd(_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ), d.v, c.v)};
  }
  double reduce_min() const { return _mm512_reduce_min_pd(v); }
  double reduce_max() const { return _mm512_reduce_max_pd(v); }
};

#elif defined(__AVX2__) && defined(__FMA__)

template <typename T>
struct Vec;

template <>
struct Vec<float> {
  static constexpr int kWidth = 8;
  __m256 v;
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec fill(float a) { return {_mm256_set1_ps(a)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  static Vec where_less(Vec a, Vec b, Vec c, Vec d) {
    return {_mm256_blendv_ps(d.v, c.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
  }
  float reduce_min() const {
    const __m128 four = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
  }
  float reduce_max() const {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

template <>
struct Vec<double> {
  static constexpr int kWidth = 4;
  __m256d v;
  static Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static Vec fill(double a) { return {_mm256_set1_pd(a)}; }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_pd(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_pd(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
  static Vec min(Vec a, Vec b) { return {_mm256_min_pd(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_pd(a.v, b.v)}; }
  static Vec where_less(Vec a, Vec b, Vec c, Vec d) {
    return {_mm256_blendv_pd(d.v, c.v, _mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ))};
  }
  double reduce_min() const {
    const __m128d two = _mm_min_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_min_sd(two, _mm_unpackhi_pd(two, two)));
  }
  double reduce_max() const {
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

#else

// An array of which the compiler makes what the processor has.
template <typename T>
struct Vec {
  static constexpr int kWidth = 16 / sizeof(T);
  T v[kWidth];
  static Vec load(const T* p) {
    Vec r;
    for (int i = 0; i < kWidth; ++i) r.v[i] = p[i];
    return r;
  }
  static Vec fill(T a) {
    Vec r;
    for (int i = 0; i < kWidth; ++i) r.v[i] = a;
    return r;
  }
  void store(T* p) const {
    for (int i = 0; i < kWidth; ++i) p[i] = v[i];
  }
  friend Vec operator-(Vec a, Vec b) {
    for (int i = 0; i < kWidth; ++i) a.v[i] -= b.v[i];
    return a;
  }
  friend Vec operator*(Vec a, Vec b) {
    for (int i = 0; i < kWidth; ++i) a.v[i] *= b.v[i];
    return a;
  }
  static Vec fma(Vec a, Vec b, Vec c) {
    for (int i = 0; i < kWidth; ++i) {
      if constexpr (sizeof(T) == 4) {
        c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
      } else {
        c.v[i] = __builtin_fma(a.v[i], b.v[i], c.v[i]);
      }
    }
    return c;
  }
  static Vec min(Vec a, Vec b) {
    for (int i = 0; i < kWidth; ++i) a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  static Vec max(Vec a, Vec b) {
    for (int i = 0; i < kWidth; ++i) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
  }
  static Vec where_less(Vec a, Vec b, Vec c, Vec d) {
    for (int i = 0; i < kWidth; ++i) d.v[i] = a.v[i] < b.v[i] ? c.v[i] : d.v[i];
    return d;
  }
  T reduce_min() const {
    T r = v[0];
    for (int i = 1; i < kWidth; ++i) r = v[i] < r ? v[i] : r;
    return r;
  }
  T reduce_max() const {
    T r = v[0];
    for (int i = 1; i < kWidth; ++i) r = v[i] > r ? v[i] : r;
    return r;
  }
};

#endif

template <typename T>
inline Vec<T> distance2(Vec<T> dx, Vec<T> dy, Vec<T> dz) {
  return Vec<T>::fma(dz, dz, Vec<T>::fma(dy, dy, dx * dx));
}

}  // namespace
