// The auction between points of several units each: transport of mass instead of an assignment (after Bertsekas and
// Castanon, "The auction algorithm for the transportation problem", 1989).
#pragma once

#include <vector>

#include "kernels/cpu/emd_reach.h"

namespace pcgen {

struct Flow {
  int32_t from, to;
  int64_t amount;
};

class TransportAuction : public Bidders {
 public:
  TransportAuction(const std::vector<double>& x, const std::vector<int64_t>& supply,    // [n, 3], [n]
                   const std::vector<double>& y, const std::vector<int64_t>& capacity,  // [m, 3], [m], of equal sum
                   const std::vector<double>& prices, const Metric& metric);

  // As the auction of single units: at the end nobody could do better by more than epsilon per unit. What max_bids
  // leave over stays free.
  void assign(double epsilon, int64_t max_bids);
  void release();

  // Gives the free units places along shortest augmenting paths, which keep what assign() promises. `reach` is a guess
  // of how much utility a path costs; it has an influence on time only.
  void complete(double reach);

  double primal() const;  // mean cost of a unit
  double dual();          // at most the optimum whatever the prices

  int64_t bids() const { return bids_; }
  std::vector<Flow> flows() const;

 private:
  // Some units of one target that one point of x has, at the price it bid for each. A target's price is the least one.
  struct Holding {
    double price;
    int32_t owner;
    int64_t amount;

    bool operator>(const Holding& other) const { return price > other.price; }
  };

  struct Target {
    int64_t unsold;
    std::vector<Holding> holdings;  // a heap, the least price first
  };

  struct Choice {
    int32_t target;
    double value;  // cost + price
    double next;   // value of the next target of which another point has units, or less
    bool certain;  // there is a target, and next is not just a bound
  };

  double open_price(int32_t i, int32_t j) const;  // the least price of a unit of j that i has not got
  void raise_own(int32_t i, double value);        // prices of targets that i is alone to hold down, up to the value
  bool owns_elsewhere(int32_t i, int32_t target, double value) const;
  Choice best_candidate(int32_t i) const;
  void bid(int32_t i, double epsilon);
  void free(int32_t i, int64_t amount);

  // Shortest augmenting paths.
  bool augment(Reach& paths, int32_t start, double reach);
  void flip(const Reach& paths, int32_t start);
  void give(int32_t i, int32_t j, int64_t amount);  // or take away

  std::vector<int32_t> via_;      // of each point of x, over which of its targets a path came, or -1
  std::vector<int32_t> reached_;  // whose via_ is to be cleared

  std::vector<int64_t> supply_, capacity_, left_;
  std::vector<Target> targets_;
  std::vector<int32_t> waiting_;
  std::vector<char> waits_;
  int64_t units_, bids_ = 0;
};

}  // namespace pcgen
