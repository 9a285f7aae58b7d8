#include "kernels/cpu/rank_tree.h"

namespace pcgen {

extern const RankLevel rank_portable;
#if defined(__x86_64__)
extern const RankLevel rank_avx2, rank_avx512;
#endif

const RankLevel& rank_level() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return rank_avx512;
  if (simd_level().id == SimdId::avx2) return rank_avx2;
#endif
  return rank_portable;
}

}  // namespace pcgen
