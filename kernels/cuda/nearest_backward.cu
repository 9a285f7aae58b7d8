// Every point of x pulls on its nearest point of y. Sorted by target, the pulls on one target lie side by side in the
// order of x, and are added in that order: no atomics, and the CPU's result.
#include "kernels/cuda/nearest_backward.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 256;
constexpr int kAlone = 8;  // pulls that a thread adds by itself; more are loaded by its whole warp

template <typename T>
__global__ void __launch_bounds__(kThreads)
    pull(BackwardPlan plan, const T* grad, const T* x, const T* y, const int64_t* index, T* grad_x) {
  const int64_t points = plan.batch * plan.n;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < points; i += int64_t(gridDim.x) * kThreads) {
    const int64_t pair = i / plan.n, target = index[i];
    const bool found = target >= 0 && target < plan.m;
    for (int axis = 0; axis < plan.dim; ++axis) {
      grad_x[i * plan.dim + axis] =
          found ? 2 * grad[i] * (x[i * plan.dim + axis] - y[(pair * plan.m + target) * plan.dim + axis]) : T(0);
    }
    plan.pairs.keys[i] = uint64_t(pair * (plan.m + 1) + (found ? target : plan.m));
    plan.pairs.values[i] = i;
  }
}

// Where the first key that is not less would be.
__device__ inline int64_t lower_bound(const uint64_t* keys, int64_t count, uint64_t key) {
  int64_t first = 0;
  while (count > 0) {
    const int64_t half = count / 2;
    const bool less = keys[first + half] < key;
    first = less ? first + half + 1 : first;
    count = less ? count - half - 1 : half;
  }
  return first;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) add_pulls(BackwardPlan plan, const T* grad_x, T* grad_y) {
  const int64_t targets = plan.batch * plan.m, total = plan.pairs.count;
  const uint64_t* keys = plan.pairs.sorted_keys;
  const int64_t* values = plan.pairs.sorted_values;
  const int64_t warps = int64_t(gridDim.x) * (kThreads / kWarp);
  for (int64_t first = (int64_t(blockIdx.x) * (kThreads / kWarp) + warp_id()) * kWarp; first < targets;
       first += warps * kWarp) {
    const int64_t j = first + lane_id();
    const uint64_t key = uint64_t(j / plan.m * (plan.m + 1) + j % plan.m);
    const int64_t begin = j < targets ? lower_bound(keys, total, key) : total;
    const bool many = begin + kAlone < total && keys[begin + kAlone] == key;
    if (j < targets && !many) {
      for (int axis = 0; axis < plan.dim; ++axis) {
        T sum = 0;
        for (int64_t p = begin; p < total && keys[p] == key; ++p) sum -= grad_x[values[p] * plan.dim + axis];
        grad_y[j * plan.dim + axis] = sum;
      }
    }
    for (unsigned left = __ballot_sync(kAllLanes, many); left; left &= left - 1) {
      const int leader = __ffs(int(left)) - 1;
      const uint64_t its_key = __shfl_sync(kAllLanes, key, leader);
      const int64_t its_begin = __shfl_sync(kAllLanes, begin, leader);
      for (int axis = 0; axis < plan.dim; ++axis) {
        T sum = 0;
        unsigned here = kAllLanes;
        for (int64_t p = its_begin + lane_id(); here == kAllLanes; p += kWarp) {
          const bool belongs = p < total && keys[p] == its_key;
          const T mine = belongs ? grad_x[values[p] * plan.dim + axis] : T(0);
          here = __ballot_sync(kAllLanes, belongs);
          for (int lane = 0; lane < __popc(here); ++lane) sum -= __shfl_sync(kAllLanes, mine, lane);
        }
        if (lane_id() == leader) grad_y[j * plan.dim + axis] = sum;
      }
    }
  }
}

}  // namespace

template <typename T>
cudaError_t launch_nearest_backward(const BackwardPlan& plan, const T* grad, const T* x, const T* y,
                                    const int64_t* index, T* grad_x, T* grad_y, cudaStream_t stream) {
  const auto shape = [&](int64_t tasks) { return LaunchShape{(tasks + kThreads - 1) / kThreads, kThreads, stream}; };
  cudaError_t status = cudaSuccess;
  if (plan.pairs.count > 0) {
    status = PCGEN_LAUNCH(pull<T>, shape(plan.pairs.count), plan, grad, x, y, index, grad_x);
    if (status == cudaSuccess) status = sort_pairs(plan.pairs, stream);
  }
  const int64_t targets = plan.batch * plan.m;
  if (status != cudaSuccess || targets == 0) return status;
  return PCGEN_LAUNCH(add_pulls<T>, shape(targets), plan, grad_x, grad_y);
}

#define PCGEN_INSTANTIATE(T)                                                                                          \
  template cudaError_t launch_nearest_backward(const BackwardPlan&, const T*, const T*, const T*, const int64_t*, T*, \
                                               T*, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
