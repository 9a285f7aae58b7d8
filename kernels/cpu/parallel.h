// The executor, called with a callable.
#pragma once

#include "kernels/cpu/simd.h"

namespace pcgen {

// body(begin, end) over disjoint ranges that cover [0, n).
template <typename Body>
void for_range(ParallelFor parallel_for, int64_t n, Body body) {
  const auto run = [](int64_t begin, int64_t end, void* context) { (*static_cast<Body*>(context))(begin, end); };
  parallel_for(n, 1, run, &body);
}

// body(i) for i in [0, n).
template <typename Body>
void for_each(ParallelFor parallel_for, int64_t n, Body body) {
  for_range(parallel_for, n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace pcgen
