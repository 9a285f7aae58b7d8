#include "kernels/cpu/emd_tree.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

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

std::vector<int32_t> compact_order(const std::vector<double>& points) {
  std::vector<int32_t> order(points.size() / 3);
  std::iota(order.begin(), order.end(), 0);
  split(points, order.data(), order.data() + order.size());
  return order;
}

PriceTree::PriceTree(const std::vector<double>& points, const std::vector<double>& prices) {
  const int64_t n = prices.size(), m = padded_to_fan(n);
  prices_.emplace_back(m, kInf);
  std::copy(prices.begin(), prices.end(), prices_[0].begin());
  boxes_.emplace_back(6 * m, 0.0);
  for (int64_t i = 0; i < n; ++i) {
    for (int a = 0; a < 3; ++a) boxes_[0][a * m + i] = boxes_[0][(3 + a) * m + i] = points[3 * i + a];
  }
  while (static_cast<int64_t>(prices_.back().size()) > kFan) add_level();

  view_.height = static_cast<int>(prices_.size());
  for (int h = 0; h < view_.height; ++h) {
    const int64_t size = prices_[h].size();
    for (int a = 0; a < 3; ++a) {
      view_.level[h].low[a] = boxes_[h].data() + a * size;
      view_.level[h].high[a] = boxes_[h].data() + (3 + a) * size;
    }
    view_.level[h].price = prices_[h].data();
  }
  const int64_t room = m / kFan + kFan;
  for (int k = 0; k < 2; ++k) {
    frontier_[k].resize(room);
    view_.frontier[k] = frontier_[k].data();
  }
  frontier_value_.resize(room);
  view_.frontier_value = frontier_value_.data();
}

void PriceTree::add_level() {
  const std::vector<double>& below = boxes_.back();
  const std::vector<double>& price_below = prices_.back();
  const int64_t size = price_below.size(), nodes = size / kFan, m = padded_to_fan(nodes);
  std::vector<double> boxes(6 * m, 0.0), price(m, kInf);
  for (int64_t k = 0; k < nodes; ++k) {
    for (int a = 0; a < 3; ++a) {
      double low = kInf, high = -kInf;
      for (int64_t c = kFan * k; c < kFan * (k + 1); ++c) {
        if (price_below[c] == kInf) continue;  // padding
        low = std::min(low, below[a * size + c]);
        high = std::max(high, below[(3 + a) * size + c]);
      }
      boxes[a * m + k] = low;
      boxes[(3 + a) * m + k] = high;
    }
    price[k] = *std::min_element(&price_below[kFan * k], &price_below[kFan * k] + kFan);
  }
  boxes_.push_back(std::move(boxes));
  prices_.push_back(std::move(price));
}

void PriceTree::raise(int64_t j, double price) {
  double before = prices_[0][j];
  prices_[0][j] = price;
  for (int h = 1; h < view_.height; ++h) {
    const int64_t parent = j / kFan;
    const double least = prices_[h][parent];
    if (before > least) return;  // a sibling holds the least price
    const double* child = &prices_[h - 1][parent * kFan];
    prices_[h][parent] = *std::min_element(child, child + kFan);
    before = least;
    j = parent;
  }
}

}  // namespace pcgen
