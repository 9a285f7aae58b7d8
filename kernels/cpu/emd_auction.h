// The auction of one pair of clouds: points of x bid for points of y (Bertsekas, "A distributed algorithm for the
// assignment problem", 1979).
#pragma once

#include <vector>

#include "kernels/cpu/emd_bidders.h"

namespace pcgen {

class Auction : public Bidders {
 public:
  Auction(const std::vector<double>& x,  // as for the bidders; [n, 3] both
          const std::vector<double>& y, const std::vector<double>& prices, const Metric& metric);

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

  double primal() const;  // mean cost of the (complete) assignment
  double dual();          // mean_i utility(i) - mean_j price(j), at most the optimum whatever the prices

  int64_t bids() const { return bids_; }
  int32_t target(int64_t i) const { return target_[i]; }  // -1 for a free point of x
  int32_t owner(int64_t j) const { return owner_[j]; }    // -1 for a free point of y
  int32_t take(int32_t i, int32_t j);                     // returns the owner that j had

 private:
  struct Choice {
    int32_t target;
    double value;   // least cost + price
    double second;  // the next one, +inf if there is none
  };

  Choice best_candidate(int64_t i) const;
  int32_t free_candidate(int64_t i, double value) const;  // one of just that value, or -1
  Choice choose(int64_t i);
  std::vector<int32_t> free_points() const;

  std::vector<int32_t> target_, owner_;
  int64_t bids_ = 0;
};

}  // namespace pcgen
