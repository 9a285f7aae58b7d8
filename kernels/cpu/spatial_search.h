// Searching a spatial index for one query, or gathering what lies near many, for the instruction set this file is
// compiled for.
#pragma once

#include "kernels/cpu/spatial_kept.h"
#include "kernels/cpu/spatial_kernels.h"

namespace {

using pcgen::IndexLayout;
using pcgen::SpatialIndex;

// Squared distances of the box [low, high], or of a point where low is high, to kWidth boxes of a group. Never more
// than the distance to a point within, in floating point too, because every rounded operation is monotone.
template <typename T>
inline Vec<T> box_distance2(const T* boxes, int64_t i, const Vec<T>* low, const Vec<T>* high) {
  Vec<T> d[3];
  for (int a = 0; a < 3; ++a) {
    const Vec<T> below = Vec<T>::load(boxes + a * kFan + i) - high[a];
    const Vec<T> above = low[a] - Vec<T>::load(boxes + (a + 3) * kFan + i);
    d[a] = Vec<T>::max(Vec<T>::max(below, above), Vec<T>::fill(0));
  }
  return distance2<T>(d[0], d[1], d[2]);
}

// Distances to all boxes of a group, and a bit for each that is within the bound.
template <typename T>
inline uint32_t near_boxes(const T* boxes, const Vec<T>* low, const Vec<T>* high, T bound, T* dist2) {
  uint32_t near = 0;
  for (int i = 0; i < kFan; i += Vec<T>::kWidth) {
    const Vec<T> d = box_distance2(boxes, i, low, high);
    d.store(dist2 + i);
    near |= bits(less_equal(d, Vec<T>::fill(bound))) << i;
  }
  return near;
}

template <typename T, typename Kept>
inline void scan_leaf(const SpatialIndex<T>& index, int64_t leaf, const Vec<T>* query, Kept& kept) {
  const T* points = index.leaves + leaf * 3 * kLeaf;
  Vec<T> d[kLeafVecs<T>];
  for (int i = 0; i < kLeafVecs<T>; ++i) {
    const T* p = points + i * Vec<T>::kWidth;
    d[i] = distance2<T>(query[0] - Vec<T>::load(p), query[1] - Vec<T>::load(p + kLeaf),
                        query[2] - Vec<T>::load(p + 2 * kLeaf));
  }
  kept.look(d, index.index + leaf * kLeaf, leaf);
}

template <typename T>
struct Visit {
  T dist2;
  int32_t least;
  int32_t level;  // of the group; -1 is a leaf
  int64_t number;
};

// Depth first, nearest box first; starts in the leaf `kept.leaf`, where the last search ended.
template <typename T, typename Kept>
void search(const SpatialIndex<T>& index, const Vec<T>* query, Kept& kept) {
  const int64_t first = kept.leaf;
  scan_leaf(index, first, query, kept);
  Visit<T> stack[IndexLayout::kMaxLevels * kFan];
  stack[0] = {0, -1, index.layout.levels - 1, 0};
  for (int size = 1; size > 0;) {
    const Visit<T> visit = stack[--size];
    if (!kept.admits(visit.dist2, visit.least)) continue;
    if (visit.level < 0) {
      scan_leaf(index, visit.number, query, kept);
      continue;
    }
    const int64_t group = index.layout.level_begin[visit.level] + visit.number;
    const int32_t* least = index.least + group * kFan;
    T d[kFan];
    uint32_t near = near_boxes(index.boxes + group * 6 * kFan, query, query, kept.bound(), d);
    const int base = size;
    while (near) {
      const int i = 31 - __builtin_clz(near);
      near &= ~(1u << i);
      const int64_t number = visit.number * kFan + i;
      if (!kept.admits(d[i], least[i]) || (visit.level == 0 && number == first)) continue;
      int place = size++;
      for (; place > base && before(stack[place - 1].dist2, stack[place - 1].least, d[i], least[i]); --place) {
        stack[place] = stack[place - 1];
      }
      stack[place] = {d[i], least[i], visit.level - 1, number};
    }
  }
}

// The target leaves near one query leaf, nearest first, their boxes in groups as in the index.
template <typename T>
struct Nearby {
  static constexpr int kMost = 128;
  int count;
  T dist2[kMost];
  int64_t leaf[kMost];
  int32_t least[kMost];
  T boxes[kMost / kFan * 6 * kFan];

  // False if there are more than kMost within the radius.
  bool gather(const SpatialIndex<T>& index, const Vec<T>* low, const Vec<T>* high, T radius2) {
    count = 0;
    Visit<T> stack[IndexLayout::kMaxLevels * kFan];
    stack[0] = {0, -1, index.layout.levels - 1, 0};
    for (int size = 1; size > 0;) {
      const Visit<T> visit = stack[--size];
      const int64_t group = index.layout.level_begin[visit.level] + visit.number;
      T d[kFan];
      uint32_t near = near_boxes(index.boxes + group * 6 * kFan, low, high, radius2, d);
      for (; near; near &= near - 1) {
        const int i = __builtin_ctz(near);
        const int64_t number = visit.number * kFan + i;
        if (index.least[group * kFan + i] == kNoIndex) continue;  // nothing there, though inf is within inf
        if (visit.level > 0) {
          stack[size++] = {0, -1, visit.level - 1, number};
        } else if (count == kMost) {
          return false;
        } else {
          add(d[i], number);
        }
      }
    }
    copy_boxes(index);
    return true;
  }

  void add(T d, int64_t number) {
    int place = count++;
    for (; place > 0 && d < dist2[place - 1]; --place) {
      dist2[place] = dist2[place - 1];
      leaf[place] = leaf[place - 1];
    }
    dist2[place] = d;
    leaf[place] = number;
  }

  void copy_boxes(const SpatialIndex<T>& index) {
    for (int64_t c = 0; c < (count + kFan - 1) / kFan * kFan; ++c) {
      T* to = boxes + c / kFan * 6 * kFan + c % kFan;
      if (c < count) {
        const T* from = index.boxes + leaf[c] / kFan * 6 * kFan + leaf[c] % kFan;
        for (int a = 0; a < 6; ++a) to[a * kFan] = from[a * kFan];
        least[c] = index.least[leaf[c]];
      } else {
        for (int a = 0; a < 6; ++a) to[a * kFan] = a < 3 ? __builtin_inf() : -__builtin_inf();
      }
    }
  }

  template <typename Kept>
  void search(const SpatialIndex<T>& index, const Vec<T>* query, Kept& kept) const {
    const int64_t first = kept.leaf;
    scan_leaf(index, first, query, kept);
    for (int begin = 0; begin < count; begin += kFan) {
      T d[kFan];
      uint32_t near = near_boxes(boxes + begin * 6, query, query, kept.bound(), d);
      for (; near; near &= near - 1) {
        const int i = __builtin_ctz(near);
        if (begin + i >= count) break;
        if (leaf[begin + i] != first && kept.admits(d[i], least[begin + i])) {
          scan_leaf(index, leaf[begin + i], query, kept);
        }
      }
    }
  }
};

}  // namespace
