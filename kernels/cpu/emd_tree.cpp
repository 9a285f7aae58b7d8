#include "kernels/cpu/emd_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
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

}  // namespace

std::vector<int32_t> compact_order(const std::vector<double>& points, double along) {
  std::vector<double> squashed = points;
  for (size_t i = 0; i < squashed.size(); i += 3) squashed[i] *= along;
  std::vector<int32_t> order(points.size() / 3);
  std::iota(order.begin(), order.end(), 0);
  split(squashed, order.data(), order.data() + order.size());
  return order;
}

PriceTree::PriceTree(const std::vector<double>& points, const std::vector<double>& prices) {
  const int64_t n = prices.size();
  Level& targets = levels_.emplace_back(padded_to_fan(n));
  std::copy(prices.begin(), prices.end(), targets.price.begin());
  for (int a = 0; a < 3; ++a) {
    for (int64_t i = 0; i < n; ++i) targets.center[a][i] = points[3 * i + a];
  }
  while (levels_.back().size() > kFan) add_level();

  view_.height = static_cast<int>(levels_.size());
  for (int h = 0; h < view_.height; ++h) {
    for (int a = 0; a < 3; ++a) {
      view_.level[h].center[a] = levels_[h].center[a].data();
      view_.level[h].half[a] = levels_[h].half[a].data();
    }
    view_.level[h].price = levels_[h].price.data();
  }
  const int64_t room = levels_[0].size() / kFan + kFan;
  for (int k = 0; k < 2; ++k) {
    frontier_[k].resize(room);
    view_.frontier[k] = frontier_[k].data();
  }
  frontier_value_.resize(room);
  view_.frontier_value = frontier_value_.data();
  const Level& top = levels_.back();
  double extent = 0;
  for (int a = 0; a < 3 && view_.height > 1; ++a) {
    for (int64_t k = 0; k < top.size(); ++k)
      extent = std::max(extent, 3 * (std::abs(top.center[a][k]) + top.half[a][k]));
  }
  view_.slack = kRelativeSlack * extent;
}

void PriceTree::add_level() {
  const Level& below = levels_.back();
  const int64_t nodes = below.size() / kFan;
  Level level(padded_to_fan(nodes));
  for (int a = 0; a < 3; ++a) {
    level.half[a].assign(level.size(), 0.0);
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
  for (int64_t k = 0; k < nodes; ++k) {
    level.price[k] = *std::min_element(&below.price[kFan * k], &below.price[kFan * k] + kFan);
  }
  levels_.push_back(std::move(level));
}

void PriceTree::raise(int64_t j, double price) {
  double before = levels_[0].price[j];
  levels_[0].price[j] = price;
  for (int h = 1; h < view_.height; ++h) {
    const int64_t parent = j / kFan;
    double& least = levels_[h].price[parent];
    if (before > least) return;  // it is not what bounds the parent
    const double* children = &levels_[h - 1].price[parent * kFan];
    const double risen = *std::min_element(children, children + kFan);
    if (risen <= least) return;
    before = least;
    least = risen;
    j = parent;
  }
}

}  // namespace pcgen
