// The searches of the Earth Mover's Distance that exist once per instruction set, and the tree they run on.
#pragma once

#include <cstdint>

namespace pcgen {

inline constexpr int64_t kFan = 8;         // children of a node, and points of a leaf
inline constexpr int kMaxTreeHeight = 12;  // more than any int32 index needs
inline constexpr int kCandidates = 8;      // targets remembered for each point

// Of going from x to y. The detour is what the way is longer than its part along the first axis, |y - x| - (y - x)[0].
enum class EmdCost : int { distance, squared, detour };

// The nodes of one height: points with their prices, or boxes with the least price inside. Padding to a multiple of
// kFan has price +inf.
struct PricedBoxes {
  const double* center[3];
  const double* half[3];  // extent; nullptr for points
  const double* price;
};

// level[0] holds the points, the top level at most kFan boxes. Node k of a level has the children
// kFan * k … kFan * k + kFan - 1 of the level below. The frontier is scratch: a tree serves one thread.
struct PricedTree {
  PricedBoxes level[kMaxTreeHeight];
  int height;
  double slack;          // above the rounding errors of a box's value, apart from what the limit's size adds
  int32_t* frontier[2];  // room for all leaves
  double* frontier_value;
};

// Some targets of one point with their costs; every other target has cost + price >= bound, as prices only rise.
struct Candidates {
  double cost[kCandidates];
  int32_t target[kCandidates];
  double bound;
};

struct EmdKernels {
  // Replaces the candidates by the targets of least cost + price, at least two. The old ones, all different, limit the
  // search; a cost of +inf stands for "none", on both sides.
  void (*nearest)(const PricedTree& tree, const double* point, EmdCost cost, Candidates& candidates);

  // Lists all targets with cost + price < limit; returns how many.
  int64_t (*within)(const PricedTree& tree, const double* point, EmdCost cost, double limit,
                    int32_t* target,  // room for all targets
                    double* value);
};

// The table of the level that simd_level() chose.
const EmdKernels& emd_kernels();

}  // namespace pcgen
