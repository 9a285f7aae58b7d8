#include "kernels/cpu/simd.h"

#include <cstdlib>
#include <cstring>

namespace pcgen {
namespace {

SimdLevel choose() {
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#if defined(PCGEN_EMULATE_AVX512)
  const bool has_avx512 = has_avx2;
#else
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
  const char* wanted = std::getenv("PCGEN_SIMD");
  const bool at_most_avx2 = wanted && std::strcmp(wanted, "avx2") == 0;
  const bool portable = wanted && std::strcmp(wanted, "portable") == 0;
  if (has_avx512 && !at_most_avx2 && !portable) return {SimdId::avx512};
  if (has_avx2 && !portable) return {SimdId::avx2};
#endif
  return {SimdId::portable};
}

}  // namespace

const SimdLevel& simd_level() {
  static const SimdLevel level = choose();
  return level;
}

}  // namespace pcgen
