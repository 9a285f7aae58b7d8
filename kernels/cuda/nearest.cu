#include "kernels/cuda/nearest.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kTile = kThreads;  // targets in shared memory
constexpr int64_t kMaxParts = kWarp;
constexpr int64_t kWantedBlocks = 1024;  // fills any GPU of today, with some to spare for balance

// Rows of x that a thread holds in registers.
template <typename T, int kDim>
constexpr int kRows = kDim == kMaxDim  ? 2
                      : sizeof(T) == 8 ? 4
                                       : 8;

// What one part of a cloud knows about the points of the other: the least distance, and in which chunk it is.
template <typename T>
struct Partial {
  T* dist2;        // [batch, parts, n]
  int32_t* chunk;  // [batch, parts, n]
};

template <typename T, int kDim>
struct Shared {
  Point<T, kDim> target[kTile];
  T column[kWarps][kTile];  // least distance of a warp's rows to each target
};

// Row r of this thread. The rows of a warp are consecutive: a chunk.
template <int kRows>
__device__ int64_t row_of(int64_t first, int r) {
  return first + warp_id() * kWarp * kRows + r * kWarp + lane_id();
}

// Each thread holds some rows of x and meets all targets of its part, tile by tile; only minima are kept, because an
// index costs as much as half a distance. It is found afterwards, in the chunk where the minimum fell.
template <typename T, int kDim, bool kBoth>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 8 ? 3 : 4)
    search(DeviceClouds<T> x, DeviceClouds<T> y, NearestPlan plan, Partial<T> of_x, Partial<T> of_y) {
  constexpr int kR = kRows<T, kDim>;
  using Memory = Shared<T, kDim>;
  PCGEN_SHARED(Memory, shared);
  const int64_t tasks = plan.batch * plan.row_parts * plan.target_parts;
  for (int64_t task = blockIdx.x; task < tasks; task += gridDim.x) {
    const int64_t target_part = task % plan.target_parts, row_part = task / plan.target_parts % plan.row_parts;
    const int64_t pair = task / plan.target_parts / plan.row_parts;
    const int64_t x_count = x.count(pair), y_count = y.count(pair);
    const int64_t last_row = min(plan.n, (row_part + 1) * plan.row_size);
    const int64_t last_target = min(plan.m, (target_part + 1) * plan.target_size);
    const int64_t begin = row_part * plan.row_size;
    // At least once: the points of y want to hear that there is no x.
    for (int64_t first_row = begin; first_row == begin || first_row < last_row; first_row += kThreads * kR) {
      Point<T, kDim> row[kR];
      T best[kR];
      int32_t chunk[kR];
#pragma unroll
      for (int r = 0; r < kR; ++r) {
        load_point(x, pair, row_of<kR>(first_row, r), x_count, -infinity<T>(), row[r]);
        best[r] = infinity<T>();
        chunk[r] = 0;
      }
      for (int64_t first = target_part * plan.target_size; first < last_target; first += kTile) {
        load_point(y, pair, first + threadIdx.x, y_count, infinity<T>(), shared.target[threadIdx.x]);
        __syncthreads();
        for (int t = 0; t < kTile; t += kWarp) {
          T before[kR], column = infinity<T>();
#pragma unroll
          for (int r = 0; r < kR; ++r) before[r] = best[r];
#pragma unroll(kDim == 3 ? 4 : 1)
          for (int k = 0; k < kWarp; ++k) {
            const Point<T, kDim> target = shared.target[t + k];
            T least = infinity<T>();
#pragma unroll
            for (int r = 0; r < kR; ++r) {
              const T d = distance2(row[r], target, x.dim);
              best[r] = min(best[r], d);
              if (kBoth) least = min(least, d);
            }
            if (kBoth) {
              least = warp_min(least);
              column = lane_id() == k ? least : column;
            }
          }
          if (kBoth) shared.column[warp_id()][t + lane_id()] = column;
#pragma unroll
          for (int r = 0; r < kR; ++r) chunk[r] = best[r] < before[r] ? int32_t((first + t) / kWarp) : chunk[r];
        }
        __syncthreads();
        if (kBoth && first + threadIdx.x < plan.m) {
          // This block alone writes its part's entries. The first of equal minima stays.
          const int64_t entry = (pair * plan.row_parts + row_part) * plan.m + first + threadIdx.x;
          const bool begins = first_row == begin;
          T least = begins ? infinity<T>() : of_y.dist2[entry];
          int32_t where = begins ? 0 : of_y.chunk[entry];
#pragma unroll
          for (int warp = 0; warp < kWarps; ++warp) {
            const T d = shared.column[warp][threadIdx.x];
            where = d < least ? int32_t(first_row / (kWarp * kR)) + warp : where;
            least = min(least, d);
          }
          of_y.dist2[entry] = least;
          of_y.chunk[entry] = where;
        }
      }
#pragma unroll
      for (int r = 0; r < kR; ++r) {
        const int64_t i = row_of<kR>(first_row, r);
        if (i >= last_row) continue;
        const int64_t entry = (pair * plan.target_parts + target_part) * plan.n + i;
        of_x.dist2[entry] = best[r];
        of_x.chunk[entry] = chunk[r];
      }
    }
  }
}

// One direction's answers.
template <typename T>
struct Side {
  DeviceClouds<T> own, targets;
  Partial<T> partial;
  int parts, chunk_size;
  DeviceNeighbours<T> out;
};

// The lowest target j in [first, last) that a predicate holds for, or -1; for a whole warp.
template <typename Holds>
__device__ int64_t first_that(int64_t first, int64_t last, Holds holds) {
  for (int64_t j = first; j < last; j += kWarp) {
    const unsigned found = __ballot_sync(kAllLanes, j + lane_id() < last && holds(j + lane_id()));
    if (found) return j + __ffs(int(found)) - 1;
  }
  return -1;
}

// A warp merges what the parts know about one point, then looks for the minimum's index in its chunk.
template <typename T, int kDim>
__device__ void finish_point(const Side<T>& side, int64_t pair, int64_t i) {
  const int64_t count = side.targets.count(pair);
  T dist2 = infinity<T>();
  int32_t chunk = 0;
  if (lane_id() < side.parts) {
    const int64_t entry = (pair * side.parts + lane_id()) * side.own.n + i;
    dist2 = side.partial.dist2[entry];
    chunk = side.partial.chunk[entry];
  }
  const T least = warp_min(dist2);
  chunk = __shfl_sync(kAllLanes, chunk, __ffs(int(__ballot_sync(kAllLanes, dist2 == least))) - 1);

  Point<T, kDim> own;
  const bool valid = load_point(side.own, pair, i, side.own.count(pair), T(0), own);
  const auto is_target = [&](int64_t j) {
    Point<T, kDim> target;
    return load_point(side.targets, pair, j, count, T(0), target);
  };
  const auto is_nearest = [&](int64_t j) {
    Point<T, kDim> target;
    return load_point(side.targets, pair, j, count, T(0), target) && distance2(own, target, side.own.dim) == least;
  };
  int64_t index = -1;
  if (valid && least < infinity<T>()) {
    const int64_t first = int64_t(chunk) * side.chunk_size;
    index = first_that(first, min(count, first + side.chunk_size), is_nearest);
  } else if (valid) {
    index = first_that(0, count, is_target);  // so far away that the squared distance overflows
  }
  if (lane_id() == 0) {
    side.out.dist2[pair * side.own.n + i] = valid ? least : not_a_number<T>();
    side.out.index[pair * side.own.n + i] = index;
  }
}

template <typename T, int kDim>
__global__ void __launch_bounds__(kThreads, 1) finish(Side<T> of_x, Side<T> of_y, int64_t batch, bool both) {
  const int64_t x_points = batch * of_x.own.n, points = x_points + (both ? batch * of_y.own.n : 0);
  for (int64_t k = int64_t(blockIdx.x) * kWarps + warp_id(); k < points; k += int64_t(gridDim.x) * kWarps) {
    if (k < x_points) {
      finish_point<T, kDim>(of_x, k / of_x.own.n, k % of_x.own.n);
    } else {
      finish_point<T, kDim>(of_y, (k - x_points) / of_y.own.n, (k - x_points) % of_y.own.n);
    }
  }
}

// The size of equal parts: a multiple of `unit`, never 0.
int64_t part_size(int64_t n, int64_t unit, int64_t parts) {
  const int64_t units = max(int64_t(1), divide_up(n, unit));
  return divide_up(units, max(int64_t(1), min(parts, min(kMaxParts, units)))) * unit;
}

template <typename T, int kDim>
cudaError_t launch(const NearestPlan& plan, const DeviceClouds<T>& x, const DeviceClouds<T>& y, void* workspace,
                   const DeviceNeighbours<T>& of_x, const DeviceNeighbours<T>& of_y, cudaStream_t stream) {
  const int64_t x_entries = plan.batch * plan.n * plan.target_parts;
  T* dist2 = static_cast<T*>(workspace);
  int32_t* chunk = reinterpret_cast<int32_t*>(dist2 + plan.entries());
  const Partial<T> partial_x{dist2, chunk}, partial_y{dist2 + x_entries, chunk + x_entries};
  const LaunchShape shape{plan.batch * plan.row_parts * plan.target_parts, kThreads, stream};
  cudaError_t status = plan.both ? PCGEN_LAUNCH((search<T, kDim, true>), shape, x, y, plan, partial_x, partial_y)
                                 : PCGEN_LAUNCH((search<T, kDim, false>), shape, x, y, plan, partial_x, partial_y);
  if (status != cudaSuccess) return status;
  const Side<T> x_side{x, y, partial_x, int(plan.target_parts), kWarp, of_x};
  const Side<T> y_side{y, x, partial_y, int(plan.row_parts), kWarp * kRows<T, kDim>, of_y};
  const int64_t points = plan.batch * (plan.n + (plan.both ? plan.m : 0));
  return PCGEN_LAUNCH((finish<T, kDim>), {divide_up(points, kWarps), kThreads, stream}, x_side, y_side, plan.batch,
                      plan.both);
}

}  // namespace

NearestPlan::NearestPlan(int64_t batch, int64_t n, int64_t m, int dim, bool both, bool is_double)
    : batch(batch), n(n), m(m), both(both) {
  rows = dim != 3 ? kRows<float, kMaxDim> : is_double ? kRows<double, 3> : kRows<float, 3>;
  const int64_t wanted = divide_up(kWantedBlocks, max(batch, int64_t(1)));
  row_size = part_size(n, kThreads * rows, wanted);
  row_parts = max(int64_t(1), divide_up(n, row_size));
  target_size = part_size(m, kTile, divide_up(wanted, row_parts));
  target_parts = max(int64_t(1), divide_up(m, target_size));
}

template <typename T>
cudaError_t launch_nearest(const NearestPlan& plan, const DeviceClouds<T>& x, const DeviceClouds<T>& y, void* workspace,
                           const DeviceNeighbours<T>& of_x, const DeviceNeighbours<T>& of_y, cudaStream_t stream) {
  if (plan.batch * (plan.n + (plan.both ? plan.m : 0)) == 0) return cudaSuccess;
  return x.dim == 3 ? launch<T, 3>(plan, x, y, workspace, of_x, of_y, stream)
                    : launch<T, kMaxDim>(plan, x, y, workspace, of_x, of_y, stream);
}

#define PCGEN_INSTANTIATE(T)                                                                                     \
  template cudaError_t launch_nearest(const NearestPlan&, const DeviceClouds<T>&, const DeviceClouds<T>&, void*, \
                                      const DeviceNeighbours<T>&, const DeviceNeighbours<T>&, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
