// The nearest target of many queries at once, one query per lane, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/spatial_search.h"

namespace {

// The nearest of what the lanes have seen, by (distance, original index).
template <typename T>
struct BestOfLanes {
  static constexpr int kWidth = Vec<T>::kWidth;
  Vec<T> dist2 = Vec<T>::fill(__builtin_inf());
  Vec<T> place = Vec<T>::fill(-1);  // c * kLeaf + j for place j of nearby leaf c: exact in T; -1 before any is found

  // Looks at leaf number c of `nearby`, if its box is near enough for any lane.
  void look(const Nearby<T>& nearby, const SpatialIndex<T>& targets, int c, const Vec<T>* query) {
    if (!bits(less_equal(box_of_lanes(nearby, c, query), dist2))) return;
    const T* points = targets.leaves + nearby.leaf[c] * 3 * kLeaf;
    Vec<T> least = Vec<T>::fill(__builtin_inf());
    Vec<T> where = Vec<T>::fill(-1);
    for (int j = 0; j < kLeaf; ++j) {
      const Vec<T> d = distance2<T>(query[0] - Vec<T>::fill(points[j]), query[1] - Vec<T>::fill(points[kLeaf + j]),
                                    query[2] - Vec<T>::fill(points[2 * kLeaf + j]));
      where = select(less(d, least), Vec<T>::fill(T(c * kLeaf + j)), where);
      least = Vec<T>::min(d, least);  // NaN gives `least`
    }
    if (const uint32_t ties = bits(equal(least, dist2))) {
      where = settle_ties(nearby, targets, ties, where);
      place = select(less_equal(least, dist2), where, place);
    } else {
      place = select(less(least, dist2), where, place);
    }
    dist2 = Vec<T>::min(least, dist2);
  }

  // Of two equally near places, the one with the lower original index.
  Vec<T> settle_ties(const Nearby<T>& nearby, const SpatialIndex<T>& targets, uint32_t ties, Vec<T> where) const {
    T mine[kWidth], theirs[kWidth];
    place.store(mine);
    where.store(theirs);
    for (; ties; ties &= ties - 1) {
      const int lane = __builtin_ctz(ties);
      if (original(nearby, targets, mine[lane]) < original(nearby, targets, theirs[lane])) theirs[lane] = mine[lane];
    }
    return Vec<T>::load(theirs);
  }

  static int32_t original(const Nearby<T>& nearby, const SpatialIndex<T>& targets, T place) {
    if (place < 0) return kNoIndex;
    return targets.index[nearby.leaf[int(place) / kLeaf] * kLeaf + int(place) % kLeaf];
  }

  static Vec<T> box_of_lanes(const Nearby<T>& nearby, int c, const Vec<T>* query) {
    const T* box = nearby.boxes + c / kFan * 6 * kFan + c % kFan;
    Vec<T> d[3];
    for (int a = 0; a < 3; ++a) {
      const Vec<T> below = Vec<T>::fill(box[a * kFan]) - query[a];
      const Vec<T> above = query[a] - Vec<T>::fill(box[(a + 3) * kFan]);
      d[a] = Vec<T>::max(Vec<T>::max(below, above), Vec<T>::fill(0));
    }
    return distance2<T>(d[0], d[1], d[2]);
  }
};

// Answers the queries of one leaf from the target leaves near it. `kept` searches alone for a query whose distances all
// overflow.
template <typename T>
void nearest_in_lanes(const Nearby<T>& nearby, const SpatialIndex<T>& targets, const T* queries,
                      const int32_t* query_index, T radius2, Best<T>& kept, T* dist2, int64_t* index) {
  constexpr int kWidth = Vec<T>::kWidth;
  for (int64_t first = 0; first < kLeaf && query_index[first] != kNoIndex; first += kWidth) {
    const Vec<T> query[3] = {Vec<T>::load(queries + first), Vec<T>::load(queries + kLeaf + first),
                             Vec<T>::load(queries + 2 * kLeaf + first)};
    BestOfLanes<T> best;
    for (int c = 0; c < nearby.count; ++c) best.look(nearby, targets, c, query);
    T distances[kWidth], places[kWidth];
    best.dist2.store(distances);
    best.place.store(places);
    for (int lane = 0; lane < kWidth && query_index[first + lane] != kNoIndex; ++lane) {
      const int64_t row = query_index[first + lane];
      kept.clear(radius2);
      if (places[lane] >= 0) {
        const int32_t found = BestOfLanes<T>::original(nearby, targets, places[lane]);
        if (kept.admits(distances[lane], found)) kept.take(distances[lane], found);
      } else {
        const T* at = queries + first + lane;
        const Vec<T> alone[3] = {Vec<T>::fill(at[0]), Vec<T>::fill(at[kLeaf]), Vec<T>::fill(at[2 * kLeaf])};
        search(targets, alone, kept);
      }
      kept.write(dist2 + row, index + row);
    }
  }
}

}  // namespace
