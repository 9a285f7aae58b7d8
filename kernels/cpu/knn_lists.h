// The k nearest targets of the queries of one leaf, all at once: what may be among them is collected query by query,
// and sorted when all have been. So no decision waits for a list to be sorted.
#pragma once

#include "kernels/cpu/spatial_search.h"
#include "kernels/cpu/vec_keys.h"
#include "kernels/cpu/vec_pack.h"

namespace {

inline constexpr int kMostSorted = 64;  // neighbours that are kept this way, at most

// The targets within the bounds of the queries.
struct Candidates {
  static constexpr int kRoom = 128;  // and a leaf more, which is looked at before it is known to be too much
  static constexpr int kWidth = Vec<float>::kWidth;
  int count[kLeaf];
  float dist2[kLeaf][kRoom + kLeaf];
  float index[kLeaf][kRoom + kLeaf];  // as bits

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
          store_packed(index[i] + n, Vec<float>::load(indices + v), hits);
          n += __builtin_popcount(hits);
        }
        if (n > kRoom) return false;
      }
    }
    float none;
    __builtin_memcpy(&none, &kNoIndex, sizeof(none));
    Vec<float>::fill(__builtin_inf()).store(dist2[i] + n);
    Vec<float>::fill(none).store(index[i] + n);
    count[i] = n;
    return true;
  }

  void write(int64_t i, int64_t k, float* out_dist2, int64_t* out_index) const {
    if (k <= 16) return write_sorted<16>(i, k, out_dist2, out_index);
    if (k <= 32) return write_sorted<32>(i, k, out_dist2, out_index);
    write_sorted<kMostSorted>(i, k, out_dist2, out_index);
  }

  // k <= C.
  template <int C>
  void write_sorted(int64_t i, int64_t k, float* out_dist2, int64_t* out_index) const {
    constexpr int kBatch = kWidth / kKeyLanes;
    static_assert(kBatch == 2);
    Keys list[C / kKeyLanes], batch[kBatch];
    for (Keys& keys : list) keys = to_key(__builtin_inff(), kNoIndex) - Keys{};
    for (int n = 0; n < count[i]; n += kWidth) {
      make_keys(dist2[i] + n, index[i] + n, batch);
      sort_keys<kBatch>(batch);
      merge_lowest<C / kKeyLanes, kBatch>(list, batch);
    }
    double sorted[C];
    for (int r = 0; r < C / kKeyLanes; ++r) store_keys(sorted + r * kKeyLanes, list[r]);
    for (int64_t j = 0; j < k; ++j) {
      const int32_t found = key_index(sorted[j]);
      out_dist2[j] = key_dist2(sorted[j]);
      out_index[j] = found != kNoIndex ? found : -1;
    }
  }
};

}  // namespace
