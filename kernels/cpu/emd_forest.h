// Plans of transport without cycles.
#pragma once

#include <functional>
#include <vector>

#include "kernels/cpu/emd_transport.h"

namespace pcgen {

// The same amounts from and to every point, at most n + m - 1 flows, and not more cost: mass is moved around each cycle
// until one of its flows is none.
std::vector<Flow> without_cycles(const std::vector<Flow>& flows, int64_t n, int64_t m,
                                 const std::function<double(int32_t from, int32_t to)>& cost);

}  // namespace pcgen
