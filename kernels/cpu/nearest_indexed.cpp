#include "kernels/cpu/nearest_indexed.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "kernels/cpu/block_tree.h"
#include "kernels/cpu/finite.h"
#include "kernels/cpu/index_boxes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/rank_tree.h"

namespace pcgen {

extern const BlockLevel block_portable;
#if defined(__x86_64__)
extern const BlockLevel block_avx2, block_avx512;
#endif

namespace {

// Points of the smaller cloud. Measured on 32 pairs of clouds of 512, 768 and 2048 points: exhaustive search takes 1.1,
// 1.3 and 2.1 times as long on surfaces, 0.9, 1.0 and 1.5 to 1.6 times on what is worst for trees here (points filling
// space, a grid full of ties, 1 % outliers).
constexpr int64_t kIndexFrom = 768;

constexpr int64_t kBlocksPerTask = 64;

const BlockLevel& block_level() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return block_avx512;
  if (simd_level().id == SimdId::avx2) return block_avx2;
#endif
  return block_portable;
}

template <typename T>
const BlockKernels<T>& block_kernels() {
  if constexpr (sizeof(T) == 4) {
    return block_level().f32;
  } else {
    return block_level().f64;
  }
}

// The trees of a batch of clouds of n points, with their memory.
template <typename T>
class Trees {
 public:
  Trees(int64_t batch, int64_t n)
      : layout_(n, kBlock),
        blocks_(std::make_unique_for_overwrite<T[]>(batch * layout_.leaves * kBlockRows * kBlock)),
        boxes_(std::make_unique_for_overwrite<T[]>(batch * layout_.groups * 6 * kFan)),
        least_(std::make_unique_for_overwrite<int32_t[]>(batch * layout_.groups * kFan)),
        count_(std::make_unique_for_overwrite<int64_t[]>(batch)) {}

  BlockTree<T> view() const { return {layout_, blocks_.get(), boxes_.get(), least_.get(), count_.get()}; }

  void build(const Clouds<T>& clouds, int64_t batch, ParallelFor parallel_for) {
    const BlockTree<T> trees = view();
    RankTree<T> points(clouds, batch, 3, parallel_for);
    for (int64_t b = 0; b < batch; ++b) trees.count[b] = points.count(b);
    points.run(kBlock, parallel_for,
               [&](const Segment<T>& block) { block_kernels<T>().write(block, trees.cloud(block.cloud)); });
    for_each(parallel_for, batch, [&](int64_t b) {
      const BlockTree<T> tree = trees.cloud(b);
      join_boxes(tree.layout, (*tree.count + kBlock - 1) / kBlock, tree.boxes, tree.least);
    });
  }

 private:
  IndexLayout layout_;
  std::unique_ptr<T[]> blocks_, boxes_;
  std::unique_ptr<int32_t[]> least_;
  std::unique_ptr<int64_t[]> count_;
};

template <typename T>
void search(const BlockTree<T>& queries, const BlockTree<T>& targets, const Clouds<T>& clouds, int64_t batch,
            const Neighbours<T>& out, ParallelFor parallel_for) {
  const int64_t n = clouds.n;
  for_each(parallel_for, batch, [&](int64_t b) {
    if (queries.count[b] == n && targets.count[b] > 0) return;  // every row is going to be written
    for (int64_t i = b * n; i < (b + 1) * n; ++i) {
      const bool takes_part = (!clouds.lengths || i - b * n < clouds.lengths[b]) && is_finite(clouds.points + 3 * i, 3);
      out.dist2[i] = takes_part ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN();
      out.index[i] = -1;
    }
  });
  const int64_t tasks = (queries.layout.leaves + kBlocksPerTask - 1) / kBlocksPerTask;
  for_each(parallel_for, batch * tasks, [&](int64_t task) {
    const int64_t b = task / tasks, first = task % tasks * kBlocksPerTask;
    const int64_t last = std::min(first + kBlocksPerTask, (queries.count[b] + kBlock - 1) / kBlock);
    if (first >= last || targets.count[b] == 0) return;
    block_kernels<T>().nearest(queries.cloud(b), targets.cloud(b), first, last, out.dist2 + b * n, out.index + b * n);
  });
}

// Pairs [0, batch), in the memory of the trees.
template <typename T>
void nearest_in_trees(Trees<T>& xs, Trees<T>& ys, const Clouds<T>& x, const Clouds<T>& y, int64_t batch,
                      const Neighbours<T>& of_x, const Neighbours<T>& of_y, ParallelFor parallel_for) {
  xs.build(x, batch, parallel_for);
  ys.build(y, batch, parallel_for);
  search(xs.view(), ys.view(), x, batch, of_x, parallel_for);
  if (of_y.index) search(ys.view(), xs.view(), y, batch, of_y, parallel_for);
}

template <typename T>
Neighbours<T> only(const Neighbours<T>& rows, int64_t b, int64_t n) {
  return rows.index ? Neighbours<T>{rows.dist2 + b * n, rows.index + b * n} : rows;
}

}  // namespace

bool prefers_index(int64_t n, int64_t m) { return std::min(n, m) >= kIndexFrom && std::max(n, m) <= kMaxIndexed; }

template <typename T>
void nearest_indexed(const Clouds<T>& x, const Clouds<T>& y, int64_t batch, const Neighbours<T>& of_x,
                     const Neighbours<T>& of_y, ParallelFor parallel_for) {
  if (!are_tasks(batch, std::max(x.n, y.n))) {
    Trees<T> xs(batch, x.n), ys(batch, y.n);
    return nearest_in_trees(xs, ys, x, y, batch, of_x, of_y, parallel_for);
  }
  for_range(parallel_for, batch, [&](int64_t begin, int64_t end) {
    Trees<T> xs(1, x.n), ys(1, y.n);
    for (int64_t b = begin; b < end; ++b) {
      nearest_in_trees(xs, ys, only(x, b, 3), only(y, b, 3), 1, only(of_x, b, x.n), only(of_y, b, y.n), run_alone);
    }
  });
}

template void nearest_indexed(const Clouds<float>&, const Clouds<float>&, int64_t, const Neighbours<float>&,
                              const Neighbours<float>&, ParallelFor);
template void nearest_indexed(const Clouds<double>&, const Clouds<double>&, int64_t, const Neighbours<double>&,
                              const Neighbours<double>&, ParallelFor);

}  // namespace pcgen
