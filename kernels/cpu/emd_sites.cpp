#include "kernels/cpu/emd_sites.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace pcgen {
namespace {

struct Sites {
  std::vector<double> points;                 // [m, 3] in compact order
  std::vector<std::vector<int32_t>> members;  // of each, which points are there
};

// Empty if the places are more than half as many as the points.
Sites sites_of(const std::vector<double>& points) {
  const auto at = [&](int32_t i) { return std::array{points[3 * i], points[3 * i + 1], points[3 * i + 2]}; };
  std::vector<int32_t> sorted(points.size() / 3);
  std::iota(sorted.begin(), sorted.end(), 0);
  std::sort(sorted.begin(), sorted.end(),
            [&](int32_t i, int32_t j) { return std::pair(at(i), i) < std::pair(at(j), j); });
  std::vector<std::vector<int32_t>> groups;
  for (const int32_t i : sorted) {
    if (groups.empty() || at(groups.back()[0]) != at(i)) groups.emplace_back();
    groups.back().push_back(i);
    if (2 * groups.size() > sorted.size()) return {};
  }
  std::vector<double> places;
  for (const auto& group : groups) places.insert(places.end(), &points[3 * group[0]], &points[3 * group[0]] + 3);
  Sites sites;
  for (const int32_t k : compact_order(places)) {
    sites.points.insert(sites.points.end(), &places[3 * k], &places[3 * k] + 3);
    sites.members.push_back(std::move(groups[k]));
  }
  return sites;
}

Units sizes(const Sites& sites) {
  Units units;
  for (const auto& members : sites.members) units.push_back(static_cast<int64_t>(members.size()));
  return units;
}

}  // namespace

Solution<Auction> solve_by_sites(const std::vector<double>& x, const std::vector<double>& y, const Metric& metric,
                                 EmdTarget wanted) {
  Sites from = sites_of(x);
  if (from.members.empty()) return {};
  Sites to = sites_of(y);
  if (to.members.empty()) return {};
  const auto transport = solve_transport(from.points, sizes(from), to.points, sizes(to), {}, metric, wanted);
  if (!transport.converged) return {};

  std::vector<double> prices(y.size() / 3);
  for (size_t k = 0; k < to.members.size(); ++k) {
    for (const int32_t j : to.members[k]) prices[j] = transport.auction->price(k);
  }
  Solution<Auction> solution{nullptr, transport.primal, transport.lower_bound, true};
  solution.auction = std::make_unique<Auction>(x, y, from_zero(prices), metric);
  for (const Flow& flow : transport.auction->flows()) {
    for (int64_t unit = 0; unit < flow.amount; ++unit) {
      solution.auction->take(from.members[flow.from].back(), to.members[flow.to].back());
      from.members[flow.from].pop_back();
      to.members[flow.to].pop_back();
    }
  }
  return solution;
}

}  // namespace pcgen
