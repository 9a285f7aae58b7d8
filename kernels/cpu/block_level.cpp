// The tree of blocks, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
#include "kernels/cpu/block_search.h"
#include "kernels/cpu/block_write.h"

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const BlockLevel PCGEN_CONCAT(block_, PCGEN_SIMD_LEVEL);
const BlockLevel PCGEN_CONCAT(block_, PCGEN_SIMD_LEVEL) = {
    {write_block<float>, nearest_of_blocks<float>},
    {write_block<double>, nearest_of_blocks<double>},
};
}  // namespace pcgen
