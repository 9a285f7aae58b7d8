#include "kernels/cuda/neighbor_list.cuh"
#include "kernels/cuda/spatial.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kStack = IndexLayout::kMaxLevels * int(kFan);

// A box that waits to be visited.
template <typename T>
struct Visit {
  T dist2;        // from the queries' box
  int32_t level;  // of the box; a box of level 0 is a leaf
  int32_t number;
};

template <typename T>
struct alignas(4 * sizeof(T)) LeafPoint {
  T at[3];
  int32_t index;
};

template <typename T>
struct Shared {
  Visit<T> stack[kWarps][kStack];
  LeafPoint<T> leaf[kWarps][kLeaf];
};

template <typename T>
__device__ T squared(T dx, T dy, T dz) {
  return fused(dz, dz, fused(dy, dy, dx * dx));
}

// How far [low, high] is from a box of a group: never more than the distance of any point in it, in floating point too,
// because every rounded operation is monotone.
template <typename T>
__device__ T box_distance2(const T* box, const T* low, const T* high) {
  T d[3];
#pragma unroll
  for (int axis = 0; axis < 3; ++axis) {
    d[axis] = max(max(box[axis * kFan] - high[axis], low[axis] - box[(axis + 3) * kFan]), T(0));
  }
  return squared(d[0], d[1], d[2]);
}

template <typename T>
__device__ T warp_max(T value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value = max(value, __shfl_xor_sync(kAllLanes, value, lanes));
  return value;
}

// A warp answers the queries of one leaf together. They are neighbours, so they mostly visit the same boxes: whether to
// open one is decided for the box around all of them, whether to scan a leaf by each for itself.
template <typename T, typename List>
struct Search {
  const SpatialIndex<T>& targets;
  Visit<T>* stack;
  LeafPoint<T>* leaf;
  List& list;
  bool active;
  T at[3], low[3], high[3];
  int waiting = 0;
  T bound = 0;  // the greatest of the lanes' worst distances

  __device__ Search(const SpatialIndex<T>& targets, Visit<T>* stack, LeafPoint<T>* leaf, List& list, bool active,
                    const T* query)
      : targets(targets), stack(stack), leaf(leaf), list(list), active(active) {
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      at[axis] = query[axis];
      high[axis] = warp_max(active ? query[axis] : -infinity<T>());
      low[axis] = -warp_max(active ? -query[axis] : -infinity<T>());
    }
  }

  __device__ void run() {
    tighten();
    open(targets.layout.levels - 1, 0);
    while (waiting > 0) {
      const Visit<T> visit = stack[--waiting];
      __syncwarp();
      if (!(visit.dist2 <= bound)) continue;
      if (visit.level > 0) {
        open(visit.level - 1, visit.number);
      } else {
        scan(visit.number);
      }
    }
  }

 private:
  __device__ void tighten() { bound = warp_max(active ? list.worst() : -infinity<T>()); }

  // Puts the boxes of a group on the stack, the nearest on top.
  __device__ void open(int level, int64_t number) {
    const int64_t group = targets.layout.level_begin[level] + number;
    T dist2 = infinity<T>();
    bool wanted = false;
    if (lane_id() < kFan) {
      dist2 = box_distance2(targets.boxes + group * 6 * kFan + lane_id(), low, high);
      wanted = dist2 <= bound && targets.least[group * kFan + lane_id()] != kNoIndex;
    }
    int nearer = 0, farther = 0;
    for (int lane = 0; lane < kFan; ++lane) {
      const T other = __shfl_sync(kAllLanes, dist2, lane);
      const bool counts = __shfl_sync(kAllLanes, int(wanted), lane) && lane != lane_id();
      const bool before = other < dist2 || (other == dist2 && lane < lane_id());
      nearer += counts && before;
      farther += counts && !before;
    }
    if (wanted) stack[waiting + farther] = {dist2, level, int32_t(number * kFan + lane_id())};
    waiting += __popc(__ballot_sync(kAllLanes, wanted));
    __syncwarp();
  }

  __device__ void scan(int64_t number) {
    const int64_t slot = number / kFan * 6 * kFan + number % kFan;
    const T nearest = box_distance2(targets.boxes + slot, at, at);
    const bool wanted =
        active && (nearest < list.worst() || (nearest == list.worst() && targets.least[number] < list.worst_index()));
    if (!__any_sync(kAllLanes, wanted)) return;
    const T* planes = targets.leaves + number * 3 * kLeaf + lane_id();
    leaf[lane_id()] = {{planes[0], planes[kLeaf], planes[2 * kLeaf]}, targets.index[number * kLeaf + lane_id()]};
    __syncwarp();
    for (int k = 0; k < kLeaf; ++k) {
      const LeafPoint<T> point = leaf[k];
      const T d = squared(at[0] - point.at[0], at[1] - point.at[1], at[2] - point.at[2]);
      if (wanted && d <= list.worst()) list.insert(d, point.index);
    }
    __syncwarp();
    tighten();
  }
};

template <typename T, typename List>
__global__ void __launch_bounds__(kThreads, 1) search(SpatialIndex<T> queries, SpatialIndex<T> targets, int64_t batch,
                                                      int64_t n, int64_t k, T radius2, DeviceNeighbors<T> out) {
  PCGEN_SHARED(Shared<T>, shared);
  const int64_t leaves = queries.layout.leaves;
  for (int64_t task = int64_t(blockIdx.x) * kWarps + warp_id(); task < batch * leaves;
       task += int64_t(gridDim.x) * kWarps) {
    const int64_t cloud = task / leaves, number = task % leaves;
    const SpatialIndex<T> asking = index_of(queries, cloud), asked = index_of(targets, cloud);
    const int32_t i = asking.index[number * kLeaf + lane_id()];
    const bool active = i != kNoIndex;
    if (!__any_sync(kAllLanes, active)) continue;
    const T* planes = asking.leaves + number * 3 * kLeaf + lane_id();
    const T query[3] = {planes[0], planes[kLeaf], planes[2 * kLeaf]};
    const int64_t row = (cloud * n + (active ? i : 0)) * k;
    List list(active ? k : 0, radius2, out.dist2 + row, out.index + row);
    Search<T, List>(asked, shared.stack[warp_id()], shared.leaf[warp_id()], list, active, query).run();
    if (active) list.write(out.dist2 + row, out.index + row);
  }
}

// What the index of the queries leaves out stays like this.
template <typename T>
__global__ void __launch_bounds__(kThreads) blank(int64_t entries, DeviceNeighbors<T> out) {
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < entries; i += int64_t(gridDim.x) * kThreads) {
    out.dist2[i] = not_a_number<T>();
    out.index[i] = -1;
  }
}

}  // namespace

template <typename T>
cudaError_t launch_knn_indexed(const SpatialIndex<T>& queries, const SpatialIndex<T>& targets, int64_t batch, int64_t n,
                               int64_t k, T radius2, const DeviceNeighbors<T>& out, cudaStream_t stream) {
  const int64_t entries = batch * n * k, warps = batch * queries.layout.leaves;
  if (entries == 0) return cudaSuccess;
  const cudaError_t status =
      PCGEN_LAUNCH(blank<T>, LaunchShape{divide_up(entries, kThreads), kThreads, stream}, entries, out);
  if (status != cudaSuccess) return status;
  const LaunchShape shape{divide_up(warps, kWarps), kThreads, stream};
  return with_list_for<T>(k, [&]<typename List>() {
    return PCGEN_LAUNCH((search<T, List>), shape, queries, targets, batch, n, k, radius2, out);
  });
}

#define PCGEN_INSTANTIATE(T)                                                                                         \
  template cudaError_t launch_knn_indexed(const SpatialIndex<T>&, const SpatialIndex<T>&, int64_t, int64_t, int64_t, \
                                          T, const DeviceNeighbors<T>&, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
