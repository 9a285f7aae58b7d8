#include "kernels/cpu/emd_solve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/emd_line.h"
#include "kernels/cpu/emd_paths.h"

namespace pcgen {
namespace {

// All measured; they have an influence on time only.
constexpr int64_t kCoarsest = 64;           // pairs of up to so many points are solved without a coarser one
constexpr double kCoarseTol = 5;            // a coarser pair is solved to so many times the tolerance,
constexpr double kCoarseDetail = 0.3;       // or, where all costs are large, to so much of those that it neglects
constexpr double kDetail = 0.2;             // epsilon after a coarser pair, in units of the costs that it neglects
constexpr double kWarmer = 10;              // how much less it is after a warm start of a pair without a coarser one
constexpr double kEpsilonStep = 4;          // from phase to phase
constexpr double kTolBeforePaths = 2e-4;    // where the exact mode leaves the auction, and less where details matter
constexpr double kLeastDetail = 1e-3;       // less, but not below this fraction of it
constexpr double kFar = 0.7;                // clouds further apart than so many times their radius
constexpr double kExactTol = 1e-9;          // what counts as optimal
constexpr double kRounding = 4e-15;         // of the largest cost: what a certificate in float64 cannot tell
constexpr int64_t kPatience = 12;           // bids per point after which epsilon was too small to begin with
constexpr double kEpsilonRetreat = 10;      // how much larger it becomes then
constexpr int64_t kMaxBidsPerPoint = 5000;  // all in all

// The longest cost between the bounding boxes' corners.
double largest_cost(const std::vector<double>& x, const std::vector<double>& y, bool squared) {
  double dist2 = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    double low = x[axis], high = x[axis];
    for (const auto* points : {&x, &y}) {
      for (size_t i = axis; i < points->size(); i += 3) {
        low = std::min(low, (*points)[i]);
        high = std::max(high, (*points)[i]);
      }
    }
    dist2 += (high - low) * (high - low);
  }
  return squared ? dist2 : std::sqrt(dist2);
}

struct Offset {
  double distance;  // between the means of the clouds
  bool far;         // compared with the points' distance from their mean
};

Offset offset(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = x.size() / 3;
  double between = 0, within = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    double mean_x = 0, mean_y = 0;
    for (size_t i = axis; i < x.size(); i += 3) {
      mean_x += x[i] / n;
      mean_y += y[i] / n;
    }
    between += (mean_x - mean_y) * (mean_x - mean_y);
    for (size_t i = axis; i < x.size(); i += 3) {
      within += ((x[i] - mean_x) * (x[i] - mean_x) + (y[i] - mean_y) * (y[i] - mean_y)) / (2 * n);
    }
  }
  return {std::sqrt(between), between > kFar * kFar * within};
}

// Runs of kFan points replaced by their centroid. Both clouds of a pair have the same runs, so equally much mass.
std::vector<double> coarser(const std::vector<double>& points) {
  const int64_t n = points.size() / 3, m = (n + kFan - 1) / kFan;
  std::vector<double> centroids(3 * m, 0.0);
  for (int64_t k = 0; k < m; ++k) {
    const int64_t first = k * kFan, last = std::min(n, first + kFan);
    for (int64_t axis = 0; axis < 3; ++axis) {
      for (int64_t i = first; i < last; ++i) centroids[3 * k + axis] += points[3 * i + axis];
      centroids[3 * k + axis] /= last - first;
    }
  }
  return centroids;
}

// Mean distance of the points from the centroid of their run.
double spread(const std::vector<double>& points, const std::vector<double>& centroids) {
  const int64_t n = points.size() / 3;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    double dist2 = 0;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const double d = points[3 * i + axis] - centroids[3 * (i / kFan) + axis];
      dist2 += d * d;
    }
    sum += std::sqrt(dist2);
  }
  return sum / n;
}

// Prices of y by the dual of a coarser pair: the highest that leave each coarse point of x its utility.
std::vector<double> interpolate(Auction& coarse, const std::vector<double>& coarse_x, const std::vector<double>& y,
                                bool squared, bool tilted) {
  std::vector<double> offers(coarse.size()), prices(y.size() / 3);
  for (int64_t i = 0; i < coarse.size(); ++i) offers[i] = -coarse.utility(i);
  Auction back(y, coarse_x, offers, squared, tilted);
  for (size_t j = 0; j < prices.size(); ++j) prices[j] = -back.utility(j);
  return prices;
}

// Prices count by their differences only.
std::vector<double> from_zero(std::vector<double> prices) {
  const double least = *std::min_element(prices.begin(), prices.end());
  for (double& price : prices) price -= least;
  return prices;
}

// States what the auction's assignment costs and what its prices prove.
void certify(EmdSolution& solution, double tol, double largest) {
  solution.primal = solution.auction->primal();
  solution.lower_bound = std::clamp(solution.auction->dual(), 0.0, solution.primal);
  solution.converged = solution.primal - solution.lower_bound <= std::max(tol * solution.primal, kRounding * largest);
}

// Auctions with falling epsilon until the certificate is good enough. Prices stay from phase to phase, assignments do
// not. A phase that drags on shows that the prices were worse than epsilon, which then grows again.
void refine(EmdSolution& solution, double epsilon, double least_epsilon, double tol, double largest) {
  Auction& auction = *solution.auction;
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
    // Nobody loses more than epsilon, so this epsilon is surely small enough; do not go far below it.
    const double sufficient = 0.9 * tol * solution.primal;
    epsilon = std::max({epsilon / kEpsilonStep, std::min(epsilon / 1.5, sufficient), least_epsilon});
  }
}

}  // namespace

EmdSolution solve_emd(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& start,
                      EmdOptions options) {
  const int64_t n = x.size() / 3;
  const Offset apart = offset(x, y);
  const bool squared = options.squared, tilted = apart.far;
  const double largest = largest_cost(x, y, squared);
  const double least_epsilon = std::max(1e-15 * largest, std::numeric_limits<double>::min());

  EmdSolution solution{};
  const LineSolution line = solve_on_line(x, y, squared);
  if (!line.target.empty()) {
    solution.auction = std::make_unique<Auction>(x, y, from_zero(line.prices), squared, tilted);
    for (int64_t i = 0; i < n; ++i) solution.auction->take(static_cast<int32_t>(i), line.target[i]);
    certify(solution, options.exact ? kExactTol : options.tol, largest);
    if (solution.converged) return solution;
  }

  double tol = options.exact ? kTolBeforePaths : options.tol;
  double epsilon = largest / 4, warm_epsilon = epsilon / kWarmer;
  std::vector<double> prices(n, 0.0);
  if (n > kCoarsest) {
    const std::vector<double> coarse_x = coarser(x), coarse_y = coarser(y);
    // What moving each point to its centroid may change of a cost: so good are the prices, however well the coarser
    // pair is solved, and so large are the differences that decide who belongs to whom nearby.
    const double moved = spread(x, coarse_x) + spread(y, coarse_y);
    const double neglected = apart.distance > 0 ? moved / apart.distance : 1;
    const double coarse_tol = tol * std::clamp(kCoarseDetail * neglected / tol, kLeastDetail, kCoarseTol);
    const EmdSolution coarse = solve_emd(coarse_x, coarse_y, {}, {squared, coarse_tol, false});
    prices = from_zero(interpolate(*coarse.auction, coarse_x, y, squared, tilted));
    const double detail = squared ? moved * (moved + 2 * std::sqrt(coarse.primal)) : moved;
    if (options.exact && detail < coarse.primal) tol *= std::max(detail / coarse.primal, kLeastDetail);
    warm_epsilon = tol * coarse.primal;
    epsilon = std::max(kDetail * detail, warm_epsilon);
  }
  auto rough = std::make_unique<Auction>(x, y, prices, squared, tilted);
  if (!solution.auction || rough->dual() > solution.lower_bound) {
    solution.auction = std::move(rough);
  } else {
    epsilon = std::min(epsilon, solution.primal - solution.lower_bound);
  }
  if (!start.empty()) {
    auto warm = std::make_unique<Auction>(x, y, from_zero(start), squared, tilted);
    if (warm->dual() > solution.auction->dual()) {
      solution.auction = std::move(warm);
      epsilon = warm_epsilon;
    }
  }
  refine(solution, std::max(epsilon, least_epsilon), least_epsilon, tol, largest);
  if (options.exact) {
    make_optimal(*solution.auction, std::max(tol * solution.primal, least_epsilon));
    certify(solution, kExactTol, largest);
  }
  return solution;
}

}  // namespace pcgen
