// AVX-512 for processors without it, by SIMDe (the package libsimde-dev): included before everything else in what is
// compiled for the level avx512, so that its code runs, slowly, in tests/ops/emulate_avx512.sh.
#pragma once

#include <immintrin.h>
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#define __AVX512F__ 1
#define __AVX512DQ__ 1

// What SIMDe does not have.
template <typename Lane, typename Register, typename Better>
static inline Lane reduce_lanes(Register v, Better better) {
  Lane lanes[sizeof(Register) / sizeof(Lane)];
  __builtin_memcpy(lanes, &v, sizeof(v));
  Lane best = lanes[0];
  for (Lane lane : lanes) best = better(lane, best) ? lane : best;
  return best;
}
#define PCGEN_LESS [](auto a, auto b) { return a < b; }
#define PCGEN_MORE [](auto a, auto b) { return a > b; }
#define _mm512_reduce_min_ps(v) reduce_lanes<float>(v, PCGEN_LESS)
#define _mm512_reduce_max_ps(v) reduce_lanes<float>(v, PCGEN_MORE)
#define _mm512_reduce_min_pd(v) reduce_lanes<double>(v, PCGEN_LESS)
#define _mm512_reduce_max_pd(v) reduce_lanes<double>(v, PCGEN_MORE)

template <typename Lane>
static inline __m512i align_lanes(__m512i high, __m512i low, int from) {
  Lane lanes[2 * sizeof(__m512i) / sizeof(Lane)];
  __builtin_memcpy(lanes, &low, sizeof(low));
  __builtin_memcpy(lanes + sizeof(low) / sizeof(Lane), &high, sizeof(high));
  __m512i aligned;
  __builtin_memcpy(&aligned, lanes + from, sizeof(aligned));
  return aligned;
}
#define _mm512_alignr_epi32(high, low, from) align_lanes<int32_t>(high, low, from)
#define _mm512_alignr_epi64(high, low, from) align_lanes<int64_t>(high, low, from)
