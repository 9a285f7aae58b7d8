// Earth Mover's Distance between clouds of different sizes: transport of mass, spread evenly over the points of each.
#pragma once

#include "kernels/cpu/emd.h"

namespace pcgen {

// Per pair, as in EmdResult. A pair is also invalid where one cloud of the two is empty.
struct EmdPlanResult {
  int64_t* source;      // [batch, n + m - 1], -1 beyond the last flow
  int64_t* target;      // [batch, n + m - 1], -1 beyond the last flow
  double* mass;         // [batch, n + m - 1], of sum 1
  double* prices;       // [batch, m], of y, at least 0
  double* lower_bound;  // [batch]
  double* gap;          // [batch]
  bool* converged;      // [batch]
};

template <typename T>
void emd_plan(const T* x,                // [batch, n, 3]
              const T* y,                // [batch, m, 3]
              const int64_t* x_lengths,  // [batch] or nullptr
              const int64_t* y_lengths,  // [batch] or nullptr
              const double* prices,      // [batch, m] or nullptr: where to start
              int64_t batch, int64_t n, int64_t m, EmdOptions options, EmdPlanResult result, ParallelFor parallel_for);

}  // namespace pcgen
