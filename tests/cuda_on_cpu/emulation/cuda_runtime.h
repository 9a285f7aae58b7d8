// Stands in for CUDA's header of this name when g++ compiles the kernels: the keywords, the built-in variables and
// functions, and the part of the runtime that they use.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "machine.h"

#define PCGEN_CUDA_ON_CPU 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define PCGEN_SITE std::source_location::current()  // as default argument: of the caller

#define threadIdx (::emulation::self->index)
#define blockIdx (::emulation::self->block->index)
inline const dim3& blockDim = emulation::launch.block;
inline const dim3& gridDim = emulation::launch.grid;

// __shared__ type name; the address of `declaration` tells instances of a template apart.
#define PCGEN_SHARED(type, name)          \
  static const char declaration_##name{}; \
  type& name = *static_cast<std::type_identity_t<type>*>(::emulation::shared(&declaration_##name, sizeof(type)))
#define PCGEN_DYNAMIC_SHARED(type, name) \
  type* name = reinterpret_cast<type*>(::emulation::self->block->dynamic_shared.get())

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(32) double4 {
  double x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

using std::isfinite;
using std::max;
using std::min;
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline unsigned __float_as_uint(float a) { return __builtin_bit_cast(unsigned, a); }
inline float __uint_as_float(unsigned a) { return __builtin_bit_cast(float, a); }
inline long long __double_as_longlong(double a) { return __builtin_bit_cast(long long, a); }
inline double __longlong_as_double(long long a) { return __builtin_bit_cast(double, a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __clz(int a) { return a ? __builtin_clz(unsigned(a)) : 32; }

inline void __syncthreads(emulation::Site site = PCGEN_SITE) { emulation::wait(emulation::self->block->barrier, site); }
inline void __threadfence() {}

namespace emulation {

template <typename T>
uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <typename T>
T from_bits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Each lane takes the value of the lane that its argument names.
inline void exchange(Warp& warp, uint32_t mask) {
  for (Thread* lane : warp.lanes) {
    if (!(mask >> lane->lane & 1)) continue;
    if (!(mask >> lane->argument & 1)) fail("a shuffle reads from a lane outside of its mask");
    lane->result = warp.lanes[lane->argument]->value;
  }
}

template <typename T, T (*operation)(T, T)>
void reduce(Warp& warp, uint32_t mask) {
  uint64_t total = 0;
  bool any = false;
  for (const Thread* lane : warp.lanes) {
    if (!(mask >> lane->lane & 1)) continue;
    total = any ? to_bits(operation(from_bits<T>(total), from_bits<T>(lane->value))) : lane->value;
    any = true;
  }
  for (Thread* lane : warp.lanes) {
    if (mask >> lane->lane & 1) lane->result = total;
  }
}

// Each lane takes the lanes that brought the same value.
inline void match(Warp& warp, uint32_t mask) {
  for (Thread* lane : warp.lanes) {
    if (!(mask >> lane->lane & 1)) continue;
    lane->result = 0;
    for (const Thread* other : warp.lanes) {
      if (mask >> other->lane & 1 && other->value == lane->value) lane->result |= 1u << other->lane;
    }
  }
}

template <typename T>
T least(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
T greatest(T a, T b) {
  return a < b ? b : a;
}
template <typename T>
T sum(T a, T b) {
  return a + b;
}
template <typename T>
T either(T a, T b) {
  return a | b;
}

}  // namespace emulation

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, emulation::Site site = PCGEN_SITE) {
  return emulation::from_bits<T>(emulation::warp_collective("__shfl_sync", mask, emulation::to_bits(value), source & 31,
                                                            emulation::exchange, site));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, emulation::Site site = PCGEN_SITE) {
  return emulation::from_bits<T>(emulation::warp_collective("__shfl_xor_sync", mask, emulation::to_bits(value),
                                                            (emulation::self->lane ^ lanes) & 31, emulation::exchange,
                                                            site));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, emulation::Site site = PCGEN_SITE) {
  const unsigned lane = emulation::self->lane;
  return emulation::from_bits<T>(emulation::warp_collective("__shfl_up_sync", mask, emulation::to_bits(value),
                                                            lane >= delta ? lane - delta : lane, emulation::exchange,
                                                            site));
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, emulation::Site site = PCGEN_SITE) {
  const unsigned lane = emulation::self->lane;
  return emulation::from_bits<T>(emulation::warp_collective("__shfl_down_sync", mask, emulation::to_bits(value),
                                                            lane + delta < 32 ? lane + delta : lane,
                                                            emulation::exchange, site));
}
inline unsigned __ballot_sync(unsigned mask, int predicate, emulation::Site site = PCGEN_SITE) {
  const unsigned vote = predicate ? 1u << emulation::self->lane : 0u;
  return unsigned(emulation::warp_collective("__ballot_sync", mask, vote, 0,
                                             emulation::reduce<uint64_t, emulation::either<uint64_t>>, site));
}
inline int __any_sync(unsigned mask, int predicate, emulation::Site site = PCGEN_SITE) {
  return emulation::warp_collective("__any_sync", mask, predicate != 0, 0,
                                    emulation::reduce<uint64_t, emulation::either<uint64_t>>, site) != 0;
}
template <typename T>
unsigned __match_any_sync(unsigned mask, T value, emulation::Site site = PCGEN_SITE) {
  return unsigned(
      emulation::warp_collective("__match_any_sync", mask, emulation::to_bits(value), 0, emulation::match, site));
}
inline void __syncwarp(unsigned mask = 0xffffffff, emulation::Site site = PCGEN_SITE) {
  emulation::warp_collective("__syncwarp", mask, 0, 0, emulation::reduce<uint64_t, emulation::either<uint64_t>>, site);
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value, emulation::Site site = PCGEN_SITE) {
  return unsigned(emulation::warp_collective("__reduce_min_sync", mask, value, 0,
                                             emulation::reduce<unsigned, emulation::least<unsigned>>, site));
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value, emulation::Site site = PCGEN_SITE) {
  return unsigned(emulation::warp_collective("__reduce_max_sync", mask, value, 0,
                                             emulation::reduce<unsigned, emulation::greatest<unsigned>>, site));
}

// One lane runs at a time, so every access is atomic.
template <typename T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return std::exchange(*address, *address + value);
}
template <typename T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return std::exchange(*address, std::min(*address, value));
}
template <typename T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return std::exchange(*address, std::max(*address, value));
}
template <typename T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return std::exchange(*address, value);
}
template <typename T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}

// --- runtime --------------------------------------------------------------------------------------------------------

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess, cudaErrorInvalidConfiguration, cudaErrorCooperativeLaunchTooLarge, cudaErrorKernel };

namespace emulation {
inline std::string last_problem;
}

inline const char* cudaGetErrorString(cudaError_t) { return emulation::last_problem.c_str(); }

enum cudaLaunchAttributeID { cudaLaunchAttributeClusterDimension, cudaLaunchAttributeCooperative };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    dim3 clusterDim;
    int cooperative;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize, cudaFuncAttributeNonPortableClusterSizeAllowed };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrMaxSharedMemoryPerBlockOptin
};

namespace emulation {
inline std::map<std::pair<const void*, int>, int> function_attributes;
inline int most_shared() { return (settings.capability >= 90 ? 227 : 64) * 1024; }  // of a block that asks for it
inline cudaError_t refuse(cudaError_t error, const std::string& problem) {
  last_problem = problem;
  return error;
}
}  // namespace emulation

template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value) {
  emulation::function_attributes[{reinterpret_cast<const void*>(kernel), attribute}] = value;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount      ? emulation::settings.processors
           : attribute == cudaDevAttrComputeCapabilityMajor ? emulation::settings.capability / 10
                                                            : emulation::most_shared();
  return cudaSuccess;
}
struct cudaFuncAttributes {
  int ptxVersion;
};
template <typename... P>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*)(P...)) {
  return attributes->ptxVersion = emulation::settings.built_for, cudaSuccess;
}
template <typename... P>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*)(P...), const cudaLaunchConfig_t*) {
  return *clusters = emulation::settings.capability >= 90, cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
  return std::memset(memory, value, bytes), cudaSuccess;
}

template <typename... P, typename... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...), A&&... arguments) {
  using emulation::refuse;
  emulation::Launch launch{config->gridDim, config->blockDim, config->dynamicSmemBytes};
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    if (config->attrs[i].id == cudaLaunchAttributeCooperative) launch.cooperative = config->attrs[i].val.cooperative;
    if (config->attrs[i].id == cudaLaunchAttributeClusterDimension) launch.cluster = config->attrs[i].val.clusterDim.x;
  }
  const auto attribute = [&](cudaFuncAttribute which) {
    const auto found = emulation::function_attributes.find({reinterpret_cast<const void*>(kernel), which});
    return found == emulation::function_attributes.end() ? 0 : found->second;
  };
  const size_t threads = size_t(launch.block.x) * launch.block.y * launch.block.z;
  const size_t blocks = size_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  const size_t allowed = std::max(48 * 1024, attribute(cudaFuncAttributeMaxDynamicSharedMemorySize));
  if (threads == 0 || threads > 1024 || blocks == 0 || launch.grid.x > 0x7fffffff || launch.grid.y > 0xffff ||
      launch.grid.z > 0xffff || launch.dynamic_bytes > allowed ||
      launch.dynamic_bytes > size_t(emulation::most_shared())) {
    return refuse(cudaErrorInvalidConfiguration, "grid, block or shared memory out of limits");
  }
  const unsigned largest = attribute(cudaFuncAttributeNonPortableClusterSizeAllowed) ? 16 : 8;
  if (launch.cluster > 1 && (min(emulation::settings.capability, emulation::settings.built_for) < 90 ||
                             launch.grid.x % launch.cluster || launch.cluster > largest)) {
    return refuse(cudaErrorInvalidConfiguration, "no such clusters on this device");
  }
  if (launch.cooperative && blocks > size_t(emulation::settings.processors)) {
    return refuse(cudaErrorCooperativeLaunchTooLarge, "more blocks than can run together");
  }
  const std::tuple<P...> values(std::forward<A>(arguments)...);
  const std::string problem = emulation::run(launch, [&] { std::apply(kernel, values); });
  return problem.empty() ? cudaSuccess : refuse(cudaErrorKernel, problem);
}
