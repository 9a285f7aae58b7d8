// Answering blocks of queries from a tree of blocks, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/block_tree.h"
#include "kernels/cpu/rank_select.h"  // kRamp
#include "kernels/cpu/spatial_search.h"

namespace {

using pcgen::BlockTree;
using pcgen::IndexLayout;
using pcgen::kBlock;
using pcgen::kBlockRows;
using pcgen::kFan;
using pcgen::kNoIndex;

template <typename T>
inline constexpr int kBlockVecs = kBlock / Vec<T>::kWidth;

// The queries of one block, one per lane, and the nearest target each has seen, by (distance, original index).
template <typename T>
struct QueryBlock {
  static constexpr int kVecs = kBlockVecs<T>;
  Vec<T> at[kVecs][3];
  Vec<T> dist2[kVecs];  // at most the largest finite number, -1 in padding: farther ones are not looked for
  Vec<T> index[kVecs];  // as bits
  T bound;              // the largest of dist2
  T low[3], high[3];    // their box

  void box(Vec<T>* lows, Vec<T>* highs) const {
    for (int a = 0; a < 3; ++a) lows[a] = Vec<T>::fill(low[a]), highs[a] = Vec<T>::fill(high[a]);
  }

  void start(const T* block, const T* box) {
    for (int a = 0; a < 3; ++a) low[a] = box[a * kFan], high[a] = box[(a + 3) * kFan];
    const T largest = sizeof(T) == 4 ? T(__FLT_MAX__) : T(__DBL_MAX__);
    bound = largest;
    for (int v = 0; v < kVecs; ++v) {
      for (int a = 0; a < 3; ++a) at[v][a] = Vec<T>::load(block + a * kBlock + v * Vec<T>::kWidth);
      dist2[v] = select(equal(at[v][0], at[v][0]), Vec<T>::fill(largest), Vec<T>::fill(-1));
      index[v] = Vec<T>::fill(to_lane<T>(kNoIndex));
    }
  }

  // Whether a target in the box, all of index `least` or higher, can change any answer.
  bool admits(const T* box, int32_t least) const {
    uint32_t nearer = 0, equally_near = 0;
    for (int v = 0; v < kVecs; ++v) {
      Vec<T> d[3];
      for (int a = 0; a < 3; ++a) {
        const Vec<T> below = Vec<T>::fill(box[a * kFan]) - at[v][a];
        const Vec<T> above = at[v][a] - Vec<T>::fill(box[(a + 3) * kFan]);
        d[a] = Vec<T>::max(Vec<T>::max(below, above), Vec<T>::fill(0));
      }
      const Vec<T> from = distance2<T>(d[0], d[1], d[2]);
      nearer |= bits(less(from, dist2[v]));
      equally_near |= bits(equal(from, dist2[v]));
    }
    return nearer || (equally_near && least < last_index());
  }

  // The highest index of an answer.
  int32_t last_index() const {
    int32_t last = 0;
    for (int v = 0; v < kVecs; ++v) {
      T lanes[Vec<T>::kWidth], answers[Vec<T>::kWidth];
      index[v].store(lanes);
      dist2[v].store(answers);
      for (int i = 0; i < Vec<T>::kWidth; ++i) {
        const int32_t mine = from_lane(lanes[i]);
        last = answers[i] >= 0 && mine > last ? mine : last;
      }
    }
    return last;
  }

  // Looks at all targets of a block.
  void look(const T* block) {
    Vec<T> least[kVecs], where[kVecs];
    for (int v = 0; v < kVecs; ++v) {
      least[v] = Vec<T>::fill(__builtin_inf());
      where[v] = Vec<T>::fill(to_lane<T>(kNoIndex));
    }
    for (int j = 0; j < kBlock; ++j) {
      const Vec<T> x = Vec<T>::fill(block[j]), y = Vec<T>::fill(block[kBlock + j]);
      const Vec<T> z = Vec<T>::fill(block[2 * kBlock + j]), original = Vec<T>::fill(block[3 * kBlock + j]);
      for (int v = 0; v < kVecs; ++v) {
        const Vec<T> d = distance2<T>(at[v][0] - x, at[v][1] - y, at[v][2] - z);
        where[v] = select(less(d, least[v]), original, where[v]);
        least[v] = Vec<T>::min(d, least[v]);  // NaN gives `least`
      }
    }
    uint32_t changed = 0;
    Vec<T> farthest = Vec<T>::fill(-1);
    for (int v = 0; v < kVecs; ++v) {
      if (const uint32_t ties = bits(equal(least[v], dist2[v]))) where[v] = lower_index(ties, where[v], index[v]);
      const auto closer = less_equal(least[v], dist2[v]);
      changed |= bits(closer);
      index[v] = select(closer, where[v], index[v]);
      dist2[v] = Vec<T>::min(least[v], dist2[v]);
      farthest = Vec<T>::max(dist2[v], farthest);
    }
    if (changed) bound = farthest.reduce_max();
  }

  // Writes the answers of the queries, which are those of `block`. One whose distances all overflow gets `lowest`.
  void write(const T* block, int32_t lowest, T* out_dist2, int64_t* out_index) const {
    T found[kBlock], indices[kBlock];
    for (int v = 0; v < kVecs; ++v) {
      dist2[v].store(found + v * Vec<T>::kWidth);
      index[v].store(indices + v * Vec<T>::kWidth);
    }
    for (int i = 0; i < kBlock; ++i) {
      const int32_t row = from_lane(block[3 * kBlock + i]);
      if (row == kNoIndex) break;
      const int32_t nearest = from_lane(indices[i]);
      const bool overflows = nearest == kNoIndex;
      out_dist2[row] = overflows ? T(__builtin_inf()) : found[i];
      out_index[row] = overflows ? lowest : nearest;
    }
  }

  static Vec<T> lower_index(uint32_t ties, Vec<T> where, Vec<T> index) {
    T theirs[Vec<T>::kWidth], mine[Vec<T>::kWidth];
    where.store(theirs);
    index.store(mine);
    for (; ties; ties &= ties - 1) {
      const int lane = __builtin_ctz(ties);
      if (from_lane(mine[lane]) < from_lane(theirs[lane])) theirs[lane] = mine[lane];
    }
    return Vec<T>::load(theirs);
  }
};

template <typename T>
struct NearBox {
  T dist2;
  int32_t i;  // in its group
};

template <typename T>
struct NearGroup {
  T dist2;
  int32_t level;  // of the group
  int32_t least;
  int64_t number;
};

// How many members the groups of each level have together, and the lowest index of all.
template <typename T>
struct Members {
  int64_t of_level[IndexLayout::kMaxLevels];
  int32_t lowest = kNoIndex;
  explicit Members(const BlockTree<T>& tree) {
    int64_t members = (*tree.count + kBlock - 1) / kBlock;
    for (int level = 0; level < tree.layout.levels; ++level) {
      of_level[level] = members;
      members = (members + kFan - 1) / kFan;
    }
    const int top = tree.layout.levels - 1;
    const int32_t* least = tree.least + tree.layout.level_begin[top] * kFan;
    for (int64_t i = 0; i < of_level[top]; ++i) lowest = least[i] < lowest ? least[i] : lowest;
  }
};

// The block whose box's centre is near that of the queries: in each group, the way to the nearest centre.
template <typename T>
int64_t nearest_centre(const BlockTree<T>& targets, const Members<T>& members, const QueryBlock<T>& queries) {
  Vec<T> low[3], high[3];
  queries.box(low, high);
  int64_t number = 0;
  for (int level = targets.layout.levels - 1; level >= 0; --level) {
    const int64_t group = targets.layout.level_begin[level] + number;
    const T* boxes = targets.boxes + group * 6 * kFan;
    const Vec<T> count = Vec<T>::fill(T(members.of_level[level] - number * kFan)), inf = Vec<T>::fill(__builtin_inf());
    Vec<T> least = inf, where = Vec<T>::fill(0);
    for (int i = 0; i < kFan; i += Vec<T>::kWidth) {
      Vec<T> d[3];
      for (int a = 0; a < 3; ++a) {
        d[a] = (Vec<T>::load(boxes + a * kFan + i) - high[a]) - (low[a] - Vec<T>::load(boxes + (a + 3) * kFan + i));
      }
      const Vec<T> ramp = Vec<T>::load(kRamp<T>.value + i);
      const Vec<T> from = Vec<T>::where_less(ramp, count, distance2<T>(d[0], d[1], d[2]), inf);
      where = Vec<T>::where_less(from, least, ramp, where);
      least = Vec<T>::min(from, least);
    }
    const Vec<T> all = Vec<T>::fill(least.reduce_min());
    number = number * kFan + int64_t(select(equal(least, all), where, Vec<T>::fill(kFan - 1)).reduce_min());
  }
  return number;
}

// Depth first, nearest box first, after a look at the block with the nearest centre, which leaves little to search.
template <typename T>
void search_blocks(const BlockTree<T>& targets, const Members<T>& members, QueryBlock<T>& queries) {
  const auto block = [&](int64_t number) { return targets.blocks + number * kBlockRows * kBlock; };
  const int64_t first = nearest_centre(targets, members, queries);
  queries.look(block(first));
  Vec<T> low[3], high[3];
  queries.box(low, high);
  NearGroup<T> stack[IndexLayout::kMaxLevels * kFan];
  stack[0] = {0, targets.layout.levels - 1, -1, 0};
  for (int size = 1; size > 0;) {
    const NearGroup<T> visit = stack[--size];
    if (visit.dist2 > queries.bound) continue;
    const int64_t group = targets.layout.level_begin[visit.level] + visit.number;
    if (visit.level + 1 < targets.layout.levels) {
      const int64_t parent = targets.layout.level_begin[visit.level + 1] + visit.number / kFan;
      if (!queries.admits(targets.boxes + parent * 6 * kFan + visit.number % kFan, visit.least)) continue;
    }
    const T* boxes = targets.boxes + group * 6 * kFan;
    const int32_t* least = targets.least + group * kFan;
    const int64_t begin = visit.number * kFan, count = members.of_level[visit.level] - begin;
    T d[kFan];
    uint32_t near = near_boxes(boxes, low, high, queries.bound, d);
    if (count < kFan) near &= (uint32_t(1) << count) - 1;
    if (visit.level == 0 && first / kFan == visit.number) near &= ~(uint32_t(1) << first % kFan);
    NearBox<T> order[kFan];
    int found = 0;
    for (; near; near &= near - 1) {
      const int i = __builtin_ctz(near);
      int place = found++;
      for (; place > 0 && d[i] < order[place - 1].dist2; --place) order[place] = order[place - 1];
      order[place] = {d[i], i};
    }
    if (visit.level > 0) {
      while (found > 0) {
        const NearBox<T> next = order[--found];
        stack[size++] = {next.dist2, visit.level - 1, least[next.i], begin + next.i};
      }
      continue;
    }
    for (int n = 0; n < found && order[n].dist2 <= queries.bound; ++n) {
      const int i = order[n].i;
      if (!queries.admits(boxes + i, least[i])) continue;
      queries.look(block(begin + i));
    }
  }
}

template <typename T>
void nearest_of_blocks(const BlockTree<T>& queries, const BlockTree<T>& targets, int64_t first, int64_t last, T* dist2,
                       int64_t* index) {
  const Members<T> members(targets);
  QueryBlock<T> block;
  for (int64_t number = first; number < last; ++number) {
    const T* points = queries.blocks + number * kBlockRows * kBlock;
    block.start(points, queries.boxes + number / kFan * 6 * kFan + number % kFan);
    search_blocks(targets, members, block);
    block.write(points, members.lowest, dist2, index);
  }
}

}  // namespace
