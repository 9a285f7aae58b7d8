#include "kernels/cpu/emd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/emd_frame.h"
#include "kernels/cpu/emd_points.h"
#include "kernels/cpu/emd_solve.h"

namespace pcgen {

extern const EmdKernels emd_portable;
#if defined(__x86_64__)
extern const EmdKernels emd_avx2;
extern const EmdKernels emd_avx512;
#endif

const EmdKernels& emd_kernels() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return emd_avx512;
  if (simd_level().id == SimdId::avx2) return emd_avx2;
#endif
  return emd_portable;
}

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <typename T>
struct Job {
  const T* x;
  const T* y;
  const int64_t* lengths;
  const double* prices;
  int64_t n;
  EmdOptions options;
  EmdResult result;

  void run(int64_t begin, int64_t end) const {
    for (int64_t pair = begin; pair < end; ++pair) run_pair(pair);
  }

  void run_pair(int64_t pair) const {
    const int64_t count = lengths ? std::clamp<int64_t>(lengths[pair], 0, n) : n;
    const T* px = x + pair * n * 3;
    const T* py = y + pair * n * 3;
    std::fill_n(result.assignment + pair * n, n, -1);
    std::fill_n(result.prices + pair * n, n, 0.0);
    const bool valid = usable(px, count) && usable(py, count);
    result.lower_bound[pair] = result.gap[pair] = valid ? 0 : kNaN;
    result.converged[pair] = valid;
    if (valid && count > 0) {
      solve(pair, std::vector<double>(px, px + 3 * count), std::vector<double>(py, py + 3 * count));
    }
  }

  void solve(int64_t pair, const std::vector<double>& px, const std::vector<double>& py) const {
    const Framed f = framed(px, py, options.squared);
    const Metric& metric = f.metric;
    const std::vector<int32_t> order_x = compact_order(f.x, metric.along()),
                               order_y = compact_order(f.y, metric.along());
    std::vector<double> start = usable_prices(prices ? prices + pair * n : nullptr, order_y.size());
    if (!start.empty()) start = reordered(shifted(start, f.share_y, 1), order_y, 1);
    const Solution<Auction> solution =
        solve_emd(reordered(f.x, order_x, 3), reordered(f.y, order_y, 3), start, metric, {options.tol, options.exact});
    std::vector<double> final_prices(order_y.size());
    for (size_t i = 0; i < order_x.size(); ++i) {
      result.assignment[pair * n + order_x[i]] = order_y[solution.auction->target(i)];
      final_prices[order_y[i]] = solution.auction->price(i);
    }
    final_prices = from_zero(shifted(final_prices, f.share_y, -1));
    std::copy(final_prices.begin(), final_prices.end(), result.prices + pair * n);
    result.lower_bound[pair] = solution.lower_bound;
    result.gap[pair] = solution.gap();
    result.converged[pair] = solution.converged;
  }
};

}  // namespace

template <typename T>
void emd(const T* x, const T* y, const int64_t* lengths, const double* prices, int64_t batch, int64_t n,
         EmdOptions options, EmdResult result, ParallelFor parallel_for) {
  Job<T> job{x, y, lengths, prices, n, options, result};
  const auto run = [](int64_t begin, int64_t end, void* context) { static_cast<Job<T>*>(context)->run(begin, end); };
  parallel_for(batch, 1, run, &job);
}

template void emd(const float*, const float*, const int64_t*, const double*, int64_t, int64_t, EmdOptions, EmdResult,
                  ParallelFor);
template void emd(const double*, const double*, const int64_t*, const double*, int64_t, int64_t, EmdOptions, EmdResult,
                  ParallelFor);

}  // namespace pcgen
