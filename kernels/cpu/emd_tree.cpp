#include "kernels/cpu/emd_tree.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace pcgen {
namespace {

using Vector = std::array<double, 3>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kRidge = 1e-3;           // of the points' variance
constexpr double kRelativeSlack = 1e-14;  // rounding errors, generously

int64_t padded_to_fan(int64_t n) { return (n + kFan - 1) / kFan * kFan; }

int widest_axis(const std::vector<double>& points, const int32_t* begin, const int32_t* end) {
  double low[3] = {kInf, kInf, kInf}, high[3] = {-kInf, -kInf, -kInf};
  for (const int32_t* i = begin; i < end; ++i) {
    for (int a = 0; a < 3; ++a) {
      low[a] = std::min(low[a], points[3 * *i + a]);
      high[a] = std::max(high[a], points[3 * *i + a]);
    }
  }
  int axis = 0;
  for (int a = 1; a < 3; ++a) {
    if (high[a] - low[a] > high[axis] - low[axis]) axis = a;
  }
  return axis;
}

void split(const std::vector<double>& points, int32_t* begin, int32_t* end) {
  const int64_t n = end - begin;
  if (n <= kFan) return;
  const int axis = widest_axis(points, begin, end);
  int64_t left = kFan;
  while (2 * left < n) left *= 2;
  std::nth_element(begin, begin + left, end, [&](int32_t i, int32_t j) {
    const double a = points[3 * i + axis], b = points[3 * j + axis];
    return a < b || (a == b && i < j);
  });
  split(points, begin, begin + left);
  split(points, begin + left, end);
}

// The solution of a * slope = b for a positive definite a, by Cramer's rule.
Vector solved(const Vector (&a)[3], const Vector& b) {
  const auto cross = [](const Vector& u, const Vector& v) {
    return Vector{u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
  };
  const auto dot = [](const Vector& u, const Vector& v) { return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]; };
  const double determinant = dot(a[0], cross(a[1], a[2]));
  if (!(determinant > 0)) return {0, 0, 0};
  return {dot(b, cross(a[1], a[2])) / determinant, dot(b, cross(a[2], a[0])) / determinant,
          dot(b, cross(a[0], a[1])) / determinant};
}

}  // namespace

std::vector<int32_t> compact_order(const std::vector<double>& points) {
  std::vector<int32_t> order(points.size() / 3);
  std::iota(order.begin(), order.end(), 0);
  split(points, order.data(), order.data() + order.size());
  return order;
}

PriceTree::PriceTree(const std::vector<double>& points, const std::vector<double>& prices, bool squared, bool tilted)
    : n_(prices.size()), squared_(squared) {
  const int64_t m = padded_to_fan(n_);
  Level& targets = levels_.emplace_back(Level{m});
  targets.price.assign(m, kInf);
  targets.offset.assign(m, 0.0);
  std::copy(prices.begin(), prices.end(), targets.price.begin());
  for (int a = 0; a < 3; ++a) {
    targets.center[a].assign(m, 0.0);
    for (int64_t i = 0; i < n_; ++i) targets.center[a][i] = points[3 * i + a];
  }
  while (levels_.back().size > kFan) add_level();

  view_.tilted = tilted;
  view_.height = static_cast<int>(levels_.size());
  for (int h = 0; h < view_.height; ++h) {
    for (int a = 0; a < 3; ++a) {
      view_.level[h].center[a] = levels_[h].center[a].data();
      view_.level[h].half[a] = levels_[h].half[a].data();
      view_.level[h].slope[a] = levels_[h].slope[a].data();
    }
    view_.level[h].price = levels_[h].price.data();
  }
  const int64_t room = m / kFan + kFan;
  for (int k = 0; k < 2; ++k) {
    frontier_[k].resize(room);
    view_.frontier[k] = frontier_[k].data();
  }
  frontier_value_.resize(room);
  view_.frontier_value = frontier_value_.data();
  const Level& top = levels_.back();
  for (int a = 0; a < 3 && view_.height > 1; ++a) {
    for (int64_t k = 0; k < top.size; ++k)
      extent_ = std::max(extent_, 3 * (std::abs(top.center[a][k]) + top.half[a][k]));
  }
  tilt();
}

void PriceTree::add_level() {
  const Level& below = levels_.back();
  const int64_t nodes = below.size / kFan, m = padded_to_fan(nodes);
  Level level{m};
  for (int a = 0; a < 3; ++a) {
    level.center[a].assign(m, 0.0);
    level.half[a].assign(m, 0.0);
    level.slope[a].assign(m, 0.0);
    for (int64_t k = 0; k < nodes; ++k) {
      double low = kInf, high = -kInf;
      for (int64_t c = kFan * k; c < kFan * (k + 1); ++c) {
        if (below.price[c] == kInf) continue;  // padding
        const double half = below.half[a].empty() ? 0 : below.half[a][c];
        low = std::min(low, below.center[a][c] - half);
        high = std::max(high, below.center[a][c] + half);
      }
      level.center[a][k] = low + (high - low) / 2;
      level.half[a][k] = (high - low) / 2;
    }
  }
  level.price.assign(m, kInf);
  std::fill_n(level.price.begin(), nodes, 0.0);
  level.offset.assign(m, 0.0);
  levels_.push_back(std::move(level));
}

void PriceTree::tilt() {
  double steepest = 1;
  int64_t width = 1;
  for (int h = 1; h < view_.height; ++h) {
    width *= kFan;
    for (int64_t first = 0, k = 0; first < n_; first += width, ++k) {
      fit_slope(h, k, first, std::min(n_, first + width));
      for (int a = 0; a < 3; ++a) steepest = std::max(steepest, std::abs(levels_[h].slope[a][k]));
    }
    fit_offsets(h);
  }
  view_.slack = kRelativeSlack * steepest * extent_;
}

// Prices fall as the cost rises: the slope is minus the gradient of the prices, by least squares.
void PriceTree::fit_slope(int h, int64_t k, int64_t first, int64_t last) {
  const Level& targets = levels_[0];
  Level& level = levels_[h];
  const double count = last - first;
  Vector mean{};
  double mean_price = 0;
  for (int64_t j = first; j < last; ++j) {
    for (int a = 0; a < 3; ++a) mean[a] += targets.center[a][j] / count;
    mean_price += targets.price[j] / count;
  }
  Vector variance[3]{}, falling{};
  for (int64_t j = first; j < last; ++j) {
    const Vector d{targets.center[0][j] - mean[0], targets.center[1][j] - mean[1], targets.center[2][j] - mean[2]};
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) variance[a][b] += d[a] * d[b];
      falling[a] -= d[a] * (targets.price[j] - mean_price);
    }
  }
  const double ridge = kRidge * (variance[0][0] + variance[1][1] + variance[2][2]);
  for (int a = 0; a < 3; ++a) variance[a][a] += ridge;
  Vector slope = view_.tilted ? solved(variance, falling) : Vector{};
  const double steepness = std::hypot(slope[0], slope[1], slope[2]);
  for (int a = 0; a < 3; ++a) level.slope[a][k] = squared_ ? slope[a] : slope[a] / std::max(1.0, steepness);

  level.price[k] = kInf;
  for (int64_t j = first; j < last; ++j) {
    double tilted = targets.price[j];
    for (int a = 0; a < 3; ++a) tilted += level.slope[a][k] * (targets.center[a][j] - level.center[a][k]);
    level.price[k] = std::min(level.price[k], tilted);
  }
}

// By how much the tilts of a child and of its parent differ, at least.
void PriceTree::fit_offsets(int h) {
  Level& below = levels_[h - 1];
  const Level& level = levels_[h];
  for (int64_t c = 0; c < below.size; ++c) {
    const int64_t k = c / kFan;
    double offset = 0;
    for (int a = 0; a < 3; ++a) {
      offset += level.slope[a][k] * (below.center[a][c] - level.center[a][k]);
      if (h > 1) offset -= std::abs(level.slope[a][k] - below.slope[a][c]) * below.half[a][c];
    }
    below.offset[c] = offset;
  }
}

void PriceTree::raise(int64_t j, double price) {
  double before = levels_[0].price[j];
  levels_[0].price[j] = price;
  for (int h = 1; h < view_.height; ++h) {
    const Level& below = levels_[h - 1];
    const int64_t parent = j / kFan;
    double& least = levels_[h].price[parent];
    if (before + below.offset[j] > least) return;  // it is not what bounds the parent
    double tilted = kInf;
    for (int64_t c = parent * kFan; c < (parent + 1) * kFan; ++c) {
      tilted = std::min(tilted, below.price[c] + below.offset[c]);
    }
    if (tilted <= least) return;
    before = least;
    least = tilted;
    j = parent;
  }
}

}  // namespace pcgen
