// Writing the leaves of a spatial index, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/leaf_rows.h"
#include "kernels/cpu/spatial_kernels.h"

namespace {

template <typename T>
void write_leaf(const pcgen::Segment<T>& segment, const pcgen::SpatialIndex<T>& out) {
  using pcgen::kFan, pcgen::kLeaf, pcgen::kNoIndex;
  const int64_t number = segment.place / kLeaf;
  T* leaf = out.leaves + number * 3 * kLeaf;
  int32_t* index = out.index + number * kLeaf;
  T* box = out.boxes + number / kFan * 6 * kFan + number % kFan;
  for (int a = 0; a < 3; ++a) {
    T* row = leaf + a * kLeaf;
    write_row(segment.points + a * segment.stride, segment.count, kLeaf, T(__builtin_nan("")), row);
    row_range(row, kLeaf, box + a * kFan, box + (a + 3) * kFan);
  }
  T original[kLeaf];
  write_row(segment.points + 3 * segment.stride, segment.count, kLeaf, to_lane<T>(kNoIndex), original);
  for (int64_t i = 0; i < kLeaf; ++i) index[i] = from_lane(original[i]);
  out.least[number] = index[0];
}

}  // namespace
