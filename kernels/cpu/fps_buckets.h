// Sorting a cloud into buckets of compact extent for farthest-point sampling.
#pragma once

#include <memory>

#include "kernels/cpu/fps_level.h"
#include "kernels/cpu/rank_tree.h"

namespace pcgen {

// Buckets and the memory that holds them.
template <typename T>
struct OwnedBuckets {
  FarBuckets<T> view;
  std::unique_ptr<T[]> values;
  std::unique_ptr<int32_t[]> index;
  std::unique_ptr<int64_t[]> where;
};

// The points of a tree of one cloud, at least one, in the order of its leaves of `leaf` points, a multiple of
// kCapacity.
template <typename T>
OwnedBuckets<T> make_buckets(RankTree<T>& points, int dim, int64_t leaf, ParallelFor parallel_for);

}  // namespace pcgen
