// The searches of the Earth Mover's Distance, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2,
// avx512).
#include "kernels/cpu/emd_level.h"

#include "kernels/cpu/vec.h"

namespace {

using pcgen::Candidates;
using pcgen::kCandidates;
using pcgen::kFan;
using pcgen::PricedBoxes;
using pcgen::PricedTree;

using V = Vec<double>;

inline V root(V a) {
#if defined(__AVX512F__)
  return {_mm512_sqrt_pd(a.v)};
#elif defined(__AVX2__)
  return {_mm256_sqrt_pd(a.v)};
#else
  for (int i = 0; i < V::kWidth; ++i) a.v[i] = __builtin_sqrt(a.v[i]);
  return a;
#endif
}

inline V add(V a, V b) {
#if defined(__AVX512F__)
  return {_mm512_add_pd(a.v, b.v)};
#elif defined(__AVX2__)
  return {_mm256_add_pd(a.v, b.v)};
#else
  for (int i = 0; i < V::kWidth; ++i) a.v[i] += b.v[i];
  return a;
#endif
}

// Bit i is set where a[i] < b[i].
inline unsigned below(V a, V b) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ);
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)));
#else
  unsigned mask = 0;
  for (int i = 0; i < V::kWidth; ++i) mask |= (a.v[i] < b.v[i] ? 1u : 0u) << i;
  return mask;
#endif
}

// Values of one block of siblings; returns a bit for each that is below the limit.
template <bool squared>
inline unsigned store_values(V dist2, const double* price, double limit, double* values) {
  const V value = add(squared ? dist2 : root(dist2), V::load(price));
  value.store(values);
  return below(value, V::fill(limit));
}

template <bool squared>
inline unsigned point_values(const PricedBoxes& points, int64_t first, V x, V y, V z, double limit, double* values) {
  unsigned mask = 0;
  for (int64_t k = 0; k < kFan; k += V::kWidth) {
    const int64_t j = first + k;
    const V dist2 = distance2<double>(x - V::load(points.low[0] + j), y - V::load(points.low[1] + j),
                                      z - V::load(points.low[2] + j));
    mask |= store_values<squared>(dist2, points.price + j, limit, values + k) << k;
  }
  return mask;
}

inline V outside(V at, const double* low, const double* high) {
  return V::max(V::max(V::load(low) - at, at - V::load(high)), V::fill(0));
}

// Rounding is monotone, so the value computed for a box is never above the values computed for its points: pruning by
// these values is exact.
template <bool squared>
inline unsigned box_values(const PricedBoxes& boxes, int64_t first, V x, V y, V z, double limit, double* values) {
  unsigned mask = 0;
  for (int64_t k = 0; k < kFan; k += V::kWidth) {
    const int64_t j = first + k;
    const V dist2 = distance2<double>(outside(x, boxes.low[0] + j, boxes.high[0] + j),
                                      outside(y, boxes.low[1] + j, boxes.high[1] + j),
                                      outside(z, boxes.low[2] + j, boxes.high[2] + j));
    mask |= store_values<squared>(dist2, boxes.price + j, limit, values + k) << k;
  }
  return mask;
}

// Appends first + k and values[k] for each bit k of the mask, without a branch; may write kFan entries.
inline int64_t append(unsigned mask, int32_t first, const double* values, int32_t* node, double* value) {
#if defined(__AVX512F__)
  const __mmask8 lanes = static_cast<__mmask8>(mask);
  const __m512i all = _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  const __m256i taken = _mm512_cvtepi64_epi32(_mm512_maskz_compress_epi64(lanes, all));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(node), taken);
  _mm512_storeu_pd(value, _mm512_maskz_compress_pd(lanes, _mm512_loadu_pd(values)));
  return __builtin_popcount(mask);
#else
  int64_t count = 0;
  for (int k = 0; k < kFan; ++k) {
    node[count] = first + k;
    value[count] = values[k];
    count += mask >> k & 1;
  }
  return count;
#endif
}

// Shows the visitor every target below its limit, which may fall on the way. Level by level, because independent blocks
// overlap in the processor where a descent would wait for each comparison.
template <bool squared, typename Visitor>
void walk(const PricedTree& tree, const double* point, Visitor& visitor) {
  const V x = V::fill(point[0]), y = V::fill(point[1]), z = V::fill(point[2]);
  int32_t* current = tree.frontier[0];
  int32_t* next = tree.frontier[1];
  double* value = tree.frontier_value;
  double values[kFan];
  int64_t count = 1;
  current[0] = 0;
  value[0] = -__builtin_inf();
  for (int height = tree.height - 1; height > 0; --height) {
    int64_t found = 0;
    for (int64_t c = 0; c < count; ++c) {
      const int32_t first = current[c] * static_cast<int32_t>(kFan);
      const unsigned mask = box_values<squared>(tree.level[height], first, x, y, z, visitor.limit, values);
      found += append(mask, first, values, next + found, value + found);
    }
    int32_t* done = current;
    current = next;
    next = done;
    count = found;
  }
  for (int64_t c = 0; c < count; ++c) {
    if (value[c] >= visitor.limit) continue;
    const int64_t first = current[c] * kFan;
    unsigned mask = point_values<squared>(tree.level[0], first, x, y, z, visitor.limit, values);
    for (; mask; mask &= mask - 1) {
      const int k = __builtin_ctz(mask);
      visitor.take(first + k, values[k]);
    }
  }
}

template <typename Visitor>
void walk(const PricedTree& tree, const double* point, bool squared, Visitor& visitor) {
  if (squared) {
    walk<true>(tree, point, visitor);
  } else {
    walk<false>(tree, point, visitor);
  }
}

// Keeps the least values, sorted.
struct Least {
  double limit;
  double value[kCandidates];
  int32_t target[kCandidates];

  void take(int64_t j, double candidate) {
    int k = kCandidates - 1;
    if (candidate >= value[k]) return;
    for (; k > 0 && value[k - 1] > candidate; --k) {
      value[k] = value[k - 1];
      target[k] = target[k - 1];
    }
    value[k] = candidate;
    target[k] = static_cast<int32_t>(j);
    if (value[kCandidates - 1] < limit) limit = value[kCandidates - 1];
  }
};

void nearest(const PricedTree& tree, const double* point, bool squared, Candidates& candidates) {
  const PricedBoxes& targets = tree.level[0];
  Least least;
  least.limit = -__builtin_inf();
  for (int k = 0; k < kCandidates; ++k) {
    const double value = candidates.cost[k] + targets.price[candidates.target[k]];
    if (value > least.limit) least.limit = value;
    least.value[k] = __builtin_inf();
    least.target[k] = 0;
  }
  least.limit = __builtin_nextafter(least.limit, __builtin_inf());  // the old candidates must be found again
  walk(tree, point, squared, least);
  for (int k = 0; k < kCandidates; ++k) {
    const int32_t j = candidates.target[k] = least.target[k];
    const double dist2 =
        distance2<double>(point[0] - targets.low[0][j], point[1] - targets.low[1][j], point[2] - targets.low[2][j]);
    const bool found = least.value[k] < __builtin_inf();
    candidates.cost[k] = !found ? __builtin_inf() : squared ? dist2 : __builtin_sqrt(dist2);
  }
  candidates.bound = least.value[kCandidates - 1];
}

struct List {
  double limit;
  int32_t* target;
  double* value;
  int64_t count;

  void take(int64_t j, double candidate) {
    target[count] = static_cast<int32_t>(j);
    value[count] = candidate;
    ++count;
  }
};

int64_t within(const PricedTree& tree, const double* point, bool squared, double limit, int32_t* target,
               double* value) {
  List list{limit, target, value, 0};
  walk(tree, point, squared, list);
  return list.count;
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const EmdKernels PCGEN_CONCAT(emd_, PCGEN_SIMD_LEVEL);
const EmdKernels PCGEN_CONCAT(emd_, PCGEN_SIMD_LEVEL) = {nearest, within};
}  // namespace pcgen
