// Dijkstra's algorithm from a point of x to the nearest point of y that has room. The length of an edge from i to j is
// what i loses by taking j: cost + price - utility. Edges are listed by the tree, as far as the search reaches.
#pragma once

#include <utility>
#include <vector>

#include "kernels/cpu/emd_bidders.h"

namespace pcgen {

class Reach {
 public:
  Reach(Bidders& bidders, int64_t targets)
      : bidders_(bidders),
        distance_(targets, std::numeric_limits<double>::infinity()),
        from_(targets),
        listed_(targets + kFan),
        values_(targets + kFan) {}

  void clear(double reach);

  // Follows the edges from i, which is `base` away. has_room(j) says where a path may end.
  template <typename HasRoom>
  void relax(int32_t i, double utility, double base, HasRoom has_room) {
    const int64_t count = bidders_.within(i, utility + (end_distance_ - base), listed_.data(), values_.data());
    for (int64_t k = 0; k < count; ++k) {
      const int32_t j = listed_[k];
      const double distance = base + std::max(0.0, values_[k] - utility);
      if (distance >= distance_[j] || distance >= end_distance_) continue;
      visit(i, j, distance, has_room(j));
    }
  }

  // Settles the next target without room: its number, or -1 if none is nearer than the end.
  int32_t next();

  // Raises the prices of what was settled so that every edge on the path to the end costs nothing.
  void raise_prices();

  int32_t end() const { return end_; }  // -1 if nothing with room is within reach
  int32_t from(int32_t j) const { return from_[j]; }
  double distance(int32_t j) const { return distance_[j]; }

 private:
  void visit(int32_t i, int32_t j, double distance, bool has_room);

  Bidders& bidders_;
  std::vector<double> distance_;
  std::vector<int32_t> from_, listed_, touched_, settled_;
  std::vector<double> values_;
  std::vector<std::pair<double, int32_t>> queue_;
  int32_t end_ = -1;
  double end_distance_ = 0;  // of the best end found, or the reach before there is one
};

}  // namespace pcgen
