// Batches of clouds as the kernels see them, and which of their points take part.
#pragma once

#include "kernels/cuda/device.cuh"

namespace pcgen {

constexpr int kMaxDim = 16;

template <typename T>
struct DeviceClouds {
  const T* points;         // [batch, n, dim]
  const int64_t* lengths;  // [batch] or nullptr
  int64_t n;
  int dim;

  __device__ int64_t count(int64_t cloud) const {
    if (!lengths) return n;
    const int64_t length = lengths[cloud];
    return length < 0 ? 0 : length < n ? length : n;
  }
};

// Coordinates of one point. kDim is the dimension, or kMaxDim where it is only known at run time.
template <typename T, int kDim>
struct alignas(4 * sizeof(T)) Point {
  static constexpr int kStored = kDim == 3 ? 4 : kDim;
  T at[kStored];
};

template <int kDim>
__device__ int dimension(int dim) {
  return kDim == kMaxDim ? dim : kDim;
}

// Point i of a cloud; all coordinates are `filler` unless i < count and all of them are finite. Returns whether so.
template <typename T, int kDim>
__device__ bool load_point(const DeviceClouds<T>& clouds, int64_t cloud, int64_t i, int64_t count, T filler,
                           Point<T, kDim>& point) {
  const int dim = dimension<kDim>(clouds.dim);
  const T* from = clouds.points + (cloud * clouds.n + i) * dim;
  bool valid = i < count;
#pragma unroll
  for (int axis = 0; axis < kDim; ++axis) {
    if (axis < dim) {
      point.at[axis] = valid ? from[axis] : filler;
      valid = valid && isfinite(point.at[axis]);
    }
  }
#pragma unroll
  for (int axis = 0; axis < kDim; ++axis) {
    if (axis < dim && !valid) point.at[axis] = filler;
  }
  return valid;
}

// fma(dz, dz, fma(dy, dy, dx * dx)), and so on: the order of operations of every kernel, here and on the CPU.
template <typename T, int kDim>
__device__ T distance2(const Point<T, kDim>& a, const Point<T, kDim>& b, int dim) {
  const T first = a.at[0] - b.at[0];
  T total = first * first;
#pragma unroll
  for (int axis = 1; axis < kDim; ++axis) {
    if (axis < dimension<kDim>(dim)) {
      const T d = a.at[axis] - b.at[axis];
      total = fused(d, d, total);
    }
  }
  return total;
}

}  // namespace pcgen
