#include "kernels/cpu/nearest.h"

#include <algorithm>
#include <limits>

#include "kernels/cpu/planes.h"
#include "kernels/cpu/spatial_index.h"

namespace pcgen {
namespace {

// Queries handled by one task: enough to repay packing the targets again, few enough to share one pair among threads.
constexpr int64_t kQueriesPerTask = 1024;

template <typename T>
struct Job {
  const T* x;
  const T* y;
  const int64_t* lengths;
  int64_t n, m, tasks_per_pair;
  int64_t* index;

  void run(int64_t begin, int64_t end) const {
    std::vector<T> targets;
    int64_t packed = -1;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t pair = task / tasks_per_pair;
      const int64_t count = lengths ? std::clamp<int64_t>(lengths[pair], 0, m) : m;
      if (pair != packed) {
        targets = to_planes(y + pair * m * 3, count, std::numeric_limits<T>::infinity());
        packed = pair;
      }
      const int64_t first = task % tasks_per_pair * kQueriesPerTask;
      run_queries(pair, first, std::min(n, first + kQueriesPerTask), targets, count);
    }
  }

  void run_queries(int64_t pair, int64_t first, int64_t last, const std::vector<T>& targets, int64_t count) const {
    const T* queries = x + (pair * n + first) * 3;
    int64_t* out = index + pair * n + first;
    simd_kernels<T>().nearest(queries, last - first, targets.data(), padded(count), out);
    for (int64_t i = 0; i < last - first; ++i) {
      if (!is_finite(queries + 3 * i)) {
        out[i] = -1;
      } else if (out[i] < 0) {
        out[i] = first_finite(y + pair * m * 3, count);  // every distance overflowed
      }
    }
  }

  static int64_t first_finite(const T* points, int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
      if (is_finite(points + 3 * j)) return j;
    }
    return -1;
  }
};

}  // namespace

template <typename T>
void nearest(const T* x, const T* y, const int64_t* lengths, int64_t batch, int64_t n, int64_t m, int64_t* index,
             ParallelFor parallel_for) {
  if (n >= kIndexFrom && m >= kIndexFrom && n <= kMaxIndexed && m <= kMaxIndexed) {
    return nearest_indexed(x, y, lengths, batch, n, m, index, parallel_for);
  }
  Job<T> job{x, y, lengths, n, m, (n + kQueriesPerTask - 1) / kQueriesPerTask, index};
  const auto run = [](int64_t begin, int64_t end, void* context) { static_cast<Job<T>*>(context)->run(begin, end); };
  parallel_for(batch * job.tasks_per_pair, 1, run, &job);
}

template void nearest(const float*, const float*, const int64_t*, int64_t, int64_t, int64_t, int64_t*, ParallelFor);
template void nearest(const double*, const double*, const int64_t*, int64_t, int64_t, int64_t, int64_t*, ParallelFor);

}  // namespace pcgen
