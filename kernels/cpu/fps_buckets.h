// Sorting a cloud into buckets of compact extent for farthest-point sampling.
#pragma once

#include <memory>

#include "kernels/cpu/fps_level.h"

namespace pcgen {

// The finite points of one cloud in buckets, and the memory that holds them.
template <typename T>
struct OwnedBuckets {
  FarBuckets<T> view;
  int64_t first_slot;  // where the point `first` went
  std::unique_ptr<T[]> values;
  std::unique_ptr<int32_t[]> index;
  std::unique_ptr<int64_t[]> where;
};

// A kd-tree split at the medians of a sample of the points has `leaves` leaves, a power of two; a leaf fills one
// bucket, or several in the order of the points where more came than fit. With one leaf the points keep their order. At
// least one point is finite, `first` among them. The result does not depend on the number of threads.
template <typename T>
OwnedBuckets<T> make_buckets(const T* points,  // [n, dim]
                             int64_t n, int dim, int64_t leaves, int64_t first, ParallelFor parallel_for);

}  // namespace pcgen
