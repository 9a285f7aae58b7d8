#include "kernels/cpu/emd_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace pcgen {
namespace {

using Point = std::array<double, 3>;

constexpr double kThin = 0.02;  // root mean square distance to the line, relative to its length

Point difference(const double* a, const double* b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }

double dot(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// The point of the clouds that is farthest from `from`.
const double* farthest(const std::vector<double>& x, const std::vector<double>& y, const double* from) {
  const double* best = from;
  double most = 0;
  for (const auto* points : {&x, &y}) {
    for (size_t i = 0; i < points->size(); i += 3) {
      const Point d = difference(&(*points)[i], from);
      if (dot(d, d) > most) {
        most = dot(d, d);
        best = &(*points)[i];
      }
    }
  }
  return best;
}

struct Line {
  const double* origin;
  Point direction;
  double length;

  double along(const double* point) const { return dot(difference(point, origin), direction); }

  // Sum of the squared distances of the points.
  double distance2(const std::vector<double>& points) const {
    double sum = 0;
    for (size_t i = 0; i < points.size(); i += 3) {
      const Point d = difference(&points[i], origin);
      sum += std::max(0.0, dot(d, d) - along(&points[i]) * along(&points[i]));
    }
    return sum;
  }
};

// Through two points that lie about as far apart as any.
Line through(const std::vector<double>& x, const std::vector<double>& y) {
  const double* origin = farthest(x, y, x.data());
  Point direction = difference(farthest(x, y, origin), origin);
  const double length = std::sqrt(dot(direction, direction));
  for (double& d : direction) d = length > 0 ? d / length : 0;
  return {origin, direction, length};
}

std::vector<double> projected(const std::vector<double>& points, const Line& line) {
  std::vector<double> along(points.size() / 3);
  for (size_t i = 0; i < along.size(); ++i) along[i] = line.along(&points[3 * i]);
  return along;
}

std::vector<int32_t> sorted(const std::vector<double>& along) {
  std::vector<int32_t> order(along.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t i, int32_t j) { return along[i] < along[j] || (along[i] == along[j] && i < j); });
  return order;
}

}  // namespace

LineSolution solve_on_line(const std::vector<double>& x, const std::vector<double>& y, EmdCost kind) {
  const Line line = through(x, y);
  const double thin = kThin * line.length, count = double(x.size() + y.size()) / 3;
  if (!(line.distance2(x) + line.distance2(y) <= thin * thin * count)) return {};

  const std::vector<double> s = projected(x, line), t = projected(y, line);
  const std::vector<int32_t> order_x = sorted(s), order_y = sorted(t);
  const auto cost = [&](size_t i, size_t j) {
    const double d = t[order_y[j]] - s[order_x[i]];
    if (kind == EmdCost::squared) return d * d;
    return kind == EmdCost::detour ? std::abs(d) - d * line.direction[0] : std::abs(d);
  };
  LineSolution solution{std::vector<int32_t>(s.size()), std::vector<double>(t.size())};
  double price = 0;
  for (size_t k = 0; k < s.size(); ++k) {
    solution.target[order_x[k]] = order_y[k];
    solution.prices[order_y[k]] = price;
    if (k + 1 == s.size()) break;
    // What keeps both neighbours at their own target; for convex costs that keeps everybody.
    const double least = cost(k, k) - cost(k, k + 1), most = cost(k + 1, k) - cost(k + 1, k + 1);
    price += (least + most) / 2;
  }
  return solution;
}

}  // namespace pcgen
