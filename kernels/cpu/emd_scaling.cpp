#include "kernels/cpu/emd_scaling.h"

namespace pcgen {
namespace {

// Seen in this mirror, the way back has the same detour.
std::vector<double> mirrored(std::vector<double> points) {
  for (size_t i = 0; i < points.size(); i += 3) points[i] = -points[i];
  return points;
}

double weight(const Units& units, int64_t i) { return units.empty() ? 1 : static_cast<double>(units[i]); }

}  // namespace

double largest_cost(const std::vector<double>& x, const std::vector<double>& y, EmdCost cost) {
  double across2 = 0, along = 0, least_along = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    double low[2], high[2];
    for (const int side : {0, 1}) {
      const std::vector<double>& points = side ? y : x;
      low[side] = high[side] = points[axis];
      for (size_t i = axis; i < points.size(); i += 3) {
        low[side] = std::min(low[side], points[i]);
        high[side] = std::max(high[side], points[i]);
      }
    }
    const double side = std::max(high[0], high[1]) - std::min(low[0], low[1]);
    if (axis == 0) {
      along = side;
      least_along = low[1] - high[0];
    } else {
      across2 += side * side;
    }
  }
  if (cost == EmdCost::detour) return std::sqrt(across2 + least_along * least_along) - least_along;
  return cost == EmdCost::squared ? across2 + along * along : std::sqrt(across2 + along * along);
}

double detail(double moved, const Metric& metric, double primal) {
  const double own = std::max(0.0, primal - metric.common);
  if (metric.cost == EmdCost::squared) return moved * (moved + 2 * std::sqrt(own));
  if (metric.cost == EmdCost::distance) return moved;
  return std::min(moved, moved * (moved / (2 * metric.common) + std::sqrt(2 * own / metric.common)));
}

std::vector<double> coarser(const std::vector<double>& points, const Units& units) {
  const int64_t n = points.size() / 3, m = (n + kFan - 1) / kFan;
  std::vector<double> centroids(3 * m, 0.0);
  for (int64_t k = 0; k < m; ++k) {
    const int64_t first = k * kFan, last = std::min(n, first + kFan);
    double total = 0;
    for (int64_t i = first; i < last; ++i) {
      total += weight(units, i);
      for (int64_t axis = 0; axis < 3; ++axis) centroids[3 * k + axis] += weight(units, i) * points[3 * i + axis];
    }
    for (int64_t axis = 0; axis < 3; ++axis) centroids[3 * k + axis] /= total;
  }
  return centroids;
}

Units coarser(const Units& units) {
  Units sums((units.size() + kFan - 1) / kFan, 0);
  for (size_t i = 0; i < units.size(); ++i) sums[i / kFan] += units[i];
  return sums;
}

double spread(const std::vector<double>& points, const Units& units, const std::vector<double>& centroids,
              double along) {
  const int64_t n = points.size() / 3;
  double sum = 0, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    double dist2 = 0;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const double d = (points[3 * i + axis] - centroids[3 * (i / kFan) + axis]) * (axis == 0 ? along : 1);
      dist2 += d * d;
    }
    sum += weight(units, i) * std::sqrt(dist2);
    total += weight(units, i);
  }
  return sum / total;
}

std::vector<double> interpolate(Bidders& coarse, const std::vector<double>& coarse_x, const std::vector<double>& y,
                                const Metric& metric) {
  std::vector<double> offers(coarse.size()), prices(y.size() / 3);
  for (int64_t i = 0; i < coarse.size(); ++i) offers[i] = -coarse.utility(i);
  Bidders back(mirrored(y), mirrored(coarse_x), offers, metric);
  for (size_t j = 0; j < prices.size(); ++j) prices[j] = -back.utility(j);
  return prices;
}

std::vector<double> from_zero(std::vector<double> prices) {
  const double least = *std::min_element(prices.begin(), prices.end());
  for (double& price : prices) price -= least;
  return prices;
}

}  // namespace pcgen
