// Sorting clouds into the leaves of balanced kd-trees. The spatial index, the tree of blocks and the buckets of
// farthest-point sampling all begin like this.
//
// Splits are at exact ranks: all leaves but the last are full, neither duplicates nor outliers unbalance the tree, and
// the number of threads does not change it.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "kernels/cpu/finite.h"
#include "kernels/cpu/nearest.h"  // Clouds
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/rank_segment.h"

namespace pcgen {

const RankLevel& rank_level();

inline Segment<float> split(Segment<float>* segment, int dim, int64_t leaf) {
  return rank_level().split_f32(segment, dim, leaf);
}
inline Segment<double> split(Segment<double>* segment, int dim, int64_t leaf) {
  return rank_level().split_f64(segment, dim, leaf);
}

// With this many clouds each is a task of its own, whose memory stays in the second-level cache; fewer share every step
// among the threads. A constant: the number of threads changes neither the result nor the memory.
inline constexpr int64_t kCloudsAsTasks = 32;
inline constexpr int64_t kTaskPoints = 65536;  // of such a cloud, at most

inline bool are_tasks(int64_t batch, int64_t n) { return batch >= kCloudsAsTasks && n <= kTaskPoints; }

inline void run_alone(int64_t n, int64_t, Range run, void* context) { run(0, n, context); }

template <typename T>
Clouds<T> only(const Clouds<T>& clouds, int64_t b, int dim) {
  return {clouds.points + b * clouds.n * dim, clouds.lengths ? clouds.lengths + b : nullptr, clouds.n};
}

// The valid points of a batch of clouds, to be sorted once. Extra memory: 2 dim + 3 values a point.
template <typename T>
class RankTree {
 public:
  // Collects the points.
  RankTree(const Clouds<T>& clouds, int64_t batch, int dim, ParallelFor parallel_for)
      : dim_(dim),
        stride_(in_registers(clouds.n) + kRegister),
        memory_(std::make_unique_for_overwrite<T[]>(batch * (2 * dim + 3) * stride_)),
        segments_(batch) {
    const int64_t parts = std::clamp<int64_t>(clouds.n / kPartPoints, 1, kMaxParts);
    std::vector<int64_t> begins(batch * parts);  // how many points each part has; then where they begin
    const auto part = [&](int64_t task) {
      const int64_t b = task / parts, place = task % parts;
      const int64_t given = clouds.lengths ? std::clamp<int64_t>(clouds.lengths[b], 0, clouds.n) : clouds.n;
      return Part{clouds.points + b * clouds.n * dim, place * given / parts, (place + 1) * given / parts};
    };
    for_each(parallel_for, batch * parts,
             [&](int64_t task) { begins[task] = dim == 3 ? count_valid<3>(part(task)) : count_valid<0>(part(task)); });
    for (int64_t b = 0; b < batch; ++b) {
      const auto first = begins.begin() + b * parts;
      const int64_t count = std::accumulate(first, first + parts, int64_t(0));
      std::exclusive_scan(first, first + parts, first, int64_t(0));
      T* const points = memory_.get() + b * (2 * dim + 3) * stride_;
      T* const spare = points + (dim + 1) * stride_;
      segments_[b] = {points, spare, spare + (dim + 1) * stride_, stride_, count, b, 0};
    }
    for_each(parallel_for, batch * parts, [&](int64_t task) {
      T* const out = segments_[task / parts].points + begins[task];
      dim == 3 ? collect<3>(part(task), out) : collect<0>(part(task), out);
    });
  }

  // Valid points of a cloud. Before run().
  int64_t count(int64_t b) const { return segments_[b].count; }

  // Least index of a valid point of a cloud. Before run().
  int32_t first(int64_t b) const { return from_lane(segments_[b].points[dim_ * stride_]); }

  // Splits until there are at most `leaf` points, a multiple of kRegister, and calls write(segment) for every leaf.
  template <typename Write>
  void run(int64_t leaf, ParallelFor parallel_for, Write write) {
    std::erase_if(segments_, [](const Segment<T>& segment) { return segment.count == 0; });
    split_for_threads(leaf, parallel_for);
    for_each(parallel_for, segments_.size(), [&](int64_t s) { grow(segments_[s], leaf, write); });
  }

 private:
  static constexpr int64_t kPartPoints = 1 << 14;  // points that one task collects, at least
  static constexpr int64_t kMaxParts = 32;
  static constexpr int64_t kSubtrees = 64;        // wanted before they are built in parallel
  static constexpr int64_t kSmallSubtree = 4096;  // never split for that purpose

  struct Part {
    const T* cloud;
    int64_t begin, end;
  };

  // kDim = 0 stands for any dimension.
  template <int kDim>
  int64_t count_valid(const Part& part) const {
    const int dim = kDim ? kDim : dim_;
    int64_t valid = 0;
    for (int64_t i = part.begin; i < part.end; ++i) valid += is_finite(part.cloud + i * dim, dim);
    return valid;
  }

  template <int kDim>
  void collect(const Part& part, T* out) const {
    const int dim = kDim ? kDim : dim_;
    for (int64_t i = part.begin; i < part.end; ++i) {
      const T* point = part.cloud + i * dim;
      if (!is_finite(point, dim)) continue;
      for (int a = 0; a < dim; ++a) out[a * stride_] = point[a];
      out[dim * stride_] = to_lane<T>(int32_t(i));
      ++out;
    }
  }

  // Splits the segments, all at once, until there are enough of them to share among threads.
  void split_for_threads(int64_t leaf, ParallelFor parallel_for) {
    const auto is_large = [=](const Segment<T>& segment) { return segment.count > std::max(kSmallSubtree, leaf); };
    while (int64_t(segments_.size()) < kSubtrees) {
      const int64_t large = std::partition(segments_.begin(), segments_.end(), is_large) - segments_.begin();
      if (large == 0) return;
      const int64_t old = segments_.size();
      segments_.resize(old + large);
      for_each(parallel_for, large, [&](int64_t s) { segments_[old + s] = split(&segments_[s], dim_, leaf); });
    }
  }

  template <typename Write>
  void grow(Segment<T> segment, int64_t leaf, Write& write) {
    while (segment.count > leaf) grow(split(&segment, dim_, leaf), leaf, write);
    write(segment);
  }

  int dim_;
  int64_t stride_;
  std::unique_ptr<T[]> memory_;
  std::vector<Segment<T>> segments_;
};

}  // namespace pcgen
