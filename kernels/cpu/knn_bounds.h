// How far the k-th nearest target of each query of a leaf can be, one query per lane, for the instruction set this file
// is compiled for.
#pragma once

#include "kernels/cpu/spatial_search.h"

namespace {

// The squared distances of one register of queries to the targets of a few leaves near them.
template <typename T>
struct DistancesInLanes {
  static constexpr int kMostLeaves = 8;
  static constexpr int kWidth = Vec<T>::kWidth;
  int64_t count;
  T dist2[kMostLeaves * kLeaf * kWidth];

  DistancesInLanes(const Nearby<T>& nearby, const SpatialIndex<T>& targets, int leaves, const Vec<T>* query)
      : count(leaves * kLeaf) {
    T* out = dist2;
    for (int c = 0; c < leaves; ++c) {
      const T* points = targets.leaves + nearby.leaf[c] * 3 * kLeaf;
      for (int j = 0; j < kLeaf; ++j, out += kWidth) {
        distance2<T>(query[0] - Vec<T>::fill(points[j]), query[1] - Vec<T>::fill(points[kLeaf + j]),
                     query[2] - Vec<T>::fill(points[2 * kLeaf + j]))
            .store(out);
      }
    }
  }

  // How many are less than `limit`; NaN is not.
  Vec<T> below(Vec<T> limit) const {
    const Vec<T> one = Vec<T>::fill(-1), zero = Vec<T>::fill(0);
    Vec<T> found[4] = {zero, zero, zero, zero};
    for (int64_t j = 0; j < count; j += 4) {
      for (int i = 0; i < 4; ++i) {
        found[i] = found[i] - Vec<T>::where_less(Vec<T>::load(dist2 + (j + i) * kWidth), limit, one, zero);
      }
    }
    return (found[0] - (zero - found[1])) - ((zero - found[2]) - found[3]);
  }
};

// For each query of a leaf a squared distance, at most `most`, that holds k targets if `most` does. `typical` is that
// of the k-th target of a point among them. Found by a few guesses, each from the counts of those before, as if targets
// lay evenly on a surface.
template <typename T>
void bounds_in_lanes(const Nearby<T>& nearby, const SpatialIndex<T>& targets, const T* queries, int64_t k, T typical,
                     T most, T* bounds) {
  constexpr int kGuesses = 4;
  const int64_t wanted = 2 + k / 8;
  int leaves = nearby.count < wanted ? nearby.count : int(wanted);
  if (leaves > DistancesInLanes<T>::kMostLeaves) leaves = DistancesInLanes<T>::kMostLeaves;
  for (int64_t first = 0; first < kLeaf; first += Vec<T>::kWidth) {
    const Vec<T> query[3] = {Vec<T>::load(queries + first), Vec<T>::load(queries + kLeaf + first),
                             Vec<T>::load(queries + 2 * kLeaf + first)};
    const DistancesInLanes<T> distances(nearby, targets, leaves, query);
    const Vec<T> enough = Vec<T>::fill(T(k));
    Vec<T> low = Vec<T>::fill(0), high = Vec<T>::fill(most), guess = Vec<T>::fill(typical);
    for (int n = 0; n < kGuesses; ++n) {
      const Vec<T> found = distances.below(guess);
      const auto holds = less_equal(enough, found);
      high = select(holds, Vec<T>::min(guess, high), high);
      low = select(holds, low, guess);
      T counts[Vec<T>::kWidth], limits[Vec<T>::kWidth];
      found.store(counts);
      guess.store(limits);
      for (int i = 0; i < Vec<T>::kWidth; ++i) limits[i] *= (T(k) + T(.5)) / (counts[i] > 1 ? counts[i] : 1);
      const Vec<T> next = Vec<T>::load(limits), half = Vec<T>::fill(T(.5));
      const Vec<T> middle = half * low - half * (Vec<T>::fill(0) - high);
      guess = select(less(low, next), select(less(next, high), next, middle), middle);
    }
    high.store(bounds + first);
  }
}

}  // namespace
