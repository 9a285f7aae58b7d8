// Whether a point takes part.
#pragma once

namespace pcgen {

// True if all coordinates are finite. 0 * inf and 0 * NaN are NaN, and so are sums with them.
template <typename T>
inline bool is_finite(const T* point, int dim) {
  T zero = 0;
  for (int a = 0; a < dim; ++a) zero += point[a] * 0;
  return zero == 0;
}

}  // namespace pcgen
