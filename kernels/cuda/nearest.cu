#include <math_constants.h>

#include "kernels/cuda/nearest.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 256;

__device__ float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ double fused(double a, double b, double c) { return __fma_rn(a, b, c); }

template <typename T>
__device__ bool is_finite(T x, T y, T z) {
  return isfinite(x) && isfinite(y) && isfinite(z);
}

// One thread per query; a block walks the targets of its pair in tiles of shared memory.
template <typename T>
__global__ void nearest_kernel(const T* __restrict__ x, const T* __restrict__ y, const int64_t* __restrict__ x_lengths,
                               const int64_t* __restrict__ y_lengths, int64_t batch, int64_t n, int64_t m,
                               T* __restrict__ dist2, int64_t* __restrict__ index) {
  __shared__ T tile[3][kThreads];
  const int64_t blocks_per_pair = (n + kThreads - 1) / kThreads;
  for (int64_t block = blockIdx.x; block < batch * blocks_per_pair; block += gridDim.x) {
    const int64_t pair = block / blocks_per_pair;
    const int64_t i = block % blocks_per_pair * kThreads + threadIdx.x;
    const int64_t count = y_lengths ? min(max(y_lengths[pair], int64_t(0)), m) : m;
    T q[3] = {0, 0, 0};
    if (i < n) {
      for (int axis = 0; axis < 3; ++axis) q[axis] = x[(pair * n + i) * 3 + axis];
    }
    T best = CUDART_INF_F;
    int64_t best_index = -1;
    for (int64_t first = 0; first < count; first += kThreads) {
      const int64_t j = first + threadIdx.x;
      for (int axis = 0; axis < 3; ++axis) tile[axis][threadIdx.x] = j < count ? y[(pair * m + j) * 3 + axis] : T(0);
      __syncthreads();
      const int size = int(min(int64_t(kThreads), count - first));
      for (int t = 0; t < size; ++t) {
        const T dx = q[0] - tile[0][t], dy = q[1] - tile[1][t], dz = q[2] - tile[2][t];
        const T d = fused(dz, dz, fused(dy, dy, dx * dx));
        if ((best_index < 0 || d < best) && is_finite(tile[0][t], tile[1][t], tile[2][t])) {
          best = d;
          best_index = first + t;
        }
      }
      __syncthreads();
    }
    if (i < n) {
      const bool valid = is_finite(q[0], q[1], q[2]) && (!x_lengths || i < x_lengths[pair]);
      dist2[pair * n + i] = valid ? best : T(CUDART_NAN_F);
      index[pair * n + i] = valid ? best_index : -1;
    }
  }
}

}  // namespace

template <typename T>
cudaError_t launch_nearest(const T* x, const T* y, const int64_t* x_lengths, const int64_t* y_lengths, int64_t batch,
                           int64_t n, int64_t m, T* dist2, int64_t* index, cudaStream_t stream) {
  const int64_t blocks = batch * ((n + kThreads - 1) / kThreads);
  if (blocks == 0) return cudaSuccess;
  const unsigned grid = unsigned(blocks < 0x7fffffff ? blocks : 0x7fffffff);
  nearest_kernel<<<grid, kThreads, 0, stream>>>(x, y, x_lengths, y_lengths, batch, n, m, dist2, index);
  return cudaGetLastError();
}

template cudaError_t launch_nearest(const float*, const float*, const int64_t*, const int64_t*, int64_t, int64_t,
                                    int64_t, float*, int64_t*, cudaStream_t);
template cudaError_t launch_nearest(const double*, const double*, const int64_t*, const int64_t*, int64_t, int64_t,
                                    int64_t, double*, int64_t*, cudaStream_t);

}  // namespace pcgen
