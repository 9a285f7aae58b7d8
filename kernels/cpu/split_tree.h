// A kd-tree split at the medians of a sample of a cloud: which of its leaves a point belongs to.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/cpu/finite.h"

namespace pcgen {

// The perfect binary tree in heap order: node i has the children 2 i and 2 i + 1; node 1 is the root.
template <typename T>
class SplitTree {
 public:
  // `leaves` is a power of two.
  SplitTree(const T* points, int64_t n, int dim, int64_t leaves)
      : dim_(dim), height_(std::countr_zero(uint64_t(leaves))), nodes_(leaves) {
    if (leaves == 1) return;
    draw(points, n, std::min(n, leaves * kSamplesPerLeaf));
    std::vector<int32_t> order(sample_.size() / dim);
    std::iota(order.begin(), order.end(), 0);
    grow(1, order.data(), order.data() + order.size());
  }

  // The leaf of each of n points, any of them if the point is not finite. The points descend side by side, as each step
  // has to wait for the one above. kDim = 0 stands for any dimension.
  template <int kDim>
  void find_leaves(const T* points, int64_t n, int32_t* leaf) const {
    constexpr int64_t kAbreast = 8;
    const int dim = kDim ? kDim : dim_;
    for (int64_t i = 0; i < n; i += kAbreast) {
      uint32_t node[kAbreast];
      std::fill_n(node, kAbreast, 1u);
      const int64_t count = std::min(n - i, kAbreast);
      for (int level = 0; level < height_; ++level) {
        for (int64_t j = 0; j < count; ++j) {
          const Node& split = nodes_[node[j]];
          node[j] = 2 * node[j] + !(points[(i + j) * dim + split.axis] < split.at);
        }
      }
      for (int64_t j = 0; j < count; ++j) leaf[i + j] = int32_t(node[j] - (uint32_t(1) << height_));
    }
  }

 private:
  static constexpr int64_t kSamplesPerLeaf = 4;

  struct Node {
    T at = 0;
    int32_t axis = 0;
  };

  // One point out of each of `count` runs of the cloud, at places that agree with no regularity of its order. What is
  // not finite is left out.
  void draw(const T* points, int64_t n, int64_t count) {
    sample_.reserve(count * dim_);
    uint64_t random = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = i * n / count, end = (i + 1) * n / count;
      random = random * 6364136223846793005u + 1442695040888963407u;
      const T* point = points + (begin + int64_t((random >> 33) % uint64_t(end - begin))) * dim_;
      if (is_finite(point, dim_)) sample_.insert(sample_.end(), point, point + dim_);
    }
  }

  void grow(uint32_t node, int32_t* begin, int32_t* end) {
    if (node >= nodes_.size() || begin == end) return;
    int32_t* middle = begin + (end - begin) / 2;
    const int axis = widest_axis(begin, end);
    const auto at = [&](int32_t i) { return sample_[int64_t(i) * dim_ + axis]; };
    std::nth_element(begin, middle, end, [&](int32_t i, int32_t j) { return at(i) < at(j); });
    nodes_[node] = {at(*middle), axis};
    grow(2 * node, begin, middle);
    grow(2 * node + 1, middle, end);
  }

  int widest_axis(const int32_t* begin, const int32_t* end) const {
    int widest = 0;
    T widest_extent = -1;
    for (int a = 0; a < dim_; ++a) {
      T low = sample_[int64_t(*begin) * dim_ + a], high = low;
      for (const int32_t* i = begin; i < end; ++i) {
        const T value = sample_[int64_t(*i) * dim_ + a];
        low = std::min(low, value);
        high = std::max(high, value);
      }
      if (high - low > widest_extent) {
        widest = a;
        widest_extent = high - low;
      }
    }
    return widest;
  }

  int dim_;
  int height_;
  std::vector<Node> nodes_;
  std::vector<T> sample_;
};

}  // namespace pcgen
