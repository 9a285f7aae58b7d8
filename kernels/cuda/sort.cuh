// Sorting on the device.
#pragma once

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/scratch.cuh"

namespace pcgen {

// Pairs to be sorted by key, and where they go.
struct SortPairs {
  int64_t count;
  int key_bits;  // the higher bits of all keys are 0
  uint64_t *keys, *sorted_keys;
  int64_t *values, *sorted_values;
  char* temporary;
  int64_t temporary_bytes;

  SortPairs(Scratch& scratch, int64_t count, int key_bits);
};

// Equal keys keep their order.
cudaError_t sort_pairs(const SortPairs& pairs, cudaStream_t stream);

// How many bits hold the numbers below n.
constexpr int bits_for(uint64_t n) {
  int bits = 0;
  while (bits < 64 && (n - (n > 0)) >> bits) ++bits;
  return bits;
}

}  // namespace pcgen
