#include "kernels/cpu/nearest_indexed.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/cpu/block_tree.h"
#include "kernels/cpu/finite.h"
#include "kernels/cpu/parallel.h"

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

// With this many pairs each is a task of its own, whose trees stay in the second-level cache; fewer pairs share every
// step among the threads. A constant: the number of threads changes neither the result nor the memory.
constexpr int64_t kPairsAsTasks = 32;
constexpr int64_t kPairPoints = 65536;  // of one cloud of such a pair, at most

constexpr int64_t kSubtrees = 64;        // wanted before they are built in parallel
constexpr int64_t kSmallSubtree = 4096;  // never split for that purpose
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

// An index as bits of T.
inline float lane_of(float, int32_t index) { return std::bit_cast<float>(index); }
inline double lane_of(double, int32_t index) { return std::bit_cast<double>(int64_t(index)); }

template <typename T>
Clouds<T> only(const Clouds<T>& clouds, int64_t b) {
  return {clouds.points + b * clouds.n * 3, clouds.lengths ? clouds.lengths + b : nullptr, clouds.n};
}

// The trees of a batch of clouds of n points, with their memory and that for building them.
template <typename T>
class Trees {
 public:
  Trees(int64_t batch, int64_t n)
      : layout_(n, kBlock),
        stride_(padded_block(n)),
        blocks_(std::make_unique_for_overwrite<T[]>(batch * layout_.leaves * kBlockRows * kBlock)),
        boxes_(std::make_unique_for_overwrite<T[]>(batch * layout_.groups * 6 * kFan)),
        least_(std::make_unique_for_overwrite<int32_t[]>(batch * layout_.groups * kFan)),
        count_(std::make_unique_for_overwrite<int64_t[]>(batch)),
        scratch_(std::make_unique_for_overwrite<T[]>(batch * (2 * kBlockRows + 1) * stride_)) {}

  BlockTree<T> view() const { return {layout_, blocks_.get(), boxes_.get(), least_.get(), count_.get()}; }

  void build(const Clouds<T>& clouds, int64_t batch, ParallelFor parallel_for) {
    segments_.resize(batch);
    for_each(parallel_for, batch, [&](int64_t b) { segments_[b] = collect(only(clouds, b), b); });
    std::erase_if(segments_, [](const BlockSegment<T>& segment) { return segment.count == 0; });
    split_for_threads(parallel_for);
    for_each(parallel_for, segments_.size(),
             [&](int64_t s) { block_kernels<T>().grow(segments_[s], view().cloud(segments_[s].cloud)); });
    for_each(parallel_for, batch, [&](int64_t b) { join_boxes(view().cloud(b)); });
  }

 private:
  // The valid points of a cloud with their index, in order.
  BlockSegment<T> collect(const Clouds<T>& cloud, int64_t b) {
    T* points = scratch_.get() + b * (2 * kBlockRows + 1) * stride_;
    const int64_t given = cloud.lengths ? std::clamp<int64_t>(*cloud.lengths, 0, cloud.n) : cloud.n;
    int64_t count = 0;
    for (int64_t i = 0; i < given; ++i) {
      const T* p = cloud.points + 3 * i;
      for (int64_t a = 0; a < 3; ++a) points[a * stride_ + count] = p[a];
      points[3 * stride_ + count] = lane_of(T(), int32_t(i));
      count += is_finite(p, 3);
    }
    count_[b] = count;
    return {points, points + kBlockRows * stride_, points + 2 * kBlockRows * stride_, stride_, count, b, 0};
  }

  // Splits the segments, all at once, until there are enough of them to share among threads.
  void split_for_threads(ParallelFor parallel_for) {
    const auto is_large = [](const BlockSegment<T>& segment) { return segment.count > kSmallSubtree; };
    while (int64_t(segments_.size()) < kSubtrees) {
      const int64_t large = std::partition(segments_.begin(), segments_.end(), is_large) - segments_.begin();
      if (large == 0) return;
      const int64_t old = segments_.size();
      segments_.resize(old + large);
      for_each(parallel_for, large, [&](int64_t s) { segments_[old + s] = block_kernels<T>().split(&segments_[s]); });
    }
  }

  // The boxes of the upper levels from those of the blocks.
  static void join_boxes(const BlockTree<T>& tree) {
    int64_t members = (*tree.count + kBlock - 1) / kBlock;
    for (int level = 1; level < tree.layout.levels; ++level) {
      const int64_t begin = tree.layout.level_begin[level], below = tree.layout.level_begin[level - 1];
      for (int64_t place = 0; place * kFan < members; ++place) {
        T* box = tree.boxes + (begin + place / kFan) * 6 * kFan + place % kFan;
        const T* boxes = tree.boxes + (below + place) * 6 * kFan;
        const int64_t count = std::min(kFan, members - place * kFan);
        for (int a = 0; a < 3; ++a) {
          box[a * kFan] = *std::min_element(boxes + a * kFan, boxes + a * kFan + count);
          box[(a + 3) * kFan] = *std::max_element(boxes + (a + 3) * kFan, boxes + (a + 3) * kFan + count);
        }
        const int32_t* least = tree.least + (below + place) * kFan;
        tree.least[begin * kFan + place] = *std::min_element(least, least + count);
      }
      members = (members + kFan - 1) / kFan;
    }
  }

  IndexLayout layout_;
  int64_t stride_;
  std::unique_ptr<T[]> blocks_, boxes_;
  std::unique_ptr<int32_t[]> least_;
  std::unique_ptr<int64_t[]> count_;
  std::unique_ptr<T[]> scratch_;
  std::vector<BlockSegment<T>> segments_;
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
  if (batch < kPairsAsTasks || std::max(x.n, y.n) > kPairPoints) {
    Trees<T> xs(batch, x.n), ys(batch, y.n);
    return nearest_in_trees(xs, ys, x, y, batch, of_x, of_y, parallel_for);
  }
  const ParallelFor alone = [](int64_t n, int64_t, Range run, void* context) { run(0, n, context); };
  for_range(parallel_for, batch, [&](int64_t begin, int64_t end) {
    Trees<T> xs(1, x.n), ys(1, y.n);
    for (int64_t b = begin; b < end; ++b) {
      nearest_in_trees(xs, ys, only(x, b), only(y, b), 1, only(of_x, b, x.n), only(of_y, b, y.n), alone);
    }
  });
}

template void nearest_indexed(const Clouds<float>&, const Clouds<float>&, int64_t, const Neighbours<float>&,
                              const Neighbours<float>&, ParallelFor);
template void nearest_indexed(const Clouds<double>&, const Clouds<double>&, int64_t, const Neighbours<double>&,
                              const Neighbours<double>&, ParallelFor);

}  // namespace pcgen
