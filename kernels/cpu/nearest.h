// Nearest neighbours by exhaustive search, ties to the lowest index.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

template <typename T>
struct Clouds {
  const T* points;         // [batch, n, dim]
  const int64_t* lengths;  // [batch] or nullptr: how many points of each cloud are valid
  int64_t n;
};

template <typename T>
struct Neighbours {
  T* dist2;        // [batch, n]
  int64_t* index;  // [batch, n]
};

// For each point of x the squared distance and the index of the nearest point of y; and the other way round, from the
// same distances, unless of_y.index is null. A point that is not valid or not finite gets NaN and -1 and is nobody's
// nearest; inf and -1 where there is no target.
// Extra memory: dim values per point, and up to 2 * kMaxParts values per point of y for of_y.
template <typename T>
void nearest(const Clouds<T>& x, const Clouds<T>& y, int64_t batch, int dim, const Neighbours<T>& of_x,
             const Neighbours<T>& of_y, ParallelFor parallel_for);

// Derivative of dist2 = nearest(x, y) for cotangents grad: grad_x[i] = 2 grad[i] (x[i] - y[index[i]]), and grad_y
// collects the negatives, in the order of i: the result does not depend on the number of threads.
template <typename T>
void nearest_backward(const T* grad,         // [batch, n]
                      const T* x,            // [batch, n, dim]
                      const T* y,            // [batch, m, dim]
                      const int64_t* index,  // [batch, n]
                      int64_t batch, int64_t n, int64_t m, int dim,
                      T* grad_x,  // [batch, n, dim]
                      T* grad_y,  // [batch, m, dim]
                      ParallelFor parallel_for);

}  // namespace pcgen
