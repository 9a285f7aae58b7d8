// A part of a cloud while it is sorted into leaves, and how original indices travel with the coordinates.
#pragma once

#include <cstdint>

namespace pcgen {

inline constexpr int64_t kRegister = 16;  // values in the widest register; leaves are multiples of it
inline int64_t in_registers(int64_t n) { return (n + kRegister - 1) / kRegister * kRegister; }

// A subtree still to be built. It owns in_registers(count) places of each array and never touches others.
template <typename T>
struct Segment {
  T* points;  // dim + 1 rows, `stride` apart: the coordinates, then the bits of the original index, ascending
  T* spare;   // the same, where a split puts the right part
  T* keys;    // scratch
  int64_t stride;
  int64_t count;
  int64_t cloud;
  int64_t place;  // of its first point in the order of the leaves
};

// What exists once per instruction set.
struct RankLevel {
  // Cuts `segment`, of more than `leaf` points, to its left subtree and returns the right one.
  Segment<float> (*split_f32)(Segment<float>* segment, int dim, int64_t leaf);
  Segment<double> (*split_f64)(Segment<double>* segment, int dim, int64_t leaf);
};

}  // namespace pcgen

namespace {

// The integer as wide as T, so that indices can sit in lanes of T.
template <typename T>
struct LaneBits;
template <>
struct LaneBits<float> {
  using type = int32_t;
};
template <>
struct LaneBits<double> {
  using type = int64_t;
};

template <typename T>
inline T to_lane(int32_t index) {
  const typename LaneBits<T>::type wide = index;
  T lane;
  __builtin_memcpy(&lane, &wide, sizeof(T));
  return lane;
}
template <typename T>
inline int32_t from_lane(T lane) {
  typename LaneBits<T>::type wide;
  __builtin_memcpy(&wide, &lane, sizeof(T));
  return int32_t(wide);
}

}  // namespace
