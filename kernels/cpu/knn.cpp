#include "kernels/cpu/knn.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/finite.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/spatial_kernels.h"

namespace pcgen {
namespace {

// Queries handled by one task: enough to repay packing the targets again, few enough to share one pair among threads.
constexpr int64_t kQueriesPerTask = 256;

// Points [count, dims] as blocks [., dims, kLeaf]; padding and points that are not finite are NaN.
template <typename T>
std::vector<T> to_blocks(const T* points, int64_t count, int64_t dims) {
  const int64_t blocks = (count + kLeaf - 1) / kLeaf;
  std::vector<T> out(blocks * dims * kLeaf, std::numeric_limits<T>::quiet_NaN());
  for (int64_t i = 0; i < count; ++i) {
    if (!is_finite(points + i * dims, int(dims))) continue;
    T* lane = out.data() + i / kLeaf * dims * kLeaf + i % kLeaf;
    for (int64_t a = 0; a < dims; ++a) lane[a * kLeaf] = points[i * dims + a];
  }
  return out;
}

}  // namespace

template <typename T>
void knn_exhaustive(const T* query, const T* points, const int64_t* query_lengths, const int64_t* points_lengths,
                    int64_t batch, int64_t n, int64_t m, int64_t dims, int64_t k, T radius2, T* dist2, int64_t* index,
                    ParallelFor parallel_for) {
  const int64_t tasks = (n + kQueriesPerTask - 1) / kQueriesPerTask;
  for_range(parallel_for, batch * tasks, [&](int64_t begin, int64_t end) {
    std::vector<T> list_dist2(k), blocks;
    std::vector<int32_t> list_index(k), numbers((m + kLeaf - 1) / kLeaf * kLeaf);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = int32_t(i);
    int64_t packed = -1;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t b = task / tasks, first = task % tasks * kQueriesPerTask;
      if (b != packed) {
        const int64_t count = points_lengths ? std::clamp<int64_t>(points_lengths[b], 0, m) : m;
        blocks = to_blocks(points + b * m * dims, count, dims);
        packed = b;
      }
      const int64_t row = b * n + first;
      spatial_kernels<T>().knn_exhaustive(query + row * dims, std::min(kQueriesPerTask, n - first), dims, blocks.data(),
                                          numbers.data(), blocks.size() / (dims * kLeaf), k, radius2, list_dist2.data(),
                                          list_index.data(), dist2 + row * k, index + row * k);
    }
  });
  blank_unusable_queries(query, query_lengths, batch, n, dims, k, dist2, index, parallel_for);
}

template <typename T>
void blank_unusable_queries(const T* query, const int64_t* lengths, int64_t batch, int64_t n, int64_t dims, int64_t k,
                            T* dist2, int64_t* index, ParallelFor parallel_for) {
  for_each(parallel_for, batch * n, [&](int64_t i) {
    const bool inside = !lengths || i % n < lengths[i / n];
    if (inside && is_finite(query + i * dims, int(dims))) return;
    std::fill_n(dist2 + i * k, k, std::numeric_limits<T>::quiet_NaN());
    std::fill_n(index + i * k, k, -1);
  });
}

#define PCGEN_INSTANTIATE(T)                                                                                           \
  template void knn_exhaustive(const T*, const T*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, int64_t, \
                               int64_t, T, T*, int64_t*, ParallelFor);                                                 \
  template void blank_unusable_queries(const T*, const int64_t*, int64_t, int64_t, int64_t, int64_t, T*, int64_t*,     \
                                       ParallelFor);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)
#undef PCGEN_INSTANTIATE

}  // namespace pcgen
