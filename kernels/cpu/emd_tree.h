// The targets of one pair of clouds, with prices that only rise.
#pragma once

#include <vector>

#include "kernels/cpu/emd_level.h"

namespace pcgen {

// An order of points [n, 3] in which every aligned run of kFan * 2^k of them is compact: halves along the widest side.
std::vector<int32_t> compact_order(const std::vector<double>& points);

class PriceTree {
 public:
  PriceTree(const std::vector<double>& points,   // [n, 3] in compact order
            const std::vector<double>& prices);  // [n]
  PriceTree(const PriceTree&) = delete;

  const PricedTree& view() const { return view_; }
  double price(int64_t j) const { return prices_[0][j]; }
  void raise(int64_t j, double price);

 private:
  void add_level();

  std::vector<std::vector<double>> boxes_;   // per level: low x, y, z, then high x, y, z
  std::vector<std::vector<double>> prices_;  // per level
  std::vector<int32_t> frontier_[2];
  std::vector<double> frontier_value_;
  PricedTree view_{};
};

}  // namespace pcgen
