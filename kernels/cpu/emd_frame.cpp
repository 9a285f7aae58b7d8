#include "kernels/cpu/emd_frame.h"

#include <array>
#include <cmath>
#include <numeric>

namespace pcgen {
namespace {

using Vector = std::array<double, 3>;

constexpr double kFar = 0.1;  // radii between the means; measured

double dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector mean(const std::vector<double>& points) {
  Vector sum{};
  for (size_t i = 0; i < points.size(); ++i) sum[i % 3] += points[i];
  for (double& coordinate : sum) coordinate /= points.size() / 3;
  return sum;
}

std::vector<double> moved(std::vector<double> points, const Vector& by) {
  for (size_t i = 0; i < points.size(); ++i) points[i] -= by[i % 3];
  return points;
}

double mean_square(const std::vector<double>& points) {
  double sum = 0;
  for (const double coordinate : points) sum += coordinate * coordinate;
  return sum / (points.size() / 3);
}

// Householder's reflection, which takes the direction u to the first axis.
std::vector<double> reflected(std::vector<double> points, const Vector& u) {
  const double sign = u[0] > 0 ? 1 : -1;
  const Vector normal{u[0] + sign, u[1], u[2]};  // without cancellation: it takes u to -sign times the axis
  for (size_t i = 0; i < points.size(); i += 3) {
    const Vector point{points[i], points[i + 1], points[i + 2]};
    const double factor = 2 * dot(normal, point) / dot(normal, normal);
    for (size_t axis = 0; axis < 3; ++axis) points[i + axis] -= factor * normal[axis];
    points[i] *= -sign;
  }
  return points;
}

// Twice the inner product with d, and more.
std::vector<double> along(const std::vector<double>& points, const Vector& d, double more) {
  std::vector<double> values(points.size() / 3);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = 2 * dot({points[3 * i], points[3 * i + 1], points[3 * i + 2]}, d) + more;
  }
  return values;
}

std::vector<double> first_axis(const std::vector<double>& points) {
  std::vector<double> values(points.size() / 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = points[3 * i];
  return values;
}

double average(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / values.size();
}

}  // namespace

Framed framed(const std::vector<double>& x, const std::vector<double>& y, bool squared) {
  const Vector mean_x = mean(x), mean_y = mean(y);
  const Vector d{mean_y[0] - mean_x[0], mean_y[1] - mean_x[1], mean_y[2] - mean_x[2]};
  const double apart = std::sqrt(dot(d, d));
  const std::vector<double> own_x = moved(x, mean_x), own_y = moved(y, mean_y);
  const double radius = std::sqrt((mean_square(own_x) + mean_square(own_y)) / 2);
  if (!(apart > kFar * radius)) {
    const EmdCost cost = squared ? EmdCost::squared : EmdCost::distance;
    return {x, y, std::vector<double>(x.size() / 3), std::vector<double>(y.size() / 3), {cost, 0, apart, radius}};
  }
  Framed result;
  if (squared) {
    result = {own_x, own_y, along(own_x, d, 0), along(own_y, d, dot(d, d)), {EmdCost::squared, 0, apart, radius}};
  } else {
    const Vector u{d[0] / apart, d[1] / apart, d[2] / apart};
    result = {reflected(own_x, u), reflected(moved(y, mean_x), u), {}, {}, {EmdCost::detour, 0, apart, radius}};
    result.share_x = first_axis(result.x);
    result.share_y = first_axis(result.y);
  }
  // Not from d: the means are rounded as the coordinates are, which is too much for small clouds far from the origin.
  result.metric.common = average(result.share_y) - average(result.share_x);
  return result;
}

std::vector<double> shifted(std::vector<double> values, const std::vector<double>& shares, double times) {
  for (size_t i = 0; i < values.size(); ++i) values[i] += times * shares[i];
  return values;
}

}  // namespace pcgen
