// Farthest-point sampling (greedy k-center), ties to the lowest index.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

inline constexpr int64_t kMaxSampled = 0x7fffffff;  // points of one cloud

// index[b] = the greedy order of the first k points of cloud b, and dist2[b] the squared covering radius with each: the
// greatest squared distance of a finite point to the nearest one taken. Never repeats an index. Points that are not
// finite come last; a start that is not finite gives way to the first finite point. Beyond a cloud's length: -1 and
// NaN. Threads share the batch, or one large cloud if it is alone. Extra memory: about 2 (dim + 3) values for each
// point of the clouds at work.
template <typename T>
void farthest_point_sample(const T* points,         // [batch, n, dim], n <= kMaxSampled, dim <= 16
                           const int64_t* lengths,  // [batch] or nullptr
                           const int64_t* start,    // [batch], clamped to the cloud
                           int64_t batch, int64_t n, int dim, int64_t k,
                           int64_t* index,  // [batch, k]
                           T* dist2,        // [batch, k]
                           ParallelFor parallel_for);

}  // namespace pcgen
