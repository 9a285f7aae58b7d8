// From a pair of clouds to an assignment, or a transport of mass, of the wanted quality.
#pragma once

#include "kernels/cpu/emd.h"
#include "kernels/cpu/emd_auction.h"
#include "kernels/cpu/emd_scaling.h"
#include "kernels/cpu/emd_transport.h"

namespace pcgen {

struct EmdTarget {
  double tol;
  bool exact;
};

// start (may be empty): prices to begin with if they prove more than those of the coarser problem.
Solution<Auction> solve_emd(const std::vector<double>& x,  // [n, 3] in compact order, n >= 1
                            const std::vector<double>& y,  // [n, 3] in compact order
                            const std::vector<double>& start, const Metric& metric, EmdTarget target);

// Between points of several units each, as many in all on both sides.
Solution<TransportAuction> solve_transport(const std::vector<double>& x, const Units& supply,    // compact order
                                           const std::vector<double>& y, const Units& capacity,  // compact order
                                           const std::vector<double>& start, const Metric& metric, EmdTarget target);

}  // namespace pcgen
