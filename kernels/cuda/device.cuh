// What the kernels need of the machine. Launches, shared memory, PTX, cluster and warp primitives are reached through
// this file only, so that tests/cuda_on_cpu can run the kernels on a CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef PCGEN_CUDA_ON_CPU
#define PCGEN_NOINLINE
#define PCGEN_HAS_REDUX 1
namespace pcgen {
inline bool use_redux() { return emulation::settings.capability >= 80; }
}  // namespace pcgen
#else
#define PCGEN_NOINLINE __noinline__
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

// A launch configuration; the attributes live as long as this does.
class LaunchConfig {
 public:
  explicit LaunchConfig(const LaunchShape& shape) {
    config_.gridDim = dim3{unsigned(shape.blocks < kMaxGrid ? shape.blocks : kMaxGrid), 1, 1};
    config_.blockDim = dim3{unsigned(shape.threads), 1, 1};
    config_.dynamicSmemBytes = shape.shared;
    config_.stream = shape.stream;
    config_.attrs = attributes_;
    if (shape.cluster > 1) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeClusterDimension;
      attributes_[config_.numAttrs++].val.clusterDim = {unsigned(shape.cluster), 1, 1};
    }
    if (shape.cooperative) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeCooperative;
      attributes_[config_.numAttrs++].val.cooperative = 1;
    }
  }
  LaunchConfig(const LaunchConfig&) = delete;
  const cudaLaunchConfig_t* get() const { return &config_; }

 private:
  cudaLaunchAttribute attributes_[2];
  cudaLaunchConfig_t config_{};
};

// Lifts the limits that a kernel must ask to have lifted.
template <typename Kernel>
cudaError_t prepare(Kernel kernel, const LaunchShape& shape) {
  constexpr size_t kAlwaysAllowed = 48 * 1024;
  constexpr int kPortableCluster = 8;
  cudaError_t status = cudaSuccess;
  if (shape.shared > kAlwaysAllowed) {
    status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared));
  }
  if (status == cudaSuccess && shape.cluster > kPortableCluster) {
    status = cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  }
  return status;
}

template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments... arguments) {
  const cudaError_t status = prepare(kernel, shape);
  if (status != cudaSuccess) return status;
  return cudaLaunchKernelEx(LaunchConfig(shape).get(), kernel, Parameters(arguments)...);
}

// How many clusters of this shape fit on the device at once; 0 if none does.
template <typename Kernel>
int active_clusters(Kernel kernel, const LaunchShape& shape) {
  int clusters = 0;
  if (prepare(kernel, shape) != cudaSuccess) return 0;
  return cudaOccupancyMaxActiveClusters(&clusters, kernel, LaunchConfig(shape).get()) == cudaSuccess ? clusters : 0;
}

// The compute capability that a kernel's code was written for: less than the device's where it was compiled from PTX.
template <typename Kernel>
int code_version(Kernel kernel) {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, kernel) == cudaSuccess ? attributes.ptxVersion : 0;
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

__host__ __device__ constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

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

template <typename T>
__device__ void warp_argmax_by_shuffles(T& value, int32_t& index) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, lanes);
    const int32_t where = __shfl_xor_sync(kAllLanes, index, lanes);
    const bool wins = other > value || (other == value && where < index);
    value = wins ? other : value;
    index = wins ? where : index;
  }
}

// Gives every lane the greatest value of the warp's lanes and the lowest index >= 0 that comes with it.
__device__ inline void warp_argmax(double& value, int32_t& index) { warp_argmax_by_shuffles(value, index); }
__device__ inline void warp_argmax(float& value, int32_t& index) {
#if PCGEN_HAS_REDUX
  if (use_redux()) {
    // Bits in the order of the numbers: negative ones are flipped, positive ones put above them.
    const unsigned bits = __float_as_uint(value), sign = 0x80000000u;
    const unsigned key = bits & sign ? ~bits : bits | sign;
    const unsigned most = __reduce_max_sync(kAllLanes, key);
    index = int32_t(__reduce_min_sync(kAllLanes, key == most ? unsigned(index) : ~0u));
    value = __uint_as_float(most & sign ? most & ~sign : ~most);
    return;
  }
#endif
  warp_argmax_by_shuffles(value, index);
}

// --- blocks that work together --------------------------------------------------------------------------------------

// All threads of a cluster wait for each other; what they wrote to shared memory, their own or a peer's, is seen then.
__device__ inline void cluster_barrier() {
#if defined(PCGEN_CUDA_ON_CPU)
  emulation::wait(emulation::self->block->cluster->barrier, PCGEN_SITE);
#elif __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// Writes to the place that `own` has in the shared memory of another block of the cluster.
template <typename T>
__device__ void store_to_peer(T* own, int block, T value) {
  static_assert(sizeof(T) % 4 == 0);
#if defined(PCGEN_CUDA_ON_CPU)
  *static_cast<T*>(emulation::peer(own, unsigned(block))) = value;
#elif __CUDA_ARCH__ >= 900
  unsigned address;
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(address)
      : "r"(unsigned(__cvta_generic_to_shared(own))), "r"(block));
  const unsigned* words = reinterpret_cast<const unsigned*>(&value);
  for (unsigned i = 0; i < sizeof(T) / 4; ++i) {
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(address + 4 * i), "r"(words[i]) : "memory");
  }
#endif
}

// Blocks of a cooperative launch wait for each other: `arrived` began at 0 and has seen `before` arrivals of `blocks`
// blocks each. What they wrote to global memory is seen then.
__device__ inline void blocks_barrier(unsigned* arrived, unsigned blocks, unsigned before) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(arrived, 1u);
    while (atomicAdd(arrived, 0u) - before * blocks < blocks) {
#if defined(PCGEN_CUDA_ON_CPU)
      emulation::spin(PCGEN_SITE);
#endif
    }
    __threadfence();
  }
  __syncthreads();
}

}  // namespace pcgen
