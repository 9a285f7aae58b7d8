// The auction of one pair of clouds: points of x bid for points of y (Bertsekas, "A distributed algorithm for the
// assignment problem", 1979). Everything is float64 and O(n) in memory: costs are computed where they are needed.
#pragma once

#include <vector>

#include "kernels/cpu/emd_tree.h"

namespace pcgen {

class Auction {
 public:
  Auction(const std::vector<double>& x,       // [n, 3] in compact order
          const std::vector<double>& y,       // [n, 3] in compact order; any number for utilities alone
          const std::vector<double>& prices,  // [n]
          bool squared,
          bool tilted);  // searches expect prices that fall along a direction: for clouds that are far apart

  // Lets the free points bid until none is left: each pays up to the value of its second choice and epsilon more, so
  // that at the end none could do better by more than epsilon. False if that took more than max_bids.
  bool assign(double epsilon, int64_t max_bids);

  // Lets the free points bid without epsilon for some rounds: whoever is assigned could not do better at all. A point
  // with several best targets, all of them taken, may stay free.
  void assign_exactly(int rounds);

  // Nobody owns anything any more; prices stay.
  void release();

  // Gives the free points of x the free points of y, in order.
  void complete();

  double primal() const;      // mean cost of the (complete) assignment
  double dual();              // mean_i utility(i) - mean_j price(j), at most the optimum whatever the prices
  double utility(int64_t i);  // min_j (cost(i, j) + price(j))

  int64_t size() const { return n_; }
  int64_t bids() const { return bids_; }
  int32_t target(int64_t i) const { return target_[i]; }  // -1 for a free point of x
  int32_t owner(int64_t j) const { return owner_[j]; }    // -1 for a free point of y
  double price(int64_t j) const { return tree_.price(j); }
  double cost(int64_t i, int64_t j) const;

  void raise(int64_t j, double price) { tree_.raise(j, price); }
  int32_t take(int32_t i, int32_t j);  // returns the owner that j had

  // Lists the targets of point i with cost + price < limit; returns how many.
  int64_t within(int64_t i, double limit, int32_t* target, double* value) const {
    return kernels_.within(tree_.view(), &x_[3 * i], squared_, limit, target, value);
  }

 private:
  struct Choice {
    int32_t target;
    double value;   // least cost + price
    double second;  // the next one, +inf if there is none
  };

  Choice best_candidate(int64_t i) const;
  int32_t free_candidate(int64_t i, double value) const;  // one of just that value, or -1
  Choice choose(int64_t i);
  void search(int64_t i);
  std::vector<int32_t> free_points() const;

  int64_t n_;
  std::vector<double> x_;
  PriceTree tree_;
  bool squared_;
  const EmdKernels& kernels_ = emd_kernels();
  std::vector<Candidates> candidates_;
  std::vector<int32_t> target_, owner_;
  int64_t bids_ = 0;
};

}  // namespace pcgen
