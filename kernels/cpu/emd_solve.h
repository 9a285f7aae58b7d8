// From a pair of clouds to an assignment of the wanted quality.
#pragma once

#include <memory>

#include "kernels/cpu/emd.h"
#include "kernels/cpu/emd_auction.h"

namespace pcgen {

struct EmdSolution {
  std::unique_ptr<Auction> auction;  // every point is assigned
  double primal, lower_bound;        // 0 <= lower_bound <= optimum <= primal, up to rounding
  bool converged;

  double gap() const { return primal > 0 ? (primal - lower_bound) / primal : 0; }
};

// start (may be empty): prices to begin with if they prove more than those of the coarser problem.
EmdSolution solve_emd(const std::vector<double>& x,  // [n, 3] in compact order, n >= 1
                      const std::vector<double>& y,  // [n, 3] in compact order
                      const std::vector<double>& start, EmdOptions options);

}  // namespace pcgen
