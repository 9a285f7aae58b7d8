// Points on their way into the Earth Mover's Distance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace pcgen {

inline constexpr double kLargestCoordinate = 1e150;  // squares must not overflow

template <typename T>
bool usable(const T* points, int64_t n) {
  return std::all_of(points, points + 3 * n, [](T a) { return std::abs(a) < kLargestCoordinate; });
}

// Prices to start from; empty if there are none, or one of them is not finite.
inline std::vector<double> usable_prices(const double* prices, int64_t n) {
  if (!prices || !std::all_of(prices, prices + n, [](double a) { return std::isfinite(a); })) return {};
  return {prices, prices + n};
}

inline std::vector<double> reordered(const std::vector<double>& values, const std::vector<int32_t>& order,
                                     int64_t width) {
  std::vector<double> result(values.size());
  for (size_t i = 0; i < order.size(); ++i) std::copy_n(&values[width * order[i]], width, &result[width * i]);
  return result;
}

}  // namespace pcgen
