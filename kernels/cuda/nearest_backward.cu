// Every point of x pulls on its nearest point of y. The pulls on one target are arranged side by side in the order of x
// and added in that order: no atomics, and the CPU's result. Small clouds are arranged in shared memory, a block for
// some targets of a cloud; large ones by one sort of all points.
#include "kernels/cuda/nearest_backward.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 256;
constexpr int kAlone = 8;    // pulls that a thread adds by itself; more are loaded by its whole warp
constexpr int kSlice = 512;  // targets of a block, one for each of its threads
constexpr int kSliceWarps = kSlice / kWarp;

// Writes the pull on point i, numbered through all clouds; 0 without a target.
template <typename T>
__device__ void write_pull(const BackwardPlan& plan, const T* grad, const T* x, const T* y, int64_t target, int64_t i,
                           T* grad_x) {
  const bool found = target >= 0 && target < plan.m;
  for (int axis = 0; axis < plan.dim; ++axis) {
    grad_x[i * plan.dim + axis] =
        found ? 2 * grad[i] * (x[i * plan.dim + axis] - y[(i / plan.n * plan.m + target) * plan.dim + axis]) : T(0);
  }
}

// Adds the pulls on each lane's target, in order: those of the points point_at(begin) ... point_at(end - 1). Lanes
// without a target have no sum.
template <typename T, typename PointAt>
__device__ void add_pulls(int dim, int64_t begin, int64_t end, PointAt point_at, const T* grad_x, T* sum) {
  const bool many = end - begin > kAlone;
  for (int axis = 0; sum && !many && axis < dim; ++axis) {
    T total = 0;
    for (int64_t p = begin; p < end; ++p) total -= grad_x[point_at(p) * dim + axis];
    sum[axis] = total;
  }
  for (unsigned left = __ballot_sync(kAllLanes, many); left; left &= left - 1) {
    const int leader = __ffs(int(left)) - 1;
    const int64_t its_begin = __shfl_sync(kAllLanes, begin, leader), its_end = __shfl_sync(kAllLanes, end, leader);
    for (int axis = 0; axis < dim; ++axis) {
      T total = 0;
      for (int64_t first = its_begin; first < its_end; first += kWarp) {
        const int64_t p = first + lane_id();
        const T mine = p < its_end ? grad_x[point_at(p) * dim + axis] : T(0);
        const int here = int(min(its_end - first, int64_t(kWarp)));
        for (int lane = 0; lane < here; ++lane) total -= __shfl_sync(kAllLanes, mine, lane);
      }
      if (lane_id() == leader) sum[axis] = total;
    }
  }
}

// --- small clouds ---------------------------------------------------------------------------------------------------

// The points whose targets are in a slice, arranged by target: a counting sort in which every warp counts for itself.
struct Slice {
  uint16_t place[kSliceWarps][kSlice];  // how many points of a warp have a target; then where the next of them goes
  uint16_t point[BackwardPlan::kSortFrom];
  int of_warp[kSliceWarps];

  // The sum of what the threads before this one bring.
  __device__ int sum_before(int mine) {
    int sum = mine;
    for (int lanes = 1; lanes < kWarp; lanes *= 2) {
      const int other = __shfl_up_sync(kAllLanes, sum, lanes);
      sum += lane_id() >= lanes ? other : 0;
    }
    if (lane_id() == kWarp - 1) of_warp[warp_id()] = sum;
    __syncthreads();
    for (int warp = 0; warp < warp_id(); ++warp) sum += of_warp[warp];
    return sum - mine;
  }
};

template <typename T>
__global__ void __launch_bounds__(kSlice)
    pull_slices(BackwardPlan plan, const T* grad, const T* x, const T* y, const int64_t* index, T* grad_x, T* grad_y) {
  PCGEN_SHARED(Slice, slice);
  const int64_t slices = max(divide_up(plan.m, kSlice), int64_t(1));
  for (int64_t task = blockIdx.x; task < plan.batch * slices; task += gridDim.x) {
    const int64_t pair = task / slices, first = task % slices * kSlice;
    // Calls visit(i, target, place) for the points of this warp's share; the place is -1 for targets of other slices.
    const auto in_order = [&](auto visit) {
      const int64_t share = divide_up(plan.n, kSlice) * kWarp, begin = warp_id() * share;
      for (int64_t i = begin + lane_id(); i < begin + share; i += kWarp) {
        const int64_t target = i < plan.n ? index[pair * plan.n + i] : -1;
        const bool ours = target >= first && target < min(first + kSlice, plan.m);
        const int t = ours ? int(target - first) : kSlice;
        const unsigned equal = __match_any_sync(kAllLanes, t);
        const int before = ours ? slice.place[warp_id()][t] : 0, rank = __popc(equal & ((1u << lane_id()) - 1));
        __syncwarp();
        if (ours && rank == 0) slice.place[warp_id()][t] = uint16_t(before + __popc(equal));
        __syncwarp();
        if (i < plan.n) visit(i, target, ours ? before + rank : -1);
      }
    };
    for (int warp = 0; warp < kSliceWarps; ++warp) slice.place[warp][threadIdx.x] = 0;
    __syncthreads();
    in_order([&](int64_t i, int64_t target, int place) {
      const bool nobodys = target < 0 || target >= plan.m;
      if (place >= 0 || (first == 0 && nobodys)) write_pull(plan, grad, x, y, target, pair * plan.n + i, grad_x);
    });
    __syncthreads();
    int count = 0;
    for (int warp = 0; warp < kSliceWarps; ++warp) count += slice.place[warp][threadIdx.x];
    const int begin = slice.sum_before(count);
    int place = begin;
    for (int warp = 0; warp < kSliceWarps; ++warp) {
      const int of_warp = slice.place[warp][threadIdx.x];
      slice.place[warp][threadIdx.x] = uint16_t(place);
      place += of_warp;
    }
    __syncthreads();
    in_order([&](int64_t i, int64_t, int place) {
      if (place >= 0) slice.point[place] = uint16_t(i);
    });
    __syncthreads();
    const int64_t j = first + threadIdx.x;
    add_pulls(
        plan.dim, begin, begin + count, [&](int64_t p) { return pair * plan.n + slice.point[p]; }, grad_x,
        j < plan.m ? grad_y + (pair * plan.m + j) * plan.dim : nullptr);
  }
}

// --- large clouds ---------------------------------------------------------------------------------------------------

template <typename T>
__global__ void __launch_bounds__(kThreads, 1)
    pull(BackwardPlan plan, const T* grad, const T* x, const T* y, const int64_t* index, T* grad_x) {
  const int64_t points = plan.batch * plan.n;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < points; i += int64_t(gridDim.x) * kThreads) {
    const int64_t target = index[i];
    write_pull(plan, grad, x, y, target, i, grad_x);
    const bool nobodys = target < 0 || target >= plan.m;
    plan.pairs.keys[i] = uint64_t(i / plan.n * (plan.m + 1) + (nobodys ? plan.m : target));
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
__global__ void __launch_bounds__(kThreads) add_sorted(BackwardPlan plan, const T* grad_x, T* grad_y) {
  const int64_t targets = plan.batch * plan.m, total = plan.pairs.count;
  const int64_t warps = int64_t(gridDim.x) * (kThreads / kWarp);
  for (int64_t first = (int64_t(blockIdx.x) * (kThreads / kWarp) + warp_id()) * kWarp; first < targets;
       first += warps * kWarp) {
    const int64_t j = first + lane_id();
    const uint64_t key = uint64_t(j / plan.m * (plan.m + 1) + j % plan.m);
    const int64_t begin = j < targets ? lower_bound(plan.pairs.sorted_keys, total, key) : 0;
    const int64_t end = j < targets ? lower_bound(plan.pairs.sorted_keys, total, key + 1) : 0;
    add_pulls(
        plan.dim, begin, end, [&](int64_t p) { return plan.pairs.sorted_values[p]; }, grad_x,
        j < targets ? grad_y + j * plan.dim : nullptr);
  }
}

}  // namespace

template <typename T>
cudaError_t launch_nearest_backward(const BackwardPlan& plan, const T* grad, const T* x, const T* y,
                                    const int64_t* index, T* grad_x, T* grad_y, cudaStream_t stream) {
  const auto shape = [&](int64_t tasks) { return LaunchShape{divide_up(tasks, kThreads), kThreads, stream}; };
  const int64_t targets = plan.batch * plan.m;
  if (plan.batch * (plan.n + plan.m) == 0) return cudaSuccess;
  if (!plan.sorts()) {
    const int64_t blocks = plan.batch * max(divide_up(plan.m, kSlice), int64_t(1));
    return PCGEN_LAUNCH(pull_slices<T>, {blocks, kSlice, stream}, plan, grad, x, y, index, grad_x, grad_y);
  }
  cudaError_t status = PCGEN_LAUNCH(pull<T>, shape(plan.pairs.count), plan, grad, x, y, index, grad_x);
  if (status == cudaSuccess) status = sort_pairs(plan.pairs, stream);
  if (status != cudaSuccess || targets == 0) return status;
  return PCGEN_LAUNCH(add_sorted<T>, shape(targets), plan, grad_x, grad_y);
}

#define PCGEN_INSTANTIATE(T)                                                                                          \
  template cudaError_t launch_nearest_backward(const BackwardPlan&, const T*, const T*, const T*, const int64_t*, T*, \
                                               T*, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
