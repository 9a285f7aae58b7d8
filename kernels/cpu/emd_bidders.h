// Points of x that look for the targets of least cost + price among the points of y. Everything is float64 and O(n) in
// memory: costs are computed where they are needed.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/cpu/emd_tree.h"

namespace pcgen {

// What a pair of clouds has in common with the framed one (emd_frame.h) that is solved in its place.
struct Metric {
  EmdCost cost;   // without what is the same for every assignment,
  double common;  // which is so much on average
  double apart;   // distance between the means of the clouds
  double radius;  // root mean square distance of the points from the mean of their cloud

  // How far the change of a cost by moving a point along the first axis is below that by moving it across.
  double along() const { return cost == EmdCost::detour ? std::min(1.0, radius / apart) : 1; }
};

class Bidders {
 public:
  Bidders(const std::vector<double>& x,       // [n, 3] in compact order
          const std::vector<double>& y,       // [m, 3] in compact order
          const std::vector<double>& prices,  // [m]
          const Metric& metric);

  double utility(int64_t i);  // min_j (cost(i, j) + price(j))
  double cost(int64_t i, int64_t j) const;
  double price(int64_t j) const { return tree_.price(j); }
  void raise(int64_t j, double price) { tree_.raise(j, price); }
  int64_t size() const { return n_; }
  const Metric& metric() const { return metric_; }

  // The targets of least cost + price that were found for point i, and a bound on all others as long as prices rise.
  const Candidates& candidates(int64_t i) const { return candidates_[i]; }
  void search(int64_t i);

  // Lists the targets of point i with cost + price < limit; returns how many.
  int64_t within(int64_t i, double limit, int32_t* target, double* value) const {
    return kernels_.within(tree_.view(), &x_[3 * i], metric_.cost, limit, target, value);
  }

 private:
  int64_t n_;
  std::vector<double> x_;
  PriceTree tree_;
  Metric metric_;
  const EmdKernels& kernels_ = emd_kernels();
  std::vector<Candidates> candidates_;
};

}  // namespace pcgen
