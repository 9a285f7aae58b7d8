// Farthest-point sampling on buckets, compiled once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/cpu/nearest_level.h"  // kMaxDim
#include "kernels/cpu/rank_segment.h"

namespace pcgen {

inline constexpr int64_t kCapacity = 64;  // points of a bucket
inline constexpr int64_t kFamily = 32;    // buckets of a group; a mask of 32 bits holds a family

// Boxes that hold points, each with the greatest running squared distance of a point inside and where that point is.
// What no box uses of a family has most = -1, which no box distance is below.
template <typename T>
struct FarBoxes {
  int64_t used;    // boxes
  int64_t n;       // places for boxes, a multiple of kFamily
  T* bounds;       // [2 * dim, n] low coordinates, then high ones
  T* most;         // [n]
  int64_t* where;  // [n] the slot of that point, of the lowest index among equals; -1 until somebody asks
};

// A cloud in buckets of compact extent, families of buckets in groups. Slot s is lane s % kCapacity of
// bucket s / kCapacity.
template <typename T>
struct FarBuckets {
  int dim;
  int64_t count;   // buckets
  T* blocks;       // [count, dim + 1, kCapacity] coordinate planes, then the running squared distances to the sample
  int32_t* index;  // [count, kCapacity] original index, ascending in a bucket but for unused lanes
  FarBoxes<T> buckets;
  FarBoxes<T> groups;  // group g holds the buckets kFamily * g …
};

template <typename T>
struct FpsKernels {
  // The greedy order of k points from the one in slot `first`, and the squared covering radius with each.
  // Unused lanes of a bucket repeat its first point and start with a running distance of -1; all others start with inf.
  void (*sample)(const FarBuckets<T>& cloud, int64_t first, int64_t k, int64_t* index, T* dist2,
                 int64_t* touched,  // [groups.n] scratch
                 ParallelFor parallel_for);

  // Writes the points of a segment as buckets, and the boxes of these.
  void (*write)(const Segment<T>& segment, const FarBuckets<T>& out);

  // Computes the box of a group from those of its buckets.
  void (*enclose)(const FarBuckets<T>& cloud, int64_t group);
};

template <typename T>
const FpsKernels<T>& fps_kernels();

}  // namespace pcgen
