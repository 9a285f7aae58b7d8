// Moving selected lanes of a register to its front.
#pragma once

#include "kernels/cpu/vec_mask.h"

namespace {

// Stores the lanes of v whose bit is set, in order and side by side; the other places of the register that starts at
// `to` are overwritten too.
#if defined(__AVX512F__)

inline void store_packed(float* to, Vec<float> v, uint32_t lanes) {
  _mm512_storeu_ps(to, _mm512_maskz_compress_ps(__mmask16(lanes), v.v));
}
inline void store_packed(double* to, Vec<double> v, uint32_t lanes) {
  _mm512_storeu_pd(to, _mm512_maskz_compress_pd(__mmask8(lanes), v.v));
}

#elif defined(__AVX2__)

// For each set of lanes of W, which lane each place takes.
template <int W>
struct PackOrder {
  uint8_t lane[1 << W][8] = {};
  constexpr PackOrder() {
    for (int lanes = 0; lanes < 1 << W; ++lanes) {
      for (int i = 0, place = 0; i < W; ++i) {
        if (lanes >> i & 1) lane[lanes][place++] = uint8_t(i);
      }
    }
  }
};
inline constexpr PackOrder<8> kPackOrder8;

// A double is two neighbouring lanes of float.
struct PackOrderOfPairs {
  uint8_t lane[16][8] = {};
  constexpr PackOrderOfPairs() {
    constexpr PackOrder<4> order;
    for (int lanes = 0; lanes < 16; ++lanes) {
      for (int i = 0; i < 8; ++i) lane[lanes][i] = uint8_t(2 * order.lane[lanes][i / 2] + i % 2);
    }
  }
};
inline constexpr PackOrderOfPairs kPackOrder4;

inline __m256 packed(__m256 v, const uint8_t* order) {
  return _mm256_permutevar8x32_ps(v, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)order)));
}
inline void store_packed(float* to, Vec<float> v, uint32_t lanes) {
  _mm256_storeu_ps(to, packed(v.v, kPackOrder8.lane[lanes]));
}
inline void store_packed(double* to, Vec<double> v, uint32_t lanes) {
  _mm256_storeu_pd(to, _mm256_castps_pd(packed(_mm256_castpd_ps(v.v), kPackOrder4.lane[lanes])));
}

#else

template <typename T>
inline void store_packed(T* to, Vec<T> v, uint32_t lanes) {
  for (int i = 0; i < Vec<T>::kWidth; ++i) {
    *to = v.v[i];
    to += lanes >> i & 1;
  }
}

#endif

}  // namespace
