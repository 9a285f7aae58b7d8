// The exact end of an auction.
#pragma once

#include "kernels/cpu/emd_auction.h"

namespace pcgen {

// Turns any state of the auction into an optimal assignment with prices that prove it, up to rounding: bids without
// epsilon, then a shortest augmenting path for each point that is still free (Jonker and Volgenant, "A shortest
// augmenting path algorithm for dense and sparse linear assignment problems", 1987). `reach` is a guess of how much
// utility a path costs; it has an influence on time only.
void make_optimal(Auction& auction, double reach);

}  // namespace pcgen
