// Earth Mover's Distance between clouds of equally many points, with a certificate.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

struct EmdOptions {
  bool squared;  // cost: squared distance instead of distance
  double tol;    // relative gap between the cost found and the bound that is proven
  bool exact;    // finish with augmenting paths; tol plays no part
};

// Per pair; pairs are independent. `invalid` pairs (a point that is not finite, or squares that overflow) get
// assignment -1, prices 0, NaN bound and gap.
struct EmdResult {
  int64_t* assignment;  // [batch, n], x_i goes to y_assignment(i); -1 beyond a pair's length
  double* prices;       // [batch, n], of y, at least 0; 0 beyond a pair's length
  double* lower_bound;  // [batch], mean_i min_j (cost_ij + price_j) - mean_j price_j, at least 0
  double* gap;          // [batch], (cost - lower_bound) / cost
  bool* converged;      // [batch]
};

// All arithmetic is float64. Memory: about 400 bytes per point of the pairs in work.
template <typename T>
void emd(const T* x,              // [batch, n, 3]
         const T* y,              // [batch, n, 3]
         const int64_t* lengths,  // [batch] or nullptr: points of both clouds of a pair
         const double* prices,    // [batch, n] or nullptr: where to start
         int64_t batch, int64_t n, EmdOptions options, EmdResult result, ParallelFor parallel_for);

}  // namespace pcgen
