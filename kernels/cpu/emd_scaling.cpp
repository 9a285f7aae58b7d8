#include "kernels/cpu/emd_scaling.h"

namespace pcgen {
namespace {

double weight(const Units& units, int64_t i) { return units.empty() ? 1 : static_cast<double>(units[i]); }

}  // namespace

double largest_cost(const std::vector<double>& x, const std::vector<double>& y, bool squared) {
  double dist2 = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    double low = x[axis], high = x[axis];
    for (const auto* points : {&x, &y}) {
      for (size_t i = axis; i < points->size(); i += 3) {
        low = std::min(low, (*points)[i]);
        high = std::max(high, (*points)[i]);
      }
    }
    dist2 += (high - low) * (high - low);
  }
  return squared ? dist2 : std::sqrt(dist2);
}

Offset offset(const std::vector<double>& x, const std::vector<double>& y) {
  double between = 0, within = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    double mean[2] = {0, 0};
    for (const int side : {0, 1}) {
      const std::vector<double>& points = side ? y : x;
      const double n = points.size() / 3;
      for (size_t i = axis; i < points.size(); i += 3) mean[side] += points[i] / n;
      for (size_t i = axis; i < points.size(); i += 3) {
        within += (points[i] - mean[side]) * (points[i] - mean[side]) / (2 * n);
      }
    }
    between += (mean[0] - mean[1]) * (mean[0] - mean[1]);
  }
  return {std::sqrt(between), between > emd_tuning::kFar * emd_tuning::kFar * within};
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

double spread(const std::vector<double>& points, const Units& units, const std::vector<double>& centroids) {
  const int64_t n = points.size() / 3;
  double sum = 0, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    double dist2 = 0;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const double d = points[3 * i + axis] - centroids[3 * (i / kFan) + axis];
      dist2 += d * d;
    }
    sum += weight(units, i) * std::sqrt(dist2);
    total += weight(units, i);
  }
  return sum / total;
}

std::vector<double> interpolate(Bidders& coarse, const std::vector<double>& coarse_x, const std::vector<double>& y,
                                bool squared, bool tilted) {
  std::vector<double> offers(coarse.size()), prices(y.size() / 3);
  for (int64_t i = 0; i < coarse.size(); ++i) offers[i] = -coarse.utility(i);
  Bidders back(y, coarse_x, offers, squared, tilted);
  for (size_t j = 0; j < prices.size(); ++j) prices[j] = -back.utility(j);
  return prices;
}

std::vector<double> from_zero(std::vector<double> prices) {
  const double least = *std::min_element(prices.begin(), prices.end());
  for (double& price : prices) price -= least;
  return prices;
}

}  // namespace pcgen
