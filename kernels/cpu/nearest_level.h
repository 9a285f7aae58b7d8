// The nearest-neighbour search that exists once per instruction set.
#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"

namespace pcgen {

inline constexpr int kMaxDim = 16;

// Points as coordinate planes [dim, n], n a multiple of kChunk. Points that take no part, padding among them, have
// infinite coordinates: +inf in one cloud of a pair and -inf in the other, so that no difference is NaN.
template <typename T>
struct Planes {
  const T* data;
  int64_t n;
  int dim;
};

// What a pass over some queries knows about each target, [targets.n] each: the least squared distance, and the number
// of the first chunk of queries that has it (in T to stay in one kind of register; exact below 2^24 chunks).
template <typename T>
struct Columns {
  T* dist2;
  T* chunk;
  T* scratch;
};

template <typename T>
struct NearestKernels {
  // Queries first … last - 1, first a multiple of kChunk: dist2[i - first] is the least squared distance of query i to
  // a target and index[i - first] the lowest target that has it; inf and -1 where all distances are inf.
  // Every distance also updates `columns` unless columns.dist2 is null; the caller starts it with dist2 = inf.
  void (*search)(const Planes<T>& queries, const Planes<T>& targets, int64_t first, int64_t last, T* dist2,
                 int64_t* index, const Columns<T>& columns);

  // The lowest point of the chunk whose squared distance to the given point is dist2, which one of them has.
  int64_t (*locate)(const Planes<T>& points, int64_t chunk, const Planes<T>& others, int64_t other, T dist2);
};

template <typename T>
const NearestKernels<T>& nearest_kernels();

}  // namespace pcgen
