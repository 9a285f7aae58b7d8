// The nearest point of another cloud, for all points of a cloud at once: a kd-tree over each, block against block.
//
// As in spatial_index.h the leaves, here blocks of kBlock points, follow each other in the order of a balanced kd-tree
// and are seen as a tree of kFan-fold groups. A block of queries sits in the lanes of registers and goes through the
// tree of the targets together: one operation compares all its points, or its box, with one point or one box.
#pragma once

#include "kernels/cpu/rank_segment.h"
#include "kernels/cpu/spatial_index.h"

namespace pcgen {

inline constexpr int64_t kBlock = 16;     // points of a block
inline constexpr int64_t kBlockRows = 4;  // x, y, z and the bits of the original index

// The trees of a batch of clouds, all with memory for n points.
template <typename T>
struct BlockTree {
  IndexLayout layout;  // of n points
  T* blocks;           // [batch, leaves, kBlockRows, kBlock] ascending index in a block; NaN and kNoIndex is padding
  T* boxes;            // [batch, groups, 6, kFan] low x, y, z, high x, y, z
  int32_t* least;      // [batch, groups, kFan] least original index below a box
  int64_t* count;      // [batch] points in the tree: valid and finite

  BlockTree cloud(int64_t b) const {
    return {layout, blocks + b * layout.leaves * kBlockRows * kBlock, boxes + b * layout.groups * 6 * kFan,
            least + b * layout.groups * kFan, count + b};
  }
};

// What exists once per instruction set.
template <typename T>
struct BlockKernels {
  // Writes the points of a segment as a block, and its box in level 0. `out` is the segment's own cloud.
  void (*write)(const Segment<T>& segment, const BlockTree<T>& out);

  // Answers the points in the blocks [first, last) of `queries` in the rows of their original index. Both trees are of
  // one cloud; there is at least one target.
  void (*nearest)(const BlockTree<T>& queries, const BlockTree<T>& targets, int64_t first, int64_t last, T* dist2,
                  int64_t* index);
};

struct BlockLevel {
  BlockKernels<float> f32;
  BlockKernels<double> f64;
};

}  // namespace pcgen
