#include "kernels/cpu/emd.h"

#include <algorithm>
#include <cmath>
#include <limits>

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
    const std::vector<int32_t> order_x = compact_order(px), order_y = compact_order(py);
    std::vector<double> start;
    if (prices && std::all_of(prices + pair * n, prices + pair * n + order_y.size(), usable_price)) {
      start = reordered(std::vector<double>(prices + pair * n, prices + pair * n + order_y.size()), order_y, 1);
    }
    const std::vector<double> compact_x = reordered(px, order_x, 3), compact_y = reordered(py, order_y, 3);
    const Solution<Auction> solution = solve_emd(compact_x, compact_y, start, options);
    for (size_t i = 0; i < order_x.size(); ++i) {
      result.assignment[pair * n + order_x[i]] = order_y[solution.auction->target(i)];
      result.prices[pair * n + order_y[i]] = solution.auction->price(i);
    }
    result.lower_bound[pair] = solution.lower_bound;
    result.gap[pair] = solution.gap();
    result.converged[pair] = solution.converged;
  }

  static bool usable_price(double price) { return std::isfinite(price); }
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
