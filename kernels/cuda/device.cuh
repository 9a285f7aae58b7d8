// What the kernels need of the machine. Launches, shared memory, PTX, cluster and warp primitives are reached through
// this file only, so that tests/cuda_on_cpu can run the kernels on a CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef PCGEN_CUDA_ON_CPU
#define PCGEN_HAS_REDUX 1
namespace pcgen {
inline bool use_redux() { return emulation::settings.capability >= 80; }
}  // namespace pcgen
#else
#if __CUDA_ARCH__ >= 800
#define PCGEN_HAS_REDUX 1
namespace pcgen {
__device__ constexpr bool use_redux() { return true; }
}  // namespace pcgen
#endif
#define PCGEN_SHARED(type, name) __shared__ type name
#define PCGEN_DYNAMIC_SHARED(type, name)                                \
  extern __shared__ __align__(16) unsigned char pcgen_dynamic_shared[]; \
  type* name = reinterpret_cast<type*>(pcgen_dynamic_shared)
#endif

// PCGEN_LAUNCH((kernel<T>), {grid, block, ...}, arguments...) is every launch; it returns a cudaError_t.
#define PCGEN_LAUNCH(kernel, ...) ::pcgen::launch(kernel, __VA_ARGS__)

namespace pcgen {

constexpr unsigned kAllLanes = 0xffffffff;
constexpr int kWarp = 32;
constexpr int64_t kMaxGrid = 0x7fffffff;

struct LaunchShape {
  int64_t blocks;  // more than kMaxGrid are cut: kernels stride over their tasks
  int threads;
  cudaStream_t stream;
  size_t shared = 0;         // bytes of dynamic shared memory
  int cluster = 1;           // blocks of a thread-block cluster (compute capability 9.0)
  bool cooperative = false;  // all blocks run together
};

template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments... arguments) {
  constexpr size_t kAlwaysAllowed = 48 * 1024;
  constexpr int kPortableCluster = 8;
  if (shape.shared > kAlwaysAllowed) {
    const cudaError_t status =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared));
    if (status != cudaSuccess) return status;
  }
  if (shape.cluster > kPortableCluster) {
    const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    if (status != cudaSuccess) return status;
  }
  cudaLaunchAttribute attributes[2];
  cudaLaunchConfig_t config{};
  config.gridDim = dim3{unsigned(shape.blocks < kMaxGrid ? shape.blocks : kMaxGrid), 1, 1};
  config.blockDim = dim3{unsigned(shape.threads), 1, 1};
  config.dynamicSmemBytes = shape.shared;
  config.stream = shape.stream;
  config.attrs = attributes;
  if (shape.cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {unsigned(shape.cluster), 1, 1};
  }
  if (shape.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  }
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

// a * b + c, rounded once.
__device__ inline float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ inline double fused(double a, double b, double c) { return __fma_rn(a, b, c); }

template <typename T>
__host__ __device__ constexpr T infinity() {
  return T(__builtin_huge_val());
}
template <typename T>
__host__ __device__ constexpr T not_a_number() {
  return T(__builtin_nan(""));
}

__device__ inline int lane_id() { return threadIdx.x % kWarp; }
__device__ inline int warp_id() { return threadIdx.x / kWarp; }

template <typename T>
__device__ T warp_min_by_shuffles(T value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value = min(value, __shfl_xor_sync(kAllLanes, value, lanes));
  return value;
}

// The least value of a warp's lanes, all of them >= 0.
__device__ inline double warp_min(double value) { return warp_min_by_shuffles(value); }
__device__ inline float warp_min(float value) {
#if PCGEN_HAS_REDUX
  // Floats >= 0 are ordered as their bits are.
  if (use_redux()) return __uint_as_float(__reduce_min_sync(kAllLanes, __float_as_uint(value)));
#endif
  return warp_min_by_shuffles(value);
}

}  // namespace pcgen
