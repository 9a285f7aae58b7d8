#include "kernels/cpu/simd.h"

#include <cstdlib>
#include <cstring>

namespace pcgen {

extern const SimdLevel simd_portable;
#if defined(__x86_64__)
extern const SimdLevel simd_avx2;
extern const SimdLevel simd_avx512;
#endif

namespace {

const SimdLevel& choose() {
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  const char* wanted = std::getenv("PCGEN_SIMD");
  const bool at_most_avx2 = wanted && std::strcmp(wanted, "avx2") == 0;
  const bool portable = wanted && std::strcmp(wanted, "portable") == 0;
  if (has_avx512 && !at_most_avx2 && !portable) return simd_avx512;
  if (has_avx2 && !portable) return simd_avx2;
#endif
  return simd_portable;
}

}  // namespace

const SimdLevel& simd_level() {
  static const SimdLevel& level = choose();
  return level;
}

template <>
const SimdKernels<float>& simd_kernels<float>() {
  return simd_level().f32;
}

template <>
const SimdKernels<double>& simd_kernels<double>() {
  return simd_level().f64;
}

}  // namespace pcgen
