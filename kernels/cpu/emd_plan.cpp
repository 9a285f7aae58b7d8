#include "kernels/cpu/emd_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cpu/emd_forest.h"
#include "kernels/cpu/emd_frame.h"
#include "kernels/cpu/emd_points.h"
#include "kernels/cpu/emd_solve.h"
#include "kernels/cpu/parallel.h"

namespace pcgen {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Plan {
  std::vector<Flow> flows;
  std::vector<double> prices;  // of y
  std::vector<double> offers;  // of x: minus its utility
  double units, primal, lower_bound;
  bool converged;
};

// The search goes from the cloud of more points, whose points have few units each. Seen from there, `x` comes first.
// start (may be empty): prices of y.
Plan plan_from_larger(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& start,
                      EmdOptions options) {
  const int64_t n = x.size() / 3, m = y.size() / 3, common = std::gcd(n, m);
  const Framed f = framed(x, y, options.squared);
  const std::vector<int32_t> order_x = compact_order(f.x, f.metric.along()),
                             order_y = compact_order(f.y, f.metric.along());
  const auto transport =
      solve_transport(reordered(f.x, order_x, 3), Units(n, m / common), reordered(f.y, order_y, 3),
                      Units(m, n / common), start.empty() ? start : reordered(shifted(start, f.share_y, 1), order_y, 1),
                      f.metric, {options.tol, options.exact});
  TransportAuction& auction = *transport.auction;
  Plan plan{{}, std::vector<double>(m), std::vector<double>(n), static_cast<double>(n / common) * m, f.metric.common,
            0,  transport.converged};
  plan.flows = without_cycles(auction.flows(), n, m, [&](int32_t i, int32_t j) { return auction.cost(i, j); });
  for (Flow& flow : plan.flows) {
    plan.primal += flow.amount / plan.units * auction.cost(flow.from, flow.to);
    flow.from = order_x[flow.from];
    flow.to = order_y[flow.to];
  }
  plan.lower_bound = std::min(transport.lower_bound, plan.primal);
  for (int64_t j = 0; j < m; ++j) plan.prices[order_y[j]] = auction.price(j);
  for (int64_t i = 0; i < n; ++i) plan.offers[order_x[i]] = -auction.utility(i);
  plan.prices = shifted(plan.prices, f.share_y, -1);
  plan.offers = shifted(plan.offers, f.share_x, 1);
  return plan;
}

// The highest prices of y at which no point of x has less than the utility that it has offered.
std::vector<double> prices_from_offers(const std::vector<double>& x, const std::vector<double>& offers,
                                       const std::vector<double>& y, bool squared) {
  const Framed f = framed(y, x, squared);
  const std::vector<int32_t> order_x = compact_order(f.y, f.metric.along()),
                             order_y = compact_order(f.x, f.metric.along());
  Bidders back(reordered(f.x, order_y, 3), reordered(f.y, order_x, 3),
               reordered(shifted(offers, f.share_y, 1), order_x, 1), f.metric);
  std::vector<double> prices(order_y.size());
  for (size_t j = 0; j < order_y.size(); ++j) prices[order_y[j]] = -back.utility(j);
  return shifted(prices, f.share_x, 1);
}

Plan plan_of(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& start,
             EmdOptions options) {
  if (x.size() >= y.size()) return plan_from_larger(x, y, start, options);
  // start are offers of the side that bids now
  const std::vector<double> turned = start.empty() ? start : prices_from_offers(y, start, x, options.squared);
  Plan plan = plan_from_larger(y, x, turned, options);
  for (Flow& flow : plan.flows) std::swap(flow.from, flow.to);
  std::swap(plan.prices, plan.offers);
  return plan;
}

}  // namespace

template <typename T>
void emd_plan(const T* x, const T* y, const int64_t* x_lengths, const int64_t* y_lengths, const double* prices,
              int64_t batch, int64_t n, int64_t m, EmdOptions options, EmdPlanResult result, ParallelFor parallel_for) {
  const int64_t room = std::max<int64_t>(0, n + m - 1);
  for_each(parallel_for, batch, [&](int64_t pair) {
    const int64_t count_x = x_lengths ? std::clamp<int64_t>(x_lengths[pair], 0, n) : n;
    const int64_t count_y = y_lengths ? std::clamp<int64_t>(y_lengths[pair], 0, m) : m;
    const T* px = x + pair * n * 3;
    const T* py = y + pair * m * 3;
    std::fill_n(result.source + pair * room, room, -1);
    std::fill_n(result.target + pair * room, room, -1);
    std::fill_n(result.mass + pair * room, room, 0.0);
    std::fill_n(result.prices + pair * m, m, 0.0);
    const bool valid = usable(px, count_x) && usable(py, count_y) && (count_x > 0) == (count_y > 0);
    result.lower_bound[pair] = result.gap[pair] = valid ? 0 : kNaN;
    result.converged[pair] = valid;
    if (!valid || count_x == 0) return;

    const Plan plan = plan_of(std::vector<double>(px, px + 3 * count_x), std::vector<double>(py, py + 3 * count_y),
                              usable_prices(prices ? prices + pair * m : nullptr, count_y), options);
    for (size_t k = 0; k < plan.flows.size(); ++k) {
      result.source[pair * room + k] = plan.flows[k].from;
      result.target[pair * room + k] = plan.flows[k].to;
      result.mass[pair * room + k] = plan.flows[k].amount / plan.units;
    }
    const std::vector<double> final_prices = from_zero(plan.prices);
    std::copy(final_prices.begin(), final_prices.end(), result.prices + pair * m);
    result.lower_bound[pair] = plan.lower_bound;
    result.gap[pair] = plan.primal > 0 ? (plan.primal - plan.lower_bound) / plan.primal : 0;
    result.converged[pair] = plan.converged;
  });
}

template void emd_plan(const float*, const float*, const int64_t*, const int64_t*, const double*, int64_t, int64_t,
                       int64_t, EmdOptions, EmdPlanResult, ParallelFor);
template void emd_plan(const double*, const double*, const int64_t*, const int64_t*, const double*, int64_t, int64_t,
                       int64_t, EmdOptions, EmdPlanResult, ParallelFor);

}  // namespace pcgen
