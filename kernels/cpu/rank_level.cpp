// Splitting a cloud at exact ranks, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
#include "kernels/cpu/rank_segment.h"
#include "kernels/cpu/rank_select.h"

namespace {

using pcgen::Segment;

// The axis along which the points, at least a register of them, extend most.
template <typename T>
int widest_axis(const Segment<T>& segment, int dim) {
  T widest = -1;
  int axis = 0;
  for (int a = 0; a < dim; ++a) {
    const T* plane = segment.points + a * segment.stride;
    Vec<T> low = Vec<T>::load(plane), high = low;
    for (int64_t i = Vec<T>::kWidth; i + Vec<T>::kWidth <= segment.count; i += Vec<T>::kWidth) {
      low = Vec<T>::min(low, Vec<T>::load(plane + i));
      high = Vec<T>::max(high, Vec<T>::load(plane + i));
    }
    const Vec<T> last = Vec<T>::load(plane + segment.count - Vec<T>::kWidth);
    const T extent = Vec<T>::max(high, last).reduce_max() - Vec<T>::min(low, last).reduce_min();
    if (extent > widest) widest = extent, axis = a;
  }
  return axis;
}

// The lowest `count` of the bits.
inline uint32_t lowest_bits(uint32_t set, int64_t count) {
  if (count <= 0) return 0;
  while (__builtin_popcount(set) > count) set &= ~(uint32_t(1) << (31 - __builtin_clz(set)));
  return set;
}

// The left part gets the largest power of two of leaves that leaves a right part, all full. Points with the splitting
// coordinate go left in index order until it is full; both parts keep their order. The left part stays in place.
// kDim = 0 stands for any dimension.
template <typename T, int kDim>
Segment<T> split_at_rank(Segment<T>* segment, int any_dim, int64_t leaf) {
  const int dim = kDim ? kDim : any_dim;
  const int64_t count = segment->count, stride = segment->stride;
  int64_t left = leaf;
  while (2 * left < count) left *= 2;
  const T* along = segment->points + widest_axis(*segment, dim) * stride;
  const T pivot = select_rank(along, count, left, segment->keys);
  int64_t below, upto;
  count_keys(along, count, pivot, pivot, &below, &upto);
  int64_t ties = left - below;

  T *to_left = segment->points, *to_right = segment->spare;
  const Vec<T> pivots = Vec<T>::fill(pivot);
  for (int64_t i = 0; i < count; i += Vec<T>::kWidth) {
    const Vec<T> key = Vec<T>::load(along + i);
    const uint32_t valid = lanes_below<T>(count, i);
    uint32_t goes_left = bits(less(key, pivots)) & valid;
    if (const uint32_t equals = bits(equal(key, pivots)) & valid) {
      goes_left |= lowest_bits(equals, ties);
      ties -= __builtin_popcount(equals);
    }
    const uint32_t goes_right = valid & ~goes_left;
    for (int row = 0; row <= dim; ++row) {
      const Vec<T> value = Vec<T>::load(segment->points + row * stride + i);
      store_packed(to_left + row * stride, value, goes_left);
      store_packed(to_right + row * stride, value, goes_right);
    }
    to_left += __builtin_popcount(goes_left);
    to_right += __builtin_popcount(goes_right);
  }
  const int64_t right = pcgen::in_registers(count - left);
  const Segment<T> other{segment->spare, segment->points + left, segment->keys,        stride,
                         count - left,   segment->cloud,         segment->place + left};
  *segment = {segment->points, segment->spare + right, segment->keys + right, stride, left,
              segment->cloud,  segment->place};
  return other;
}

template <typename T>
Segment<T> split(Segment<T>* segment, int dim, int64_t leaf) {
  return dim == 3 ? split_at_rank<T, 3>(segment, dim, leaf) : split_at_rank<T, 0>(segment, dim, leaf);
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const RankLevel PCGEN_CONCAT(rank_, PCGEN_SIMD_LEVEL);
const RankLevel PCGEN_CONCAT(rank_, PCGEN_SIMD_LEVEL) = {split<float>, split<double>};
}  // namespace pcgen
