// From interleaved points [n, 3] to padded coordinate planes [3, padded(n)].
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/cpu/simd.h"

namespace pcgen {

template <typename T>
inline bool is_finite(const T* point) {
  return std::isfinite(point[0]) && std::isfinite(point[1]) && std::isfinite(point[2]);
}

// Points that are not finite, and the padding, get the coordinates `filler`.
template <typename T>
std::vector<T> to_planes(const T* points, int64_t n, T filler) {
  const int64_t m = padded(n);
  std::vector<T> planes(3 * m, filler);
  for (int64_t i = 0; i < n; ++i) {
    if (!is_finite(points + 3 * i)) continue;
    for (int64_t axis = 0; axis < 3; ++axis) planes[axis * m + i] = points[3 * i + axis];
  }
  return planes;
}

}  // namespace pcgen
