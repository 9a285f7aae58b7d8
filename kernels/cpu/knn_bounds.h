// How far the k-th nearest target of each query of a leaf can be, one query per lane, for the instruction set this file
// is compiled for.
#pragma once

#include "kernels/cpu/spatial_search.h"
#include "kernels/cpu/vec_count.h"

namespace {

// The squared distances of one register of queries to the targets of a few leaves near them.
template <typename T>
struct DistancesInLanes {
  static constexpr int kMostLeaves = 8;
  static constexpr int kUnrolled = 8;
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
  typename Counts<T>::Lanes below(typename Counts<T>::Lanes limit) const {
    Counts<T> counts;
    for (const T* next = dist2; next < dist2 + count * kWidth; next += kUnrolled * kWidth) {
      for (int i = 0; i < kUnrolled; ++i) counts.add(Counts<T>::load(next + i * kWidth) < limit);
    }
    return counts.values();
  }
};

// For each query of a leaf a squared distance, at most `most`, that holds k targets if `most` does. `typical` is that
// of the k-th target of a point among them. Found by a few guesses, each from the counts of those before, as if targets
// lay evenly on a surface.
template <typename T>
void bounds_in_lanes(const Nearby<T>& nearby, const SpatialIndex<T>& targets, const T* queries, int64_t k, T typical,
                     T most, T* bounds) {
  using Lanes = typename Counts<T>::Lanes;
  constexpr int kGuesses = 4;
  const int64_t wanted = 2 + k / 8;
  int leaves = nearby.count < wanted ? nearby.count : int(wanted);
  if (leaves > DistancesInLanes<T>::kMostLeaves) leaves = DistancesInLanes<T>::kMostLeaves;
  for (int64_t first = 0; first < kLeaf; first += Vec<T>::kWidth) {
    const Vec<T> query[3] = {Vec<T>::load(queries + first), Vec<T>::load(queries + kLeaf + first),
                             Vec<T>::load(queries + 2 * kLeaf + first)};
    const DistancesInLanes<T> distances(nearby, targets, leaves, query);
    const Lanes one = Lanes{} + T(1);
    Lanes low = {}, high = low + most, guess = low + typical;
    for (int n = 0; n < kGuesses; ++n) {
      const Lanes found = distances.below(guess);
      high = (found >= T(k)) & (guess < high) ? guess : high;
      low = found >= T(k) ? low : guess;
      const Lanes next = guess * ((T(k) + T(.5)) / (found > one ? found : one));
      guess = (low < next) & (next < high) ? next : low / 2 + high / 2;
    }
    __builtin_memcpy(bounds + first, &high, sizeof(high));
  }
}

}  // namespace
