// Clouds in which many points coincide, such as voxels or points drawn with replacement.
#pragma once

#include "kernels/cpu/emd_solve.h"

namespace pcgen {

// Solves by transport between the places where points are, if these are at most half as many as points in both clouds.
// Its auction is nullptr if not, or if the quality was missed.
Solution<Auction> solve_by_sites(const std::vector<double>& x,  // [n, 3] in compact order
                                 const std::vector<double>& y,  // [n, 3] in compact order
                                 const Metric& metric, EmdTarget wanted);

}  // namespace pcgen
