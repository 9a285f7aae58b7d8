// What the auctions of single and of several units share: falling epsilon, and a start from a coarser pair of clouds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/cpu/emd_bidders.h"

namespace pcgen {

// All measured; they have an influence on time only.
namespace emd_tuning {
inline constexpr int64_t kCoarsest = 64;      // pairs of up to so many points are solved without a coarser one
inline constexpr double kCoarseTol = 5;       // a coarser pair is solved to so many times the tolerance,
inline constexpr double kCoarseDetail = 0.3;  // or, where all costs are large, to so much of those that it neglects
inline constexpr double kDetail = 0.2;        // epsilon after a coarser pair, in units of the costs that it neglects
inline constexpr double kWarmer = 10;         // how much less it is after a warm start of a pair without a coarser one
inline constexpr double kEpsilonStep = 4;     // from phase to phase
inline constexpr double kTolBeforePaths =
    2e-4;                                      // where the exact mode leaves the auction, and less where details matter
inline constexpr double kLeastDetail = 1e-3;   // less, but not below this fraction of it
inline constexpr double kExactTol = 1e-9;      // what counts as optimal
inline constexpr double kRounding = 4e-15;     // of the largest cost: what a certificate in float64 cannot tell
inline constexpr int64_t kPatience = 12;       // bids per point after which epsilon was too small to begin with
inline constexpr double kEpsilonRetreat = 10;  // how much larger it becomes then
inline constexpr int64_t kBidsBeforePaths = 30;    // per point of several units and phase; the last few would take most
inline constexpr int64_t kMaxBidsPerPoint = 5000;  // all in all

}  // namespace emd_tuning

// At least the largest cost of the pair.
double largest_cost(const std::vector<double>& x, const std::vector<double>& y, EmdCost cost);

using Units = std::vector<int64_t>;  // of each point; empty: one of each

// Runs of kFan points replaced by their centroid.
std::vector<double> coarser(const std::vector<double>& points, const Units& units);
Units coarser(const Units& units);

// Mean distance of the units from the centroid of their run, the first axis shortened to `along` times its length.
double spread(const std::vector<double>& points, const Units& units, const std::vector<double>& centroids,
              double along);

// What such a move of the points changes of a cost: for the detour, that grows as the square across divided by twice
// the way, the other two.
double detail(double moved, const Metric& metric, double primal);

// Prices of y by the dual of a coarser pair: the highest that leave each coarse point of x its utility.
std::vector<double> interpolate(Bidders& coarse, const std::vector<double>& coarse_x, const std::vector<double>& y,
                                const Metric& metric);

// Prices count by their differences only.
std::vector<double> from_zero(std::vector<double> prices);

struct Start {
  std::vector<double> prices;
  double epsilon;       // to begin with
  double warm_epsilon;  // to begin with, if better prices are known
  double tol;
};

// solve(coarse_x, coarse_y, tol) solves the coarser pair, if this one is large enough for that.
template <typename Solve>
Start start(const std::vector<double>& x, const Units& supply, const std::vector<double>& y, const Units& capacity,
            const Metric& metric, double tol, bool small_tol_for_detail, Solve solve) {
  using namespace emd_tuning;
  const int64_t n = x.size() / 3, m = y.size() / 3;
  const double largest = largest_cost(x, y, metric.cost);
  if (std::max(n, m) <= kCoarsest) return {std::vector<double>(m, 0.0), largest / 4, largest / 4 / kWarmer, tol};

  const std::vector<double> coarse_x = coarser(x, supply), coarse_y = coarser(y, capacity);
  // What moving each point to its centroid may change of a cost: so good are the prices, however well the coarser pair
  // is solved, and so large are the differences that decide who belongs to whom nearby.
  const double moved = spread(x, supply, coarse_x, metric.along()) + spread(y, capacity, coarse_y, metric.along());
  const double neglected = metric.apart > 0 ? moved / metric.apart * std::min(1.0, metric.radius / metric.apart) : 1;
  const auto coarse =
      solve(coarse_x, coarse_y, tol * std::clamp(kCoarseDetail * neglected / tol, kLeastDetail, kCoarseTol));
  const double changed = detail(moved, metric, coarse.primal);
  if (small_tol_for_detail && changed < coarse.primal) tol *= std::max(changed / coarse.primal, kLeastDetail);
  const double warm_epsilon = tol * coarse.primal;
  return {from_zero(interpolate(*coarse.auction, coarse_x, y, metric)), std::max(kDetail * changed, warm_epsilon),
          warm_epsilon, tol};
}

template <typename Market>
struct Solution {
  std::unique_ptr<Market> auction;  // all units have a place
  double primal, lower_bound;       // 0 <= lower_bound <= optimum <= primal, up to rounding
  bool converged;

  double gap() const { return primal > 0 ? (primal - lower_bound) / primal : 0; }
};

// States what the auction's assignment costs and what its prices prove.
template <typename Market>
void certify(Solution<Market>& solution, double tol, double largest) {
  solution.primal = solution.auction->primal();
  solution.lower_bound = std::clamp(solution.auction->dual(), 0.0, solution.primal);
  solution.converged =
      solution.primal - solution.lower_bound <= std::max(tol * solution.primal, emd_tuning::kRounding * largest);
}

// The epsilon of the next phase. Nobody loses more than epsilon, so one of the wanted gap is surely small enough; do
// not go far below it.
template <typename Market>
double smaller(double epsilon, double least, const Solution<Market>& solution, double tol) {
  const double sufficient = 0.9 * tol * solution.primal;
  return std::max({epsilon / emd_tuning::kEpsilonStep, std::min(epsilon / 1.5, sufficient), least});
}

// Auctions with falling epsilon until the certificate is good enough. Prices stay from phase to phase, assignments do
// not. A phase that drags on shows that the prices were worse than epsilon, which then grows again.
template <typename Market>
void refine(Solution<Market>& solution, double epsilon, double least_epsilon, double tol, double largest) {
  using namespace emd_tuning;
  Market& auction = *solution.auction;
  const int64_t n = auction.size(), most = kMaxBidsPerPoint * n;
  int64_t patience = kPatience * n;
  while (true) {
    auction.release();
    const bool complete = auction.assign(epsilon, std::min(patience, most - auction.bids()));
    const bool last = auction.bids() >= most || epsilon <= least_epsilon;
    if (!complete && !last) {
      epsilon *= kEpsilonRetreat;
      patience *= 2;
      continue;
    }
    auction.complete();
    certify(solution, tol, largest);
    if (solution.converged || last) return;
    epsilon = smaller(epsilon, least_epsilon, solution, tol);
  }
}

}  // namespace pcgen
