// A spatial index over clouds of 3D points: a balanced kd-tree with SIMD leaves, seen as a tree of 16-fold nodes.
//
// The valid points of a cloud lie in leaves of kLeaf, coordinate planes side by side, in the order of a kd-tree whose
// left subtrees hold a power of two of leaves. kFan consecutive leaves make a group, kFan consecutive groups make a
// group of the next level, and so on up to one root: so every group is a subtree of the kd-tree, its kFan boxes are
// tested in one or two vector operations, and no pointer is stored. Each box carries the least original index below
// it: a box as far as the best distance but without a lower index is skipped, which keeps ties exact and makes clouds
// of duplicates cheap. Splits are at exact ranks, so neither duplicates nor outliers unbalance the tree.
#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"

namespace pcgen {

inline constexpr int64_t kLeaf = 32;  // points of a leaf
inline constexpr int64_t kFan = 16;   // boxes of a group
inline constexpr int32_t kNoIndex = 0x7fffffff;
inline constexpr int64_t kMaxIndexed = kNoIndex;  // points of one cloud

// How many leaves, of `leaf` points, and groups an index over n points has.
struct IndexLayout {
  static constexpr int kMaxLevels = 8;
  int64_t leaves = 0;
  int64_t groups = 0;
  int levels = 0;
  int64_t level_begin[kMaxLevels] = {};  // first group of each level; level 0 holds the leaves' boxes

  explicit IndexLayout(int64_t n, int64_t leaf = kLeaf) : leaves((n + leaf - 1) / leaf) {
    int64_t members = leaves;
    do {
      level_begin[levels++] = groups;
      members = members > kFan ? (members + kFan - 1) / kFan : 1;
      groups += members;
    } while (members > 1);
  }
};

// The indices of a batch of clouds, all for n points; what is not used is empty (NaN points, inverted boxes).
template <typename T>
struct SpatialIndex {
  IndexLayout layout;
  T* leaves;       // [batch, leaves, 3, kLeaf]
  int32_t* index;  // [batch, leaves, kLeaf] original index, ascending in a leaf; kNoIndex is padding
  T* boxes;        // [batch, groups, 6, kFan] low x, y, z, high x, y, z
  int32_t* least;  // [batch, groups, kFan] least original index below a box

  SpatialIndex cloud(int64_t b) const {
    return {layout, leaves + b * layout.leaves * 3 * kLeaf, index + b * layout.leaves * kLeaf,
            boxes + b * layout.groups * 6 * kFan, least + b * layout.groups * kFan};
  }
};

// Fills the index. Extra memory while it runs: 9 values for each of batch * n points, less for large batches.
template <typename T>
void build_spatial_index(const T* points,         // [batch, n, 3], n <= kMaxIndexed
                         const int64_t* lengths,  // [batch] or nullptr
                         int64_t batch, int64_t n, const SpatialIndex<T>& out, ParallelFor parallel_for);

// The k nearest targets of every indexed query with squared distance at most `radius2`, sorted by (distance, index);
// where there are fewer: distance inf, index -1. Rows of queries that are not in their index are left alone.
template <typename T>
void knn_indexed(const SpatialIndex<T>& queries,  // over n points
                 const SpatialIndex<T>& targets,  // over any number
                 int64_t batch, int64_t n, int64_t k, T radius2,
                 T* dist2,        // [batch, n, k]
                 int64_t* index,  // [batch, n, k]
                 ParallelFor parallel_for);

}  // namespace pcgen
