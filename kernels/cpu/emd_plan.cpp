#include "kernels/cpu/emd_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cpu/emd_forest.h"
#include "kernels/cpu/emd_points.h"
#include "kernels/cpu/emd_solve.h"
#include "kernels/cpu/parallel.h"

namespace pcgen {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Plan {
  std::vector<Flow> flows;
  std::vector<double> prices;
  double units, primal, lower_bound;
  bool converged;
};

// The search goes from the cloud of more points, whose points have few units each. Seen from there, `x` comes first.
Plan plan_from_larger(const std::vector<double>& x, const std::vector<double>& y, EmdOptions options) {
  const int64_t n = x.size() / 3, m = y.size() / 3, common = std::gcd(n, m);
  const std::vector<int32_t> order_x = compact_order(x), order_y = compact_order(y);
  const auto transport = solve_transport(reordered(x, order_x, 3), Units(n, m / common), reordered(y, order_y, 3),
                                         Units(m, n / common), options);
  TransportAuction& auction = *transport.auction;
  Plan plan{{}, std::vector<double>(m), static_cast<double>(n / common) * m, 0, 0, transport.converged};
  plan.flows = without_cycles(auction.flows(), n, m, [&](int32_t i, int32_t j) { return auction.cost(i, j); });
  for (Flow& flow : plan.flows) {
    plan.primal += flow.amount / plan.units * auction.cost(flow.from, flow.to);
    flow.from = order_x[flow.from];
    flow.to = order_y[flow.to];
  }
  plan.lower_bound = std::min(transport.lower_bound, plan.primal);
  for (int64_t j = 0; j < m; ++j) plan.prices[order_y[j]] = auction.price(j);
  return plan;
}

Plan plan_of(const std::vector<double>& x, const std::vector<double>& y, EmdOptions options) {
  if (x.size() >= y.size()) return plan_from_larger(x, y, options);
  Plan plan = plan_from_larger(y, x, options);
  for (Flow& flow : plan.flows) std::swap(flow.from, flow.to);
  // Minus its utility is the highest price of a point of y at which no point of x loses.
  const std::vector<int32_t> order_x = compact_order(x), order_y = compact_order(y);
  Bidders back(reordered(y, order_y, 3), reordered(x, order_x, 3), reordered(plan.prices, order_x, 1), options.squared,
               false);
  plan.prices.assign(y.size() / 3, 0.0);
  for (size_t j = 0; j < order_y.size(); ++j) plan.prices[order_y[j]] = -back.utility(j);
  return plan;
}

}  // namespace

template <typename T>
void emd_plan(const T* x, const T* y, const int64_t* x_lengths, const int64_t* y_lengths, int64_t batch, int64_t n,
              int64_t m, EmdOptions options, EmdPlanResult result, ParallelFor parallel_for) {
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

    const Plan plan =
        plan_of(std::vector<double>(px, px + 3 * count_x), std::vector<double>(py, py + 3 * count_y), options);
    for (size_t k = 0; k < plan.flows.size(); ++k) {
      result.source[pair * room + k] = plan.flows[k].from;
      result.target[pair * room + k] = plan.flows[k].to;
      result.mass[pair * room + k] = plan.flows[k].amount / plan.units;
    }
    const std::vector<double> prices = from_zero(plan.prices);
    std::copy(prices.begin(), prices.end(), result.prices + pair * m);
    result.lower_bound[pair] = plan.lower_bound;
    result.gap[pair] = plan.primal > 0 ? (plan.primal - plan.lower_bound) / plan.primal : 0;
    result.converged[pair] = plan.converged;
  });
}

template void emd_plan(const float*, const float*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t,
                       EmdOptions, EmdPlanResult, ParallelFor);
template void emd_plan(const double*, const double*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t,
                       EmdOptions, EmdPlanResult, ParallelFor);

}  // namespace pcgen
