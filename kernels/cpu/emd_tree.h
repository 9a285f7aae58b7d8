// The targets of one pair of clouds, with prices that only rise.
#pragma once

#include <limits>
#include <vector>

#include "kernels/cpu/emd_level.h"

namespace pcgen {

// An order of points [n, 3] in which every aligned run of kFan * 2^k of them is compact: halves along the widest side,
// where the first axis counts `along` times as much as the others.
std::vector<int32_t> compact_order(const std::vector<double>& points, double along = 1);

class PriceTree {
 public:
  PriceTree(const std::vector<double>& points,   // [n, 3] in compact order
            const std::vector<double>& prices);  // [n]
  PriceTree(const PriceTree&) = delete;

  const PricedTree& view() const { return view_; }
  double price(int64_t j) const { return levels_[0].price[j]; }
  void raise(int64_t j, double price);

 private:
  struct Level {
    explicit Level(int64_t size) : price(size, std::numeric_limits<double>::infinity()) {
      for (auto& coordinates : center) coordinates.assign(size, 0.0);
    }
    int64_t size() const { return static_cast<int64_t>(price.size()); }

    std::vector<double> center[3];
    std::vector<double> half[3];  // empty for points
    std::vector<double> price;    // padded to kFan, as all of them
  };

  void add_level();

  std::vector<Level> levels_;
  std::vector<int32_t> frontier_[2];
  std::vector<double> frontier_value_;
  PricedTree view_{};
};

}  // namespace pcgen
