#include "kernels/cpu/emd_paths.h"

#include "kernels/cpu/emd_reach.h"

namespace pcgen {
namespace {

constexpr int kExactRounds = 30;

// Gives each target on the path to the point that reached it.
void flip(Auction& auction, const Reach& paths, int32_t start) {
  int32_t j = paths.end(), i = -1;
  while (i != start) {
    i = paths.from(j);
    const int32_t given_up = auction.target(i);
    auction.take(i, j);
    j = given_up;
  }
}

// Assigns i if a free target is within reach.
bool augment(Auction& auction, Reach& paths, int32_t i, double reach) {
  const auto is_free = [&](int32_t j) { return auction.owner(j) < 0; };
  paths.clear(reach);
  paths.relax(i, auction.utility(i), 0, is_free);
  for (int32_t j; (j = paths.next()) >= 0;) {
    const int32_t owner = auction.owner(j);
    paths.relax(owner, auction.cost(owner, j) + auction.price(j), paths.distance(j), is_free);
  }
  if (paths.end() < 0) return false;
  paths.raise_prices();
  flip(auction, paths, i);
  return true;
}

}  // namespace

void make_optimal(Auction& auction, double reach) {
  auction.release();
  auction.assign_exactly(kExactRounds);
  Reach paths(auction, auction.size());
  for (int32_t i = 0; i < auction.size(); ++i) {
    if (auction.target(i) >= 0) continue;
    for (double wider = reach; !augment(auction, paths, i, wider); wider *= 4) {}
  }
}

}  // namespace pcgen
