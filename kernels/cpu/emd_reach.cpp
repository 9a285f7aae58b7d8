#include "kernels/cpu/emd_reach.h"

#include <algorithm>
#include <functional>

namespace pcgen {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

void Reach::clear(double reach) {
  for (const int32_t j : touched_) distance_[j] = kInf;
  touched_.clear();
  settled_.clear();
  queue_.clear();
  end_ = -1;
  end_distance_ = reach;
}

void Reach::visit(int32_t i, int32_t j, double distance, bool has_room) {
  if (distance_[j] == kInf) touched_.push_back(j);
  distance_[j] = distance;
  from_[j] = i;
  if (has_room) {
    end_ = j;
    end_distance_ = distance;
  } else {
    queue_.emplace_back(distance, j);
    std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  }
}

int32_t Reach::next() {
  while (!queue_.empty() && queue_.front().first < end_distance_) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const auto [distance, j] = queue_.back();
    queue_.pop_back();
    if (distance > distance_[j]) continue;  // reached in a shorter way since
    settled_.push_back(j);
    return j;
  }
  return -1;
}

void Reach::raise_prices() {
  for (const int32_t j : settled_) bidders_.raise(j, bidders_.price(j) + (end_distance_ - distance_[j]));
}

}  // namespace pcgen
