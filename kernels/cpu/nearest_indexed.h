// Nearest neighbours of large clouds of 3D points.
#pragma once

#include "kernels/cpu/nearest.h"

namespace pcgen {

// Whether nearest_indexed beats exhaustive search for clouds of n and m points.
bool prefers_index(int64_t n, int64_t m);

// nearest() of nearest.h for 3D points, with the same results to the bit, by a tree over each cloud that lives as long
// as the call. Extra memory: linear in batch * (n + m).
template <typename T>
void nearest_indexed(const Clouds<T>& x, const Clouds<T>& y, int64_t batch, const Neighbours<T>& of_x,
                     const Neighbours<T>& of_y, ParallelFor parallel_for);

}  // namespace pcgen
