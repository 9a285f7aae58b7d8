// The spatial index, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
#include "kernels/cpu/spatial_answer.h"
#include "kernels/cpu/spatial_write.h"

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const SpatialLevel PCGEN_CONCAT(spatial_, PCGEN_SIMD_LEVEL);
const SpatialLevel PCGEN_CONCAT(spatial_, PCGEN_SIMD_LEVEL) = {
    {write_leaf<float>, knn_in_leaves<float>, knn_exhaustive<float>},
    {write_leaf<double>, knn_in_leaves<double>, knn_exhaustive<double>},
};
}  // namespace pcgen
