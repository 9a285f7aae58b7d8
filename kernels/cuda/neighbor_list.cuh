// The k least (distance, index) pairs that a thread has seen.
#pragma once

#include "kernels/cuda/device.cuh"

namespace pcgen {

constexpr int32_t kNoNeighbor = 0x7fffffff;  // greater than every index

// By distance, then by index; false for a NaN.
template <typename T>
__device__ bool is_before(T a, int32_t i, T b, int32_t j) {
  return a < b || (a == b && i < j);
}

// Up to kMost of them, sorted, in registers. The list begins with pairs at `limit`, so nothing farther enters it; with
// k < kMost the first places are taken for ever by -infinity, so that the last one is always the k-th.
template <typename T, int kMost>
struct RegisterList {
  T dist2[kMost];
  int32_t index[kMost];
  int spare;

  __device__ RegisterList(int64_t k, T limit, T*, int64_t*) : spare(kMost - int(k)) {
#pragma unroll
    for (int j = 0; j < kMost; ++j) {
      dist2[j] = j < spare ? -infinity<T>() : limit;
      index[j] = j < spare ? -1 : kNoNeighbor;
    }
  }

  __device__ T worst() const { return dist2[kMost - 1]; }
  __device__ int32_t worst_index() const { return index[kMost - 1]; }

  __device__ void insert(T d, int32_t i) {
    bool before = is_before(d, i, dist2[kMost - 1], index[kMost - 1]);
#pragma unroll
    for (int j = kMost - 1; j > 0; --j) {
      const bool earlier = is_before(d, i, dist2[j - 1], index[j - 1]);
      dist2[j] = earlier ? dist2[j - 1] : before ? d : dist2[j];
      index[j] = earlier ? index[j - 1] : before ? i : index[j];
      before = earlier;
    }
    dist2[0] = before ? d : dist2[0];
    index[0] = before ? i : index[0];
  }

  // Writes k entries: inf and -1 where there are fewer.
  __device__ void write(T* to_dist2, int64_t* to_index) const {
#pragma unroll
    for (int j = 0; j < kMost; ++j) {
      if (j < spare) continue;
      const bool found = index[j] != kNoNeighbor;
      to_dist2[j - spare] = found ? dist2[j] : infinity<T>();
      to_index[j - spare] = found ? index[j] : -1;
    }
  }
};

// Any number of them: a heap, the worst first, where the result will be.
template <typename T>
struct MemoryList {
  int64_t k;
  T* dist2;        // [k]
  int64_t* index;  // [k]

  __device__ MemoryList(int64_t k, T limit, T* dist2, int64_t* index) : k(k), dist2(dist2), index(index) {
    for (int64_t j = 0; j < k; ++j) put(j, limit, kNoNeighbor);
  }

  __device__ T worst() const { return dist2[0]; }
  __device__ int32_t worst_index() const { return int32_t(index[0]); }

  __device__ void insert(T d, int32_t i) {
    if (is_before(d, i, dist2[0], int32_t(index[0]))) sink(k, d, i);
  }

  __device__ void write(T*, int64_t*) {
    for (int64_t left = k - 1; left > 0; --left) {
      const T d = dist2[left];
      const int32_t i = int32_t(index[left]);
      put(left, dist2[0], int32_t(index[0]));
      sink(left, d, i);
    }
    for (int64_t j = 0; j < k; ++j) {
      if (index[j] == kNoNeighbor) {
        dist2[j] = infinity<T>();
        index[j] = -1;
      }
    }
  }

 private:
  __device__ void put(int64_t j, T d, int32_t i) {
    dist2[j] = d;
    index[j] = i;
  }

  // Replaces the first of `count` entries, and restores their order as a heap.
  __device__ void sink(int64_t count, T d, int32_t i) {
    int64_t j = 0;
    while (2 * j + 1 < count) {
      int64_t child = 2 * j + 1;
      const bool right = child + 1 < count &&
                         is_before(dist2[child], int32_t(index[child]), dist2[child + 1], int32_t(index[child + 1]));
      child += right;
      if (!is_before(d, i, dist2[child], int32_t(index[child]))) break;
      put(j, dist2[child], int32_t(index[child]));
      j = child;
    }
    put(j, d, i);
  }
};

// Calls body with the type of list that holds k.
template <typename T, typename Body>
cudaError_t with_list_for(int64_t k, Body body) {
  if (k <= 1) return body.template operator()<RegisterList<T, 1>>();
  if (k <= 8) return body.template operator()<RegisterList<T, 8>>();
  if (k <= 16) return body.template operator()<RegisterList<T, 16>>();
  return body.template operator()<MemoryList<T>>();
}

}  // namespace pcgen
