// The targets of one pair of clouds, with prices that only rise.
#pragma once

#include <vector>

#include "kernels/cpu/emd_level.h"

namespace pcgen {

// An order of points [n, 3] in which every aligned run of kFan * 2^k of them is compact: halves along the widest side.
std::vector<int32_t> compact_order(const std::vector<double>& points);

class PriceTree {
 public:
  PriceTree(const std::vector<double>& points,  // [n, 3] in compact order
            const std::vector<double>& prices,  // [n]
            bool squared, bool tilted);
  PriceTree(const PriceTree&) = delete;

  const PricedTree& view() const { return view_; }
  double price(int64_t j) const { return levels_[0].price[j]; }
  void raise(int64_t j, double price);

  // Fits the boxes to the present prices. It has an influence on the time of searches only.
  void tilt();

 private:
  struct Level {
    int64_t size;  // padded to kFan
    std::vector<double> center[3];
    std::vector<double> half[3];   // empty for points
    std::vector<double> slope[3];  // empty for points
    std::vector<double> price;     // of points, or tilted
    std::vector<double> offset;    // to be added to the price to bound the parent's tilted price
  };

  void add_level();
  void fit_slope(int h, int64_t k, int64_t first, int64_t last);
  void fit_offsets(int h);

  int64_t n_;
  bool squared_;
  double extent_ = 0;
  std::vector<Level> levels_;
  std::vector<int32_t> frontier_[2];
  std::vector<double> frontier_value_;
  PricedTree view_{};
};

}  // namespace pcgen
