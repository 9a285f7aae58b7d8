// Points of x that look for the targets of least cost + price among the points of y. Everything is float64 and O(n) in
// memory: costs are computed where they are needed.
#pragma once

#include <vector>

#include "kernels/cpu/emd_tree.h"

namespace pcgen {

class Bidders {
 public:
  Bidders(const std::vector<double>& x,       // [n, 3] in compact order
          const std::vector<double>& y,       // [m, 3] in compact order
          const std::vector<double>& prices,  // [m]
          bool squared,
          bool tilted);  // searches expect prices that fall along a direction: for clouds that are far apart

  double utility(int64_t i);  // min_j (cost(i, j) + price(j))
  double cost(int64_t i, int64_t j) const;
  double price(int64_t j) const { return tree_.price(j); }
  void raise(int64_t j, double price) { tree_.raise(j, price); }
  void tilt() { tree_.tilt(); }
  int64_t size() const { return n_; }

  // The targets of least cost + price that were found for point i, and a bound on all others as long as prices rise.
  const Candidates& candidates(int64_t i) const { return candidates_[i]; }
  void search(int64_t i);

  // Lists the targets of point i with cost + price < limit; returns how many.
  int64_t within(int64_t i, double limit, int32_t* target, double* value) const {
    return kernels_.within(tree_.view(), &x_[3 * i], squared_, limit, target, value);
  }

 private:
  int64_t n_;
  std::vector<double> x_;
  PriceTree tree_;
  bool squared_;
  const EmdKernels& kernels_ = emd_kernels();
  std::vector<Candidates> candidates_;
};

}  // namespace pcgen
