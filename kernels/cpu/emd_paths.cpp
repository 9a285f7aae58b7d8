#include "kernels/cpu/emd_paths.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int kExactRounds = 30;

// Dijkstra's algorithm from one free point of x to the nearest free point of y. The length of an edge from i to j is
// what i loses by taking j: cost + price - utility. Edges are listed by the tree, as far as the search reaches.
class Paths {
 public:
  explicit Paths(Auction& auction)
      : auction_(auction),
        distance_(auction.size(), kInf),
        from_(auction.size()),
        targets_(auction.size() + kFan),
        values_(auction.size() + kFan) {}

  // Assigns i if a free target is within reach.
  bool augment(int32_t i, double reach) {
    clear();
    end_distance_ = reach;
    relax(i, auction_.utility(i), 0);
    while (!queue_.empty() && queue_.front().first < end_distance_) {
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
      const auto [distance, j] = queue_.back();
      queue_.pop_back();
      if (distance > distance_[j]) continue;
      settled_.push_back(j);
      const int32_t owner = auction_.owner(j);
      relax(owner, auction_.cost(owner, j) + auction_.price(j), distance);
    }
    if (end_ < 0) return false;
    for (const int32_t j : settled_) auction_.raise(j, auction_.price(j) + (end_distance_ - distance_[j]));
    flip(i);
    return true;
  }

 private:
  void clear() {
    for (const int32_t j : touched_) distance_[j] = kInf;
    touched_.clear();
    settled_.clear();
    queue_.clear();
    end_ = -1;
  }

  void relax(int32_t i, double utility, double base) {
    const int64_t count = auction_.within(i, utility + (end_distance_ - base), targets_.data(), values_.data());
    for (int64_t k = 0; k < count; ++k) {
      const int32_t j = targets_[k];
      const double distance = base + std::max(0.0, values_[k] - utility);
      if (distance >= distance_[j] || distance >= end_distance_) continue;
      if (distance_[j] == kInf) touched_.push_back(j);
      distance_[j] = distance;
      from_[j] = i;
      if (auction_.owner(j) < 0) {
        end_ = j;
        end_distance_ = distance;
      } else {
        queue_.emplace_back(distance, j);
        std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
      }
    }
  }

  // Gives each target on the path to the point that reached it.
  void flip(int32_t start) {
    int32_t j = end_, i = -1;
    while (i != start) {
      i = from_[j];
      const int32_t given_up = auction_.target(i);
      auction_.take(i, j);
      j = given_up;
    }
  }

  Auction& auction_;
  std::vector<double> distance_;
  std::vector<int32_t> from_, targets_, touched_, settled_;
  std::vector<double> values_;
  std::vector<std::pair<double, int32_t>> queue_;
  int32_t end_ = -1;
  double end_distance_ = kInf;  // of the best free target found, or the reach before there is one
};

}  // namespace

void make_optimal(Auction& auction, double reach) {
  auction.release();
  auction.assign_exactly(kExactRounds);
  Paths paths(auction);
  for (int32_t i = 0; i < auction.size(); ++i) {
    if (auction.target(i) >= 0) continue;
    for (double wider = reach; !paths.augment(i, wider); wider *= 4) {}
  }
}

}  // namespace pcgen
