#include "kernels/cpu/emd_solve.h"

#include <utility>

#include "kernels/cpu/emd_line.h"
#include "kernels/cpu/emd_paths.h"
#include "kernels/cpu/emd_sites.h"

namespace pcgen {

using namespace emd_tuning;

Solution<Auction> solve_emd(const std::vector<double>& x, const std::vector<double>& y,
                            const std::vector<double>& warm_prices, EmdOptions options) {
  const int64_t n = x.size() / 3;
  const bool squared = options.squared, tilted = offset(x, y).far;
  const double largest = largest_cost(x, y, squared);
  const double least_epsilon = std::max(1e-15 * largest, std::numeric_limits<double>::min());

  Solution<Auction> solution{};
  const LineSolution line = solve_on_line(x, y, squared);
  if (!line.target.empty()) {
    solution.auction = std::make_unique<Auction>(x, y, from_zero(line.prices), squared, tilted);
    for (int64_t i = 0; i < n; ++i) solution.auction->take(static_cast<int32_t>(i), line.target[i]);
    certify(solution, options.exact ? kExactTol : options.tol, largest);
    if (solution.converged) return solution;
  }
  Solution<Auction> by_sites = solve_by_sites(x, y, options);
  if (by_sites.auction) return by_sites;

  const auto coarse = [&](const auto& coarse_x, const auto& coarse_y, double tol) {
    return solve_emd(coarse_x, coarse_y, {}, {squared, tol, false});
  };
  const Start rough =
      start(x, {}, y, {}, squared, options.exact ? kTolBeforePaths : options.tol, options.exact, coarse);
  double epsilon = rough.epsilon;
  auto auction = std::make_unique<Auction>(x, y, rough.prices, squared, tilted);
  if (!solution.auction || auction->dual() > solution.lower_bound) {
    solution.auction = std::move(auction);
  } else {
    epsilon = std::min(epsilon, solution.primal - solution.lower_bound);
  }
  if (!warm_prices.empty()) {
    auto warm = std::make_unique<Auction>(x, y, from_zero(warm_prices), squared, tilted);
    if (warm->dual() > solution.auction->dual()) {
      solution.auction = std::move(warm);
      epsilon = rough.warm_epsilon;
    }
  }
  refine(solution, std::max(epsilon, least_epsilon), least_epsilon, rough.tol, largest);
  if (options.exact) {
    make_optimal(*solution.auction, std::max(rough.tol * solution.primal, least_epsilon));
    certify(solution, kExactTol, largest);
  }
  return solution;
}

Solution<TransportAuction> solve_transport(const std::vector<double>& x, const Units& supply,
                                           const std::vector<double>& y, const Units& capacity, EmdOptions options) {
  const bool squared = options.squared;
  const double largest = largest_cost(x, y, squared);
  const double least_epsilon = std::max(1e-15 * largest, std::numeric_limits<double>::min());
  const auto coarse = [&](const auto& coarse_x, const auto& coarse_y, double tol) {
    return solve_transport(coarse_x, coarser(supply), coarse_y, coarser(capacity), {squared, tol, false});
  };
  const double tol = options.exact ? kExactTol : options.tol;
  const Start rough = start(x, supply, y, capacity, squared, tol, false, coarse);
  Solution<TransportAuction> solution{};
  solution.auction =
      std::make_unique<TransportAuction>(x, supply, y, capacity, rough.prices, squared, offset(x, y).far);
  TransportAuction& auction = *solution.auction;
  for (double epsilon = std::max(rough.epsilon, least_epsilon);;
       epsilon = smaller(epsilon, least_epsilon, solution, tol)) {
    auction.release();
    auction.assign(epsilon, kBidsBeforePaths * auction.size());
    auction.complete(epsilon);
    certify(solution, tol, largest);
    if (solution.converged || epsilon <= least_epsilon) return solution;
  }
}

}  // namespace pcgen
