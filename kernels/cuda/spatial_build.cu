#include "kernels/cuda/spatial.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxCurveBits = 16;

// A cloud with the corners of a box.
template <typename T>
struct Box {
  T low[3], high[3];

  __device__ static Box nothing() {
    constexpr T inf = infinity<T>();
    return {{inf, inf, inf}, {-inf, -inf, -inf}};
  }
  __device__ void include(const Box& other) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = min(low[axis], other.low[axis]);
      high[axis] = max(high[axis], other.high[axis]);
    }
  }
  // The box of all lanes' boxes.
  __device__ void include_warp() {
    for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
      for (int axis = 0; axis < 3; ++axis) {
        low[axis] = min(low[axis], __shfl_xor_sync(kAllLanes, low[axis], lanes));
        high[axis] = max(high[axis], __shfl_xor_sync(kAllLanes, high[axis], lanes));
      }
    }
  }
};

template <typename T>
__device__ Box<T> box_of(const Point<T, 3>& p) {
  return {{p.at[0], p.at[1], p.at[2]}, {p.at[0], p.at[1], p.at[2]}};
}

// A warp bounds one part of a cloud.
template <typename T>
__global__ void __launch_bounds__(kThreads) find_corners(DeviceClouds<T> clouds, int64_t batch, Box<T>* corners) {
  const int64_t warps = int64_t(gridDim.x) * (kThreads / kWarp);
  for (int64_t part = int64_t(blockIdx.x) * (kThreads / kWarp) + warp_id(); part < batch * IndexPlan::kCurveParts;
       part += warps) {
    const int64_t cloud = part / IndexPlan::kCurveParts, count = clouds.count(cloud);
    Box<T> box = Box<T>::nothing();
    for (int64_t i = part % IndexPlan::kCurveParts * kWarp + lane_id(); i < count;
         i += IndexPlan::kCurveParts * kWarp) {
      Point<T, 3> point;
      if (load_point(clouds, cloud, i, count, T(0), point)) box.include(box_of(point));
    }
    box.include_warp();
    if (lane_id() == 0) corners[part] = box;
  }
}

// Spreads the low 16 bits, two zeros between each.
__device__ inline uint64_t spread(uint64_t a) {
  a = (a | a << 16) & 0x0000ff0000ffull;
  a = (a | a << 8) & 0x00f00f00f00full;
  a = (a | a << 4) & 0x0c30c30c30c3ull;
  return (a | a << 2) & 0x249249249249ull;
}

// Cell of a coordinate among 2^bits.
template <typename T>
__device__ uint64_t cell(T at, T low, T high, int bits) {
  const T cells = T(1 << bits), width = high - low;
  // An extent that overflows, or is 0, puts everything into one cell.
  const T place = width > 0 && width < infinity<T>() ? (at - low) / width * cells : T(0);
  return uint64_t(min(place, cells - 1));
}

// Keys: cloud, then 1 for points that take no part, then the place on the Morton curve of the cloud's box.
template <typename T>
__global__ void __launch_bounds__(kThreads) make_keys(DeviceClouds<T> clouds, IndexPlan plan, const Box<T>* corners) {
  const int64_t blocks_per_cloud = divide_up(plan.n, kThreads);
  for (int64_t task = blockIdx.x; task < plan.batch * blocks_per_cloud; task += gridDim.x) {
    const int64_t cloud = task / blocks_per_cloud, i = task % blocks_per_cloud * kThreads + threadIdx.x;
    const Box<T>* parts = corners + cloud * IndexPlan::kCurveParts;
    Box<T> box = Box<T>::nothing();
    for (int part = lane_id(); part < IndexPlan::kCurveParts; part += kWarp) box.include(parts[part]);
    box.include_warp();
    if (i >= plan.n) continue;
    Point<T, 3> point;
    const bool valid = load_point(clouds, cloud, i, clouds.count(cloud), T(0), point);
    uint64_t place = 0;
    for (int axis = 0; valid && axis < 3; ++axis) {
      place |= spread(cell(point.at[axis], box.low[axis], box.high[axis], plan.curve_bits)) << axis;
    }
    plan.pairs.keys[cloud * plan.n + i] = uint64_t(cloud * 2 + !valid) << (3 * plan.curve_bits) | place;
    plan.pairs.values[cloud * plan.n + i] = i;
  }
}

// A warp writes one leaf, its points in the order of their indices, and its box.
template <typename T>
__global__ void __launch_bounds__(kThreads, 1)
    fill_leaves(DeviceClouds<T> clouds, IndexPlan plan, SpatialIndex<T> out) {
  const int64_t slots = (out.layout.levels > 1 ? out.layout.level_begin[1] : out.layout.groups) * kFan;
  const int64_t warps = int64_t(gridDim.x) * (kThreads / kWarp);
  for (int64_t task = int64_t(blockIdx.x) * (kThreads / kWarp) + warp_id(); task < plan.batch * slots; task += warps) {
    const int64_t cloud = task / slots, leaf = task % slots, place = leaf * kLeaf + lane_id();
    const SpatialIndex<T> mine = index_of(out, cloud);
    int32_t index = kNoIndex;
    Point<T, 3> point{{not_a_number<T>(), not_a_number<T>(), not_a_number<T>(), T(0)}};
    Box<T> box = Box<T>::nothing();
    if (place < plan.n) {
      const uint64_t key = plan.pairs.sorted_keys[cloud * plan.n + place];
      if ((key >> (3 * plan.curve_bits) & 1) == 0) {
        index = int32_t(plan.pairs.sorted_values[cloud * plan.n + place]);
        load_point(clouds, cloud, index, plan.n, T(0), point);
        box = box_of(point);
      }
    }
    int rank = 0, least = index;
    for (int lane = 0; lane < kWarp; ++lane) {
      const int32_t other = __shfl_sync(kAllLanes, index, lane);
      rank += other < index || (other == index && lane < lane_id());
      least = min(least, other);
    }
    box.include_warp();
    if (leaf < out.layout.leaves) {
      for (int axis = 0; axis < 3; ++axis) mine.leaves[(leaf * 3 + axis) * kLeaf + rank] = point.at[axis];
      mine.index[leaf * kLeaf + rank] = index;
    }
    if (lane_id() < 3) {
      T* boxes = mine.boxes + leaf / kFan * 6 * kFan + leaf % kFan;
      boxes[lane_id() * kFan] = box.low[lane_id()];
      boxes[(lane_id() + 3) * kFan] = box.high[lane_id()];
    }
    if (lane_id() == 0) mine.least[leaf] = least;
  }
}

// A thread makes one box of a level from the group below it.
template <typename T>
__global__ void __launch_bounds__(kThreads, 1)
    fill_level(SpatialIndex<T> out, int64_t batch, int level, int64_t below, int64_t slots) {
  for (int64_t task = int64_t(blockIdx.x) * kThreads + threadIdx.x; task < batch * slots;
       task += int64_t(gridDim.x) * kThreads) {
    const SpatialIndex<T> mine = index_of(out, task / slots);
    const int64_t slot = task % slots, group = mine.layout.level_begin[level] + slot / kFan;
    Box<T> box = Box<T>::nothing();
    int32_t least = kNoIndex;
    if (slot < below) {
      const int64_t source = mine.layout.level_begin[level - 1] + slot;
      for (int k = 0; k < kFan; ++k) {
        const T* corner = mine.boxes + source * 6 * kFan + k;
        box.include(
            {{corner[0], corner[kFan], corner[2 * kFan]}, {corner[3 * kFan], corner[4 * kFan], corner[5 * kFan]}});
        least = min(least, mine.least[source * kFan + k]);
      }
    }
    T* corner = mine.boxes + group * 6 * kFan + slot % kFan;
    for (int axis = 0; axis < 3; ++axis) {
      corner[axis * kFan] = box.low[axis];
      corner[(axis + 3) * kFan] = box.high[axis];
    }
    mine.least[group * kFan + slot % kFan] = least;
  }
}

}  // namespace

IndexPlan::IndexPlan(Scratch& scratch, int64_t batch, int64_t n)
    : batch(batch),
      n(n),
      // About 16 cells per point along the curve, as far as the key has room beside the cloud's number.
      curve_bits(min(min(kMaxCurveBits, (bits_for(uint64_t(n)) + 2) / 3 + 2), (63 - bits_for(uint64_t(batch))) / 3)),
      pairs(scratch, batch * n, 3 * curve_bits + 1 + bits_for(uint64_t(batch))),
      corners(scratch.take<double>(batch * kCurveParts * 6)) {}

template <typename T>
cudaError_t launch_build_index(const IndexPlan& plan, const DeviceClouds<T>& clouds, const SpatialIndex<T>& out,
                               cudaStream_t stream) {
  if (plan.batch == 0) return cudaSuccess;
  const auto shape = [&](int64_t tasks, int64_t per_block) {
    return LaunchShape{divide_up(tasks, per_block), kThreads, stream};
  };
  constexpr int64_t kWarps = kThreads / kWarp;
  Box<T>* corners = static_cast<Box<T>*>(plan.corners);
  cudaError_t status = cudaSuccess;
  if (plan.n > 0) {
    status =
        PCGEN_LAUNCH(find_corners<T>, shape(plan.batch * IndexPlan::kCurveParts, kWarps), clouds, plan.batch, corners);
    const int64_t blocks = plan.batch * divide_up(plan.n, kThreads);
    if (status == cudaSuccess) status = PCGEN_LAUNCH(make_keys<T>, shape(blocks, 1), clouds, plan, corners);
    if (status == cudaSuccess) status = sort_pairs(plan.pairs, stream);
  }
  const IndexLayout& layout = out.layout;
  const auto groups = [&](int level) {
    return (level + 1 < layout.levels ? layout.level_begin[level + 1] : layout.groups) - layout.level_begin[level];
  };
  if (status == cudaSuccess) {
    status = PCGEN_LAUNCH(fill_leaves<T>, shape(plan.batch * groups(0) * kFan, kWarps), clouds, plan, out);
  }
  for (int level = 1; level < layout.levels && status == cudaSuccess; ++level) {
    const int64_t slots = groups(level) * kFan;
    status = PCGEN_LAUNCH(fill_level<T>, shape(plan.batch * slots, kThreads), out, plan.batch, level, groups(level - 1),
                          slots);
  }
  return status;
}

#define PCGEN_INSTANTIATE(T)                                                                                \
  template cudaError_t launch_build_index(const IndexPlan&, const DeviceClouds<T>&, const SpatialIndex<T>&, \
                                          cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
