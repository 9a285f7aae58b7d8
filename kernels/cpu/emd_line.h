// The closed solution of clouds on a line.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/emd_level.h"

namespace pcgen {

struct LineSolution {
  std::vector<int32_t> target;  // of each point of x; empty if the clouds are not near one line
  std::vector<double> prices;   // of the points of y
};

// Projects clouds that are near one line to it. There, points in order belong to points in order, as the cost is convex
// in the distance (x and y of equal size); prices follow from neighbours. Optimal for clouds on the line, and a good
// start for clouds near it, where an auction from zero prices passes shifts from neighbour to neighbour.
LineSolution solve_on_line(const std::vector<double>& x,  // [n, 3]
                           const std::vector<double>& y,  // [n, 3]
                           EmdCost kind);

}  // namespace pcgen
