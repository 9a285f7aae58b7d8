// The kernels that exist once per instruction set, and the choice among them.
#pragma once

#include <cstdint>

namespace pcgen {

// Clouds reach the SIMD kernels as three coordinate planes, padded to a multiple of this many points. A kernel tracks
// extreme values only, remembers the chunk that held the extreme, and looks for the index there afterwards.
inline constexpr int64_t kChunk = 128;

inline int64_t padded(int64_t n) { return (n + kChunk - 1) / kChunk * kChunk; }

template <typename T>
struct SimdKernels {
  // Greedy farthest-point order from `first`. dist2 starts as +inf for points that may be taken, -1 for points that
  // are taken only when no other is left, and -inf for padding; a taken point gets -2.
  void (*farthest)(const T* points,                                                   // [3, n], n a multiple of kChunk
                   T* dist2,                                                          // [n]
                   int64_t n, int64_t first, int64_t k, int64_t* index, T* radius2);  // [k]
};

enum class SimdId : int { portable, avx2, avx512 };

struct SimdLevel {
  SimdId id;
  SimdKernels<float> f32;
  SimdKernels<double> f64;
};

// The best level this processor has, or the one named by the environment variable PCGEN_SIMD.
const SimdLevel& simd_level();

template <typename T>
const SimdKernels<T>& simd_kernels();

// How a kernel spreads work over threads: run(begin, end, context) over disjoint ranges that cover [0, n).
using Range = void (*)(int64_t begin, int64_t end, void* context);
using ParallelFor = void (*)(int64_t n, int64_t grain, Range run, void* context);

}  // namespace pcgen
