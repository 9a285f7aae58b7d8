#include "kernels/cpu/emd_bidders.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Candidates no_candidates() {
  Candidates none{};
  std::fill_n(none.cost, kCandidates, kInf);
  none.bound = -kInf;
  return none;
}

}  // namespace

Bidders::Bidders(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& prices,
                 const Metric& metric)
    : n_(x.size() / 3), x_(x), tree_(y, prices), metric_(metric), candidates_(n_, no_candidates()) {}

double Bidders::utility(int64_t i) {
  const auto best = [&] {
    double value = kInf;
    for (int k = 0; k < kCandidates; ++k) {
      value = std::min(value, candidates_[i].cost[k] + tree_.price(candidates_[i].target[k]));
    }
    return value;
  };
  if (best() > candidates_[i].bound) search(i);
  return best();
}

double Bidders::cost(int64_t i, int64_t j) const {
  const PricedBoxes& y = tree_.view().level[0];
  const double dx = x_[3 * i] - y.center[0][j], dy = x_[3 * i + 1] - y.center[1][j],
               dz = x_[3 * i + 2] - y.center[2][j];
  const double dist2 = std::fma(dz, dz, std::fma(dy, dy, dx * dx));
  if (metric_.cost == EmdCost::squared) return dist2;
  return metric_.cost == EmdCost::detour ? std::sqrt(dist2) + dx : std::sqrt(dist2);
}

void Bidders::search(int64_t i) {
  Candidates& candidates = candidates_[i];
  // The first search of a point is limited by what its neighbour in compact order found.
  if (candidates.bound == -kInf && i > 0 && std::abs(candidates_[i - 1].bound) < kInf) {
    for (int k = 0; k < kCandidates; ++k) {
      candidates.target[k] = candidates_[i - 1].target[k];
      candidates.cost[k] = cost(i, candidates.target[k]);
    }
  }
  kernels_.nearest(tree_.view(), &x_[3 * i], metric_.cost, candidates);
}

}  // namespace pcgen
