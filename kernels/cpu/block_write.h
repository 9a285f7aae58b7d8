// Writing the blocks of a tree, for the instruction set this file is compiled for.
#pragma once

#include "kernels/cpu/block_tree.h"
#include "kernels/cpu/leaf_rows.h"

namespace {

template <typename T>
void write_block(const pcgen::Segment<T>& segment, const pcgen::BlockTree<T>& out) {
  using pcgen::kBlock, pcgen::kBlockRows, pcgen::kFan;
  const int64_t number = segment.place / kBlock;
  T* block = out.blocks + number * kBlockRows * kBlock;
  T* box = out.boxes + number / kFan * 6 * kFan + number % kFan;
  for (int row = 0; row < kBlockRows; ++row) {
    const T padding = row < 3 ? T(__builtin_nan("")) : to_lane<T>(pcgen::kNoIndex);
    write_row(segment.points + row * segment.stride, segment.count, kBlock, padding, block + row * kBlock);
  }
  for (int a = 0; a < 3; ++a) row_range(block + a * kBlock, kBlock, box + a * kFan, box + (a + 3) * kFan);
  out.least[number] = from_lane(block[3 * kBlock]);
}

}  // namespace
