// The tree of blocks, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
#include "kernels/cpu/block_search.h"

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const BlockLevel PCGEN_CONCAT(block_, PCGEN_SIMD_LEVEL);
const BlockLevel PCGEN_CONCAT(block_, PCGEN_SIMD_LEVEL) = {
    {split_blocks<float>, grow_blocks<float>, nearest_of_blocks<float>},
    {split_blocks<double>, grow_blocks<double>, nearest_of_blocks<double>},
};
}  // namespace pcgen
