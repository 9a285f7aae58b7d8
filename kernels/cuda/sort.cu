#include "kernels/cuda/sort.cuh"

#ifdef PCGEN_CUDA_ON_CPU
#include <algorithm>
#include <numeric>
#include <vector>
#else
#include <cub/device/device_radix_sort.cuh>
#endif

namespace pcgen {
namespace {

#ifdef PCGEN_CUDA_ON_CPU

cudaError_t sort(void* temporary, size_t& bytes, const SortPairs& pairs, cudaStream_t) {
  if (!temporary) return bytes = 1, cudaSuccess;
  std::vector<int64_t> order(pairs.count);
  std::iota(order.begin(), order.end(), int64_t(0));
  const auto less = [&](int64_t a, int64_t b) { return pairs.keys[a] < pairs.keys[b]; };
  std::stable_sort(order.begin(), order.end(), less);
  for (int64_t i = 0; i < pairs.count; ++i) {
    pairs.sorted_keys[i] = pairs.keys[order[i]];
    pairs.sorted_values[i] = pairs.values[order[i]];
  }
  return cudaSuccess;
}

#else

cudaError_t sort(void* temporary, size_t& bytes, const SortPairs& pairs, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairs(temporary, bytes, pairs.keys, pairs.sorted_keys, pairs.values,
                                         pairs.sorted_values, pairs.count, 0, pairs.key_bits, stream);
}

#endif

}  // namespace

SortPairs::SortPairs(Scratch& scratch, int64_t count, int key_bits)
    : count(count),
      key_bits(key_bits),
      keys(scratch.take<uint64_t>(count)),
      sorted_keys(scratch.take<uint64_t>(count)),
      values(scratch.take<int64_t>(count)),
      sorted_values(scratch.take<int64_t>(count)),
      temporary(nullptr) {
  size_t bytes = 0;
  sort(nullptr, bytes, *this, nullptr);
  temporary_bytes = int64_t(bytes);
  temporary = scratch.take<char>(temporary_bytes);
}

cudaError_t sort_pairs(const SortPairs& pairs, cudaStream_t stream) {
  if (pairs.count == 0) return cudaSuccess;
  size_t bytes = size_t(pairs.temporary_bytes);
  return sort(pairs.temporary, bytes, pairs, stream);
}

}  // namespace pcgen
