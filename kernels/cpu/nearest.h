// Nearest neighbours by exhaustive search, ties to the lowest index.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

// For each of the n queries of each cloud pair, the index of the nearest of its m targets.
// -1 where the query is not finite or no target is. lengths (optional) limits the targets of each pair.
// Extra memory: 3 * padded(m) values per thread.
template <typename T>
void nearest(const T* x,              // [batch, n, 3]
             const T* y,              // [batch, m, 3]
             const int64_t* lengths,  // [batch] or nullptr
             int64_t batch, int64_t n, int64_t m,
             int64_t* index,  // [batch, n]
             ParallelFor parallel_for);

}  // namespace pcgen
