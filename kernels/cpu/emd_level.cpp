// The searches of the Earth Mover's Distance, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2,
// avx512).
#include "kernels/cpu/emd_level.h"

#include "kernels/cpu/vec.h"

namespace {

using pcgen::Candidates;
using pcgen::EmdCost;
using pcgen::kCandidates;
using pcgen::kFan;
using pcgen::PricedBoxes;
using pcgen::PricedTree;

using V = Vec<double>;

constexpr double kRelativeSlack = 1e-14;
constexpr int kSought = 4;  // of the old candidates must be found again; measured: more visits or more searches

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

inline V absolute(V a) { return V::max(a, V::fill(0) - a); }

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
template <EmdCost cost>
inline unsigned point_values(const PricedBoxes& points, int64_t first, V x, V y, V z, double limit, double* values) {
  unsigned mask = 0;
  for (int64_t k = 0; k < kFan; k += V::kWidth) {
    const int64_t j = first + k;
    const V dx = x - V::load(points.center[0] + j);
    const V dist2 = distance2<double>(dx, y - V::load(points.center[1] + j), z - V::load(points.center[2] + j));
    const V price = V::load(points.price + j);
    const V way = cost == EmdCost::squared ? dist2 : root(dist2);
    const V value = add(cost == EmdCost::detour ? add(way, dx) : way, price);
    value.store(values + k);
    mask |= below(value, V::fill(limit)) << k;
  }
  return mask;
}

// The least cost + price that a box may hold: that of the point nearest to x, or, as a detour falls along the first
// axis and grows across it, of the nearest one at the far end.
template <EmdCost cost>
inline V level_value(const PricedBoxes& boxes, int64_t j, V x, V y, V z) {
  const auto outside = [&](V at, int axis) {
    const V from_center = absolute(at - V::load(boxes.center[axis] + j));
    return V::max(from_center - V::load(boxes.half[axis] + j), V::fill(0));
  };
  const V price = V::load(boxes.price + j);
  if constexpr (cost == EmdCost::detour) {
    const V back = (x - V::load(boxes.center[0] + j)) - V::load(boxes.half[0] + j);
    const V way = root(distance2<double>(back, outside(y, 1), outside(z, 2)));
    return add(V::fma(V::fill(1 - kRelativeSlack), way, back), price);
  } else {
    const V dist2 = distance2<double>(outside(x, 0), outside(y, 1), outside(z, 2));
    return add(cost == EmdCost::squared ? dist2 : root(dist2), price);
  }
}

template <EmdCost cost>
inline unsigned box_values(const PricedBoxes& boxes, int64_t first, V x, V y, V z, double limit, double* values) {
  unsigned mask = 0;
  for (int64_t k = 0; k < kFan; k += V::kWidth) {
    const V value = level_value<cost>(boxes, first + k, x, y, z);
    value.store(values + k);
    mask |= below(value, V::fill(limit)) << k;
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

// A limit for the values of boxes, which rounding may have raised above that of a point inside.
inline double padded_limit(const PricedTree& tree, double limit) {
  return limit + (kRelativeSlack * __builtin_fabs(limit) + tree.slack);
}

// Shows the visitor every target below its limit, which may fall on the way. Level by level, because independent blocks
// overlap in the processor where a descent would wait for each comparison.
template <EmdCost cost, typename Visitor>
void walk(const PricedTree& tree, const double* point, Visitor& visitor) {
  const V x = V::fill(point[0]), y = V::fill(point[1]), z = V::fill(point[2]);
  int32_t* current = tree.frontier[0];
  int32_t* next = tree.frontier[1];
  double* value = tree.frontier_value;
  double values[kFan];
  int64_t count = 1;
  current[0] = 0;
  value[0] = -__builtin_inf();
  const double limit = padded_limit(tree, visitor.limit);
  for (int height = tree.height - 1; height > 0; --height) {
    int64_t found = 0;
    for (int64_t c = 0; c < count; ++c) {
      const int32_t first = current[c] * static_cast<int32_t>(kFan);
      const unsigned mask = box_values<cost>(tree.level[height], first, x, y, z, limit, values);
      found += append(mask, first, values, next + found, value + found);
    }
    int32_t* done = current;
    current = next;
    next = done;
    count = found;
  }
  for (int64_t c = 0; c < count; ++c) {
    if (value[c] >= padded_limit(tree, visitor.limit)) continue;
    const int64_t first = current[c] * kFan;
    const unsigned mask = point_values<cost>(tree.level[0], first, x, y, z, visitor.limit, values);
    visitor.take(mask, static_cast<int32_t>(first), values);
  }
}

template <typename Visitor>
void walk(const PricedTree& tree, const double* point, EmdCost cost, Visitor& visitor) {
  switch (cost) {
    case EmdCost::distance:
      return walk<EmdCost::distance>(tree, point, visitor);
    case EmdCost::squared:
      return walk<EmdCost::squared>(tree, point, visitor);
    case EmdCost::detour:
      return walk<EmdCost::detour>(tree, point, visitor);
  }
}

// What point_values() adds to the price of target j, rounded alike.
double cost_of(const PricedBoxes& targets, int32_t j, const double* point, EmdCost cost) {
  const double dx = point[0] - targets.center[0][j];
  const double dist2 = distance2<double>(dx, point[1] - targets.center[1][j], point[2] - targets.center[2][j]);
  if (cost == EmdCost::squared) return dist2;
  return cost == EmdCost::detour ? __builtin_sqrt(dist2) + dx : __builtin_sqrt(dist2);
}

// Collects targets below the limit and keeps the least. What comes is sorted by counting, in one go and without
// branches, rarely more than once per search.
struct Least {
  static constexpr int64_t kRoom = 64;  // and kFan more, for append()
  double limit;
  int64_t count;
  double value[kRoom + kFan];
  int32_t target[kRoom + kFan];

  void take(unsigned mask, int32_t first, const double* values) {
    count += append(mask, first, values, target + count, value + count);
    if (count > kRoom - kFan) keep_least();
  }

  void keep_least() {
    const int64_t collected = count;
    count = 0;
    for (int64_t i = 0; i < collected; ++i) insert(value[i], target[i]);
    if (count == kCandidates && value[kCandidates - 1] < limit) limit = value[kCandidates - 1];
  }

  void insert(double new_value, int32_t new_target) {
    if (count == kCandidates && new_value >= value[kCandidates - 1]) return;
    int64_t k = count < kCandidates ? count++ : kCandidates - 1;
    for (; k > 0 && value[k - 1] > new_value; --k) {
      value[k] = value[k - 1];
      target[k] = target[k - 1];
    }
    value[k] = new_value;
    target[k] = new_target;
  }
};

void nearest(const PricedTree& tree, const double* point, EmdCost cost, Candidates& candidates) {
  const PricedBoxes& targets = tree.level[0];
  Least least;
  least.limit = __builtin_inf();
  for (int k = 0; k < kCandidates; ++k) {
    least.value[k] = candidates.cost[k] + targets.price[candidates.target[k]];
    least.target[k] = candidates.target[k];
  }
  least.count = kCandidates;
  least.keep_least();
  least.limit = least.value[kSought - 1];
  least.count = 0;
  least.limit = __builtin_nextafter(least.limit, __builtin_inf());  // the old candidates must be found again
  walk(tree, point, cost, least);
  least.keep_least();
  for (int k = 0; k < kCandidates; ++k) {
    const bool found = k < least.count;
    const int32_t j = candidates.target[k] = found ? least.target[k] : 0;
    candidates.cost[k] = found ? cost_of(targets, j, point, cost) : __builtin_inf();
  }
  candidates.bound = least.limit;
}

struct List {
  double limit;
  int32_t* target;
  double* value;
  int64_t count;

  void take(unsigned mask, int32_t first, const double* values) {
    count += append(mask, first, values, target + count, value + count);
  }
};

int64_t within(const PricedTree& tree, const double* point, EmdCost cost, double limit, int32_t* target,
               double* value) {
  List list{limit, target, value, 0};
  walk(tree, point, cost, list);
  return list.count;
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const EmdKernels PCGEN_CONCAT(emd_, PCGEN_SIMD_LEVEL);
const EmdKernels PCGEN_CONCAT(emd_, PCGEN_SIMD_LEVEL) = {nearest, within};
}  // namespace pcgen
