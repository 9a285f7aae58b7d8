#include "kernels/cpu/emd_solve.h"

#include <utility>

#include "kernels/cpu/emd_line.h"
#include "kernels/cpu/emd_paths.h"
#include "kernels/cpu/emd_sites.h"

namespace pcgen {

using namespace emd_tuning;

Solution<Auction> solve_emd(const std::vector<double>& x, const std::vector<double>& y,
                            const std::vector<double>& warm_prices, const Metric& metric, EmdTarget wanted) {
  const int64_t n = x.size() / 3;
  const double largest = metric.common + largest_cost(x, y, metric.cost);
  const double least_epsilon = std::max(1e-15 * largest, std::numeric_limits<double>::min());

  Solution<Auction> solution{};
  const LineSolution line = solve_on_line(x, y, metric.cost);
  if (!line.target.empty()) {
    solution.auction = std::make_unique<Auction>(x, y, from_zero(line.prices), metric);
    for (int64_t i = 0; i < n; ++i) solution.auction->take(static_cast<int32_t>(i), line.target[i]);
    certify(solution, wanted.exact ? kExactTol : wanted.tol, largest);
    if (solution.converged) return solution;
  }
  Solution<Auction> by_sites = solve_by_sites(x, y, metric, wanted);
  if (by_sites.auction) return by_sites;

  const auto coarse = [&](const auto& coarse_x, const auto& coarse_y, double tol) {
    return solve_emd(coarse_x, coarse_y, {}, metric, {tol, false});
  };
  const Start rough = start(x, {}, y, {}, metric, wanted.exact ? kTolBeforePaths : wanted.tol, wanted.exact, coarse);
  double epsilon = rough.epsilon;
  auto auction = std::make_unique<Auction>(x, y, rough.prices, metric);
  if (!solution.auction || auction->dual() > solution.lower_bound) {
    solution.auction = std::move(auction);
  } else {
    epsilon = std::min(epsilon, solution.primal - solution.lower_bound);
  }
  if (!warm_prices.empty()) {
    auto warm = std::make_unique<Auction>(x, y, from_zero(warm_prices), metric);
    if (warm->dual() > solution.auction->dual()) {
      solution.auction = std::move(warm);
      epsilon = rough.warm_epsilon;
    }
  }
  refine(solution, std::max(epsilon, least_epsilon), least_epsilon, rough.tol, largest);
  if (wanted.exact) {
    make_optimal(*solution.auction, std::max(rough.tol * solution.primal, least_epsilon));
    certify(solution, kExactTol, largest);
  }
  return solution;
}

Solution<TransportAuction> solve_transport(const std::vector<double>& x, const Units& supply,
                                           const std::vector<double>& y, const Units& capacity,
                                           const std::vector<double>& warm_prices, const Metric& metric,
                                           EmdTarget wanted) {
  const double largest = metric.common + largest_cost(x, y, metric.cost);
  const double least_epsilon = std::max(1e-15 * largest, std::numeric_limits<double>::min());
  const auto coarse = [&](const auto& coarse_x, const auto& coarse_y, double tol) {
    return solve_transport(coarse_x, coarser(supply), coarse_y, coarser(capacity), {}, metric, {tol, false});
  };
  const double tol = wanted.exact ? kExactTol : wanted.tol;
  const Start rough = start(x, supply, y, capacity, metric, tol, false, coarse);
  Solution<TransportAuction> solution{};
  solution.auction = std::make_unique<TransportAuction>(x, supply, y, capacity, rough.prices, metric);
  double epsilon = rough.epsilon;
  if (!warm_prices.empty()) {
    auto warm = std::make_unique<TransportAuction>(x, supply, y, capacity, from_zero(warm_prices), metric);
    if (warm->dual() > solution.auction->dual()) {
      solution.auction = std::move(warm);
      epsilon = rough.warm_epsilon;
    }
  }
  TransportAuction& auction = *solution.auction;
  for (epsilon = std::max(epsilon, least_epsilon);; epsilon = smaller(epsilon, least_epsilon, solution, tol)) {
    auction.release();
    auction.assign(epsilon, kBidsBeforePaths * auction.size());
    auction.complete(epsilon);
    certify(solution, tol, largest);
    if (solution.converged || epsilon <= least_epsilon) return solution;
  }
}

}  // namespace pcgen
