// The k nearest targets of the queries of one leaf, all at once: what may be among them is collected query by query,
// and sorted when all have been. So no decision waits for a list to be sorted.
#pragma once

#include "kernels/cpu/spatial_search.h"
#include "kernels/cpu/vec_count.h"
#include "kernels/cpu/vec_pack.h"

namespace {

inline constexpr int kMostSorted = 64;  // neighbours that are kept this way, at most

// The targets within the bounds of the queries.
struct Candidates {
  static constexpr int kRoom = 128;  // and a leaf more, which is looked at before it is known to be too much
  static constexpr int kWidth = Vec<float>::kWidth;
  int count[kLeaf];
  float dist2[kLeaf][kRoom + kLeaf];
  int32_t index[kLeaf][kRoom + kLeaf];

  // Those of query i. False if there is no room for all.
  bool collect(int64_t i, const Nearby<float>& nearby, const SpatialIndex<float>& targets, const Vec<float>* query,
               float bound) {
    int n = 0;
    const Vec<float> bounds = Vec<float>::fill(bound);
    for (int begin = 0; begin < nearby.count; begin += kFan) {
      float unused[kFan];
      uint32_t near = near_boxes(nearby.boxes + begin * 6, query, query, bound, unused);
      if (nearby.count - begin < kFan) near &= (uint32_t(1) << (nearby.count - begin)) - 1;
      for (; near; near &= near - 1) {
        const int64_t leaf = nearby.leaf[begin + __builtin_ctz(near)];
        const float* points = targets.leaves + leaf * 3 * kLeaf;
        const float* indices = reinterpret_cast<const float*>(targets.index + leaf * kLeaf);
        for (int v = 0; v < kLeaf; v += kWidth) {
          const Vec<float> d =
              distance2<float>(query[0] - Vec<float>::load(points + v), query[1] - Vec<float>::load(points + v + kLeaf),
                               query[2] - Vec<float>::load(points + v + 2 * kLeaf));
          const uint32_t hits = bits(less_equal(d, bounds));
          store_packed(dist2[i] + n, d, hits);
          store_packed(reinterpret_cast<float*>(index[i] + n), Vec<float>::load(indices + v), hits);
          n += __builtin_popcount(hits);
        }
        if (n > kRoom) return false;
      }
    }
    Vec<float>::fill(__builtin_inff()).store(dist2[i] + n);
    count[i] = n;
    return true;
  }

  // The k first of query i, in order.
  void write(int64_t i, int64_t k, float* out_dist2, int64_t* out_index) const {
    const int padded = (count[i] + kWidth - 1) / kWidth * kWidth;
    int32_t places[kRoom + kLeaf];
    find_places(dist2[i], padded, places);
    float sorted[kRoom + kLeaf];
    int32_t sorted_index[kRoom + kLeaf];
    if (put(i, padded, places, sorted, sorted_index) !=
        count[i] * (count[i] - 1) / 2 + count[i] * (padded - count[i])) {
      settle_ties(i, places);
      put(i, count[i], places, sorted, sorted_index);
    }
    const int64_t found = count[i] < k ? count[i] : k;
    for (int64_t j = 0; j < found; ++j) {
      out_dist2[j] = sorted[j];
      out_index[j] = sorted_index[j];
    }
    for (int64_t j = found; j < k; ++j) {
      out_dist2[j] = __builtin_inff();
      out_index[j] = -1;
    }
  }

  // Places by distance. The padding comes after all; what fills a few registers is counted without a branch that
  // depends on how many there are.
  static void find_places(const float* values, int padded, int32_t* places) {
    switch (padded / kWidth) {
      case 1:
        return count_less<1>(values, kWidth, 0, places);
      case 2:
        return count_less<2>(values, 2 * kWidth, 0, places);
      case 3:
        return count_less<3>(values, 3 * kWidth, 0, places);
      case 4:
        return count_less<4>(values, 4 * kWidth, 0, places);
    }
    for (int first = 0; first < padded; first += kWidth) count_less<1>(values, padded, first, places);
  }

  // Moves the first n to their places; returns the sum of these, which is less than it should be if there are ties.
  int put(int64_t i, int n, const int32_t* places, float* sorted, int32_t* sorted_index) const {
    int sum = 0;
    for (int j = 0; j < n; ++j) {
      sorted[places[j]] = dist2[i][j];
      sorted_index[places[j]] = index[i][j];
      sum += places[j];
    }
    return sum;
  }

  // Moves those of equal distance apart, by their indices.
  void settle_ties(int64_t i, int32_t* places) const {
    using Held = Counts<float>::Held;
    for (int first = 0; first < count[i]; first += kWidth) {
      const Counts<float>::Lanes mine = Counts<float>::load(dist2[i] + first);
      Held my_index, my_places;
      __builtin_memcpy(&my_index, index[i] + first, sizeof(my_index));
      __builtin_memcpy(&my_places, places + first, sizeof(my_places));
      for (int j = 0; j < count[i]; ++j) my_places -= (dist2[i][j] == mine) & (index[i][j] < my_index);
      __builtin_memcpy(places + first, &my_places, sizeof(my_places));
    }
  }
};

}  // namespace
