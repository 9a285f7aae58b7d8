// Farthest-point sampling (greedy k-center), ties to the lowest index.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

// index[b] = the greedy order of the first k points of cloud b. Never repeats an index. Points that are not finite come
// last; a start that is not finite gives way to the first finite point. Entries beyond a cloud's length are -1.
// Extra memory: 4 * padded(n) values per thread.
template <typename T>
void farthest_point_sample(const T* points,         // [batch, n, 3]
                           const int64_t* start,    // [batch], clamped to the cloud
                           const int64_t* lengths,  // [batch] or nullptr
                           int64_t batch, int64_t n, int64_t k,
                           int64_t* index,  // [batch, k]
                           T* dist2,        // [batch, k] squared covering radius
                           ParallelFor parallel_for);

}  // namespace pcgen
