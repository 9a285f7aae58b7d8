// The upper levels of an index.
#pragma once

#include <algorithm>

#include "kernels/cpu/spatial_index.h"

namespace pcgen {

// Joins the boxes of level 0, of which the first `members` are in use, to those of the levels above.
template <typename T>
void join_boxes(const IndexLayout& layout, int64_t members,
                T* all_boxes,  // [groups, 6, kFan]
                int32_t* all_least) {
  for (int level = 1; level < layout.levels; ++level) {
    const int64_t begin = layout.level_begin[level], below = layout.level_begin[level - 1];
    for (int64_t place = 0; place * kFan < members; ++place) {
      T* box = all_boxes + (begin + place / kFan) * 6 * kFan + place % kFan;
      const T* boxes = all_boxes + (below + place) * 6 * kFan;
      const int64_t count = std::min(kFan, members - place * kFan);
      for (int a = 0; a < 3; ++a) {
        box[a * kFan] = *std::min_element(boxes + a * kFan, boxes + a * kFan + count);
        box[(a + 3) * kFan] = *std::max_element(boxes + (a + 3) * kFan, boxes + (a + 3) * kFan + count);
      }
      const int32_t* least = all_least + (below + place) * kFan;
      all_least[begin * kFan + place] = *std::min_element(least, least + count);
    }
    members = (members + kFan - 1) / kFan;
  }
}

}  // namespace pcgen
