#include "kernels/cpu/nearest_indexed.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/spatial_index.h"

namespace pcgen {
namespace {

constexpr int64_t kIndexFrom = 2048;  // points of the smaller cloud, measured

// An index with its memory.
template <typename T>
class OwnedIndex {
 public:
  OwnedIndex(const Clouds<T>& clouds, int64_t batch, ParallelFor parallel_for)
      : layout_(clouds.n),
        leaves_(std::make_unique_for_overwrite<T[]>(batch * layout_.leaves * 3 * kLeaf)),
        index_(std::make_unique_for_overwrite<int32_t[]>(batch * layout_.leaves * kLeaf)),
        boxes_(std::make_unique_for_overwrite<T[]>(batch * layout_.groups * 6 * kFan)),
        least_(std::make_unique_for_overwrite<int32_t[]>(batch * layout_.groups * kFan)) {
    build_spatial_index(clouds.points, clouds.lengths, batch, clouds.n, view(), parallel_for);
  }
  SpatialIndex<T> view() const { return {layout_, leaves_.get(), index_.get(), boxes_.get(), least_.get()}; }

 private:
  IndexLayout layout_;
  std::unique_ptr<T[]> leaves_;
  std::unique_ptr<int32_t[]> index_;
  std::unique_ptr<T[]> boxes_;
  std::unique_ptr<int32_t[]> least_;
};

template <typename T>
void search(const OwnedIndex<T>& queries, const OwnedIndex<T>& targets, int64_t batch, int64_t n,
            const Neighbours<T>& out, ParallelFor parallel_for) {
  // What the index of the queries leaves out stays like this.
  for_range(parallel_for, batch * n, [&](int64_t begin, int64_t end) {
    std::fill(out.dist2 + begin, out.dist2 + end, std::numeric_limits<T>::quiet_NaN());
    std::fill(out.index + begin, out.index + end, -1);
  });
  knn_indexed<T>(queries.view(), targets.view(), batch, n, 1, std::numeric_limits<T>::infinity(), out.dist2, out.index,
                 parallel_for);
}

}  // namespace

bool prefers_index(int64_t n, int64_t m) { return std::min(n, m) >= kIndexFrom && std::max(n, m) <= kMaxIndexed; }

template <typename T>
void nearest_indexed(const Clouds<T>& x, const Clouds<T>& y, int64_t batch, const Neighbours<T>& of_x,
                     const Neighbours<T>& of_y, ParallelFor parallel_for) {
  const OwnedIndex<T> xs(x, batch, parallel_for), ys(y, batch, parallel_for);
  search(xs, ys, batch, x.n, of_x, parallel_for);
  if (of_y.index) search(ys, xs, batch, y.n, of_y, parallel_for);
}

template void nearest_indexed(const Clouds<float>&, const Clouds<float>&, int64_t, const Neighbours<float>&,
                              const Neighbours<float>&, ParallelFor);
template void nearest_indexed(const Clouds<double>&, const Clouds<double>&, int64_t, const Neighbours<double>&,
                              const Neighbours<double>&, ParallelFor);

}  // namespace pcgen
