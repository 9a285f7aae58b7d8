// The pair of clouds that is solved in place of the given one.
#pragma once

#include <vector>

#include "kernels/cpu/emd_bidders.h"

namespace pcgen {

// Where clouds are far apart, most of every cost is the same for all assignments, and a search has to tell costs apart
// that hardly differ. So that part is taken out: with u the direction between the means,
//   |y - x| = |y - x| - <u, y - x>  +  <u, y> - <u, x>,        and with d the way between them
//   |y - x|^2 = |y - x - d|^2  +  2 <d, y> - 2 <d, x> - |d|^2.
// The last terms belong to one point each, and only shift the prices. Clouds near each other stay as they are.
struct Framed {
  std::vector<double> x, y;              // [n, 3], [m, 3]; for the detour, u is the first axis
  std::vector<double> share_x, share_y;  // cost(x_i, y_j) = framed cost + share_y[j] - share_x[i]
  Metric metric;
};

Framed framed(const std::vector<double>& x, const std::vector<double>& y, bool squared);

// Values of points, their shares added `times` times.
std::vector<double> shifted(std::vector<double> values, const std::vector<double>& shares, double times);

}  // namespace pcgen
