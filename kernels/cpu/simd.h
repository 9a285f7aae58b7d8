// The choice of an instruction set, and what every CPU kernel knows: chunks and threads.
#pragma once

#include <cstdint>

namespace pcgen {

// Clouds that a kernel scans exhaustively are padded to a multiple of this many points. A kernel tracks extreme values
// only, remembers the chunk that held the extreme, and looks for the index there afterwards.
inline constexpr int64_t kChunk = 128;

inline int64_t padded(int64_t n) { return (n + kChunk - 1) / kChunk * kChunk; }

enum class SimdId : int { portable, avx2, avx512 };

struct SimdLevel {
  SimdId id;
};

// The best level this processor has, or the one named by the environment variable PCGEN_SIMD.
const SimdLevel& simd_level();

// How a kernel spreads work over threads: run(begin, end, context) over disjoint ranges that cover [0, n).
using Range = void (*)(int64_t begin, int64_t end, void* context);
using ParallelFor = void (*)(int64_t n, int64_t grain, Range run, void* context);

}  // namespace pcgen
