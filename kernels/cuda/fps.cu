#include "kernels/cuda/fps.cuh"

namespace pcgen {
namespace {

constexpr int kMaxThreads = 512;
constexpr int kMaxWarps = kMaxThreads / kWarp;
constexpr int kMaxCluster = 16;

// Points that a thread keeps in registers, with their distances: as many as fit beside everything else into the 128
// registers it may have, and a smaller choice for clouds that would leave most of a block idle.
template <typename T>
constexpr int kMany = 64 / sizeof(T);
constexpr int kFew = 4;

// A point with its rank in the order of taking: its squared distance to the nearest point taken, infinite at first;
// kBad if it is not finite, kTaken once it is taken, and -infinity beyond the cloud.
template <typename T>
struct Candidate {
  T rank, at[3];
  int32_t index;
  int32_t unused;  // makes whole words of it for T = double
};
template <typename T>
constexpr T kBad = -1;
template <typename T>
constexpr T kTaken = -2;

template <typename T>
struct Job {
  const T* points;
  const int64_t* start;
  const int64_t* lengths;
  int64_t batch, n, k;
  int blocks;
  int64_t* index;
  T* dist2;
  unsigned* arrived;         // [groups], 0 at first
  Candidate<T>* candidates;  // [groups, 2, blocks]
  T* ranks;                  // [groups, n], where they do not fit into registers

  __device__ int64_t count(int64_t cloud) const { return lengths ? min(max(lengths[cloud], int64_t(0)), n) : n; }

  // Rank -infinity from the count on.
  __device__ Candidate<T> load(int64_t cloud, int64_t i, int64_t count) const {
    Candidate<T> point{-infinity<T>(), {0, 0, 0}, int32_t(i), 0};
    if (i >= count) return point;
    const T* p = points + (cloud * n + i) * 3;
    const T x = p[0], y = p[1], z = p[2];
    point.rank = kBad<T>;
    if (isfinite(x) && isfinite(y) && isfinite(z)) point = {infinity<T>(), {x, y, z}, int32_t(i), 0};
    return point;
  }
};

template <typename T>
__device__ T distance2(const T* a, const T* b) {
  const T dx = a[0] - b[0], dy = a[1] - b[1], dz = a[2] - b[2];
  return fused(dz, dz, fused(dy, dy, dx * dx));
}

// The points of one thread, in registers: kPoints of them, a block's width apart.
template <typename T, int kPoints>
struct Kept {
  Candidate<T> point[kPoints];

  __device__ Kept(const Job<T>& job, int64_t cloud, int64_t count, int block, T*) {
    const int64_t first = int64_t(block) * blockDim.x * kPoints + threadIdx.x;
#pragma unroll
    for (int p = 0; p < kPoints; ++p) point[p] = job.load(cloud, first + p * blockDim.x, count);
  }

  // Takes a point into account and returns the farthest of the thread's own.
  __device__ Candidate<T> take(const Candidate<T>& taken) {
    Candidate<T> best{-infinity<T>(), {0, 0, 0}, 0x7fffffff, 0};
#pragma unroll
    for (int p = 0; p < kPoints; ++p) {
      const T least = min(point[p].rank, distance2(point[p].at, taken.at));
      point[p].rank = point[p].index == taken.index ? kTaken<T> : least;
      if (point[p].rank > best.rank) best = point[p];
    }
    return best;
  }

  __device__ Candidate<T> farthest() const {
    Candidate<T> best = point[0];
#pragma unroll
    for (int p = 1; p < kPoints; ++p) {
      if (point[p].rank > best.rank) best = point[p];
    }
    return best;
  }
};

// The same for clouds of any size: points and ranks stay in global memory.
template <typename T>
struct Kept<T, 0> {
  const Job<T>& job;
  int64_t cloud, count, first, step;
  T* ranks;

  __device__ Kept(const Job<T>& job, int64_t cloud, int64_t count, int block, T* ranks)
      : job(job),
        cloud(cloud),
        count(count),
        first(int64_t(block) * blockDim.x + threadIdx.x),
        step(int64_t(job.blocks) * blockDim.x),
        ranks(ranks) {
    for (int64_t i = first; i < count; i += step) ranks[i] = job.load(cloud, i, count).rank;
  }

  __device__ Candidate<T> take(const Candidate<T>& taken) {
    for (int64_t i = first; i < count; i += step) {
      const Candidate<T> point = job.load(cloud, i, count);
      ranks[i] = i == taken.index ? kTaken<T> : min(ranks[i], distance2(point.at, taken.at));
    }
    return farthest();
  }

  __device__ Candidate<T> farthest() const {
    T rank = -infinity<T>();
    int64_t best = -1;
    for (int64_t i = first; i < count; i += step) {
      if (ranks[i] > rank) {
        rank = ranks[i];
        best = i;
      }
    }
    Candidate<T> point{rank, {0, 0, 0}, 0x7fffffff, 0};
    if (best >= 0) point = job.load(cloud, best, count);
    point.rank = rank;
    return point;
  }
};

// Two sets of everything: while slow threads still read one, fast ones write the next, and a single barrier per round
// is enough.
template <typename T>
struct Shared {
  Candidate<T> of_warp[2][kMaxWarps], of_block[2][kMaxCluster];
};

// The farthest of `count` candidates, lowest index first, for every lane of the warp.
template <typename T>
__device__ Candidate<T> farthest_of(const Candidate<T>* candidates, int count) {
  T rank = -infinity<T>();
  int32_t index = 0x7fffffff;
  int where = 0;
  for (int i = lane_id(); i < count; i += kWarp) {
    const T r = candidates[i].rank;
    const int32_t k = candidates[i].index;
    if (r > rank || (r == rank && k < index)) {
      rank = r;
      index = k;
      where = i;
    }
  }
  const int32_t own = index;
  warp_argmax(rank, index);
  const int owner = __ffs(int(__ballot_sync(kAllLanes, own == index))) - 1;
  return candidates[__shfl_sync(kAllLanes, where, owner)];
}

// Gives every thread of a group the farthest of what each brings.
template <typename T, FpsScope kScope>
__device__ Candidate<T> agree(const Job<T>& job, Shared<T>& shared, const Candidate<T>& mine, unsigned turn) {
  Candidate<T>* of_warp = shared.of_warp[turn % 2];
  T rank = mine.rank;
  int32_t index = mine.index;
  warp_argmax(rank, index);
  if (__ffs(int(__ballot_sync(kAllLanes, mine.index == index))) - 1 == lane_id()) of_warp[warp_id()] = mine;
  __syncthreads();
  const Candidate<T> block_best = farthest_of(of_warp, int(blockDim.x) / kWarp);
  if (kScope == FpsScope::cluster) {
    Candidate<T>* of_block = shared.of_block[turn % 2];
    if (int(threadIdx.x) < job.blocks) store_to_peer(of_block + blockIdx.x % job.blocks, int(threadIdx.x), block_best);
    cluster_barrier();
    return farthest_of(of_block, job.blocks);
  }
  if (kScope == FpsScope::grid) {
    const int group = int(blockIdx.x) / job.blocks;
    Candidate<T>* of_block = job.candidates + (int64_t(group) * 2 + turn % 2) * job.blocks;
    if (threadIdx.x == 0) of_block[blockIdx.x % job.blocks] = block_best;
    blocks_barrier(job.arrived + group, job.blocks, turn);
    return farthest_of(of_block, job.blocks);
  }
  return block_best;
}

template <typename T, int kPoints, FpsScope kScope>
__global__ void __launch_bounds__(kMaxThreads) farthest_points(Job<T> job) {
  PCGEN_SHARED(Shared<T>, shared);
  const int group = int(blockIdx.x) / job.blocks, groups = int(gridDim.x) / job.blocks;
  const int block = int(blockIdx.x) % job.blocks;
  const bool writes = block == 0 && threadIdx.x == 0;
  unsigned turn = 0;
  if (kScope == FpsScope::cluster) cluster_barrier();  // nobody writes to a peer that has not begun
  for (int64_t cloud = group; cloud < job.batch; cloud += groups) {
    const int64_t count = job.count(cloud), taken = min(job.k, count);
    int64_t* index = job.index + cloud * job.k;
    T* dist2 = job.dist2 + cloud * job.k;
    if (block == 0) {
      for (int64_t s = taken + threadIdx.x; s < job.k; s += blockDim.x) {
        index[s] = -1;
        dist2[s] = not_a_number<T>();
      }
    }
    if (taken == 0) continue;
    Kept<T, kPoints> kept(job, cloud, count, block, job.ranks ? job.ranks + group * job.n : nullptr);
    Candidate<T> last = job.load(cloud, min(max(job.start[cloud], int64_t(0)), count - 1), count);
    if (last.rank == kBad<T>) {
      const Candidate<T> first = agree<T, kScope>(job, shared, kept.farthest(), turn++);
      if (first.rank > kBad<T>) last = first;
    }
    for (int64_t s = 0; s < taken; ++s) {
      const int32_t now = last.index;
      last = agree<T, kScope>(job, shared, kept.take(last), turn++);
      if (writes) {
        index[s] = now;
        dist2[s] = max(last.rank, T(0));
      }
    }
  }
  if (kScope == FpsScope::cluster) cluster_barrier();  // nobody leaves while a peer may write to it
}

template <typename T, int kPoints>
auto kernel_of(FpsScope scope) {
  return scope == FpsScope::block     ? farthest_points<T, kPoints, FpsScope::block>
         : scope == FpsScope::cluster ? farthest_points<T, kPoints, FpsScope::cluster>
                                      : farthest_points<T, kPoints, FpsScope::grid>;
}

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}

template <typename T>
bool fits_cluster(int blocks) {
  if (blocks > kMaxCluster || device_attribute(cudaDevAttrComputeCapabilityMajor) < 9) return false;
  const auto kernel = farthest_points<T, kMany<T>, FpsScope::cluster>;
  if (code_version(kernel) < 90) return false;  // code for older devices has no barrier of a cluster
  return active_clusters(kernel, {blocks, kMaxThreads, nullptr, 0, blocks}) > 0;
}

template <typename T>
void lay_out(FpsPlan& plan) {
  constexpr int64_t kBlockPoints = int64_t(kMany<T>) * kMaxThreads;
  const int64_t processors = device_attribute(cudaDevAttrMultiProcessorCount);
  const int64_t needed = max(int64_t(1), divide_up(plan.n, kBlockPoints));
  plan.streams = false;
  plan.threads = kMaxThreads;
  plan.blocks = int(min(needed, processors));
  plan.groups = int(min(plan.batch, kMaxGrid));
  plan.scope = FpsScope::block;
  if (needed == 1) {
    const int64_t per_thread = plan.n > kFew * kMaxThreads / 2 ? kMany<T> : kFew;
    plan.threads = int(max(int64_t(1), divide_up(plan.n, per_thread * kWarp))) * kWarp;
  } else if (needed <= kMaxCluster && fits_cluster<T>(plan.blocks)) {
    plan.scope = FpsScope::cluster;
    plan.groups = int(min(plan.batch, kMaxGrid / plan.blocks));
  } else {
    plan.scope = FpsScope::grid;
    plan.streams = needed > processors;
    plan.groups = int(max(int64_t(1), min(plan.batch, processors / plan.blocks)));
  }
}

template <typename T>
int64_t candidate_entries(const FpsPlan& plan) {
  return plan.scope == FpsScope::grid ? int64_t(plan.groups) * plan.blocks * 2 : 0;
}

constexpr int64_t kAlign = 16;

template <typename T>
int64_t counter_bytes(const FpsPlan& plan) {
  return divide_up(plan.groups * int64_t(sizeof(unsigned)), kAlign) * kAlign;
}

template <typename T>
int64_t scratch_bytes(const FpsPlan& plan) {
  if (plan.scope != FpsScope::grid) return 0;
  const int64_t ranks = plan.streams ? plan.groups * plan.n : 0;
  return counter_bytes<T>(plan) + candidate_entries<T>(plan) * int64_t(sizeof(Candidate<T>)) +
         ranks * int64_t(sizeof(T));
}

}  // namespace

FpsPlan::FpsPlan(int64_t batch, int64_t n, int64_t k, size_t value_bytes)
    : batch(batch), n(n), k(k), value_bytes(value_bytes) {
  value_bytes == sizeof(double) ? lay_out<double>(*this) : lay_out<float>(*this);
}

int64_t FpsPlan::workspace_bytes() const {
  return value_bytes == sizeof(double) ? scratch_bytes<double>(*this) : scratch_bytes<float>(*this);
}

template <typename T>
cudaError_t launch_farthest_point_sample(const FpsPlan& plan, const T* points, const int64_t* start,
                                         const int64_t* lengths, void* workspace, int64_t* index, T* dist2,
                                         cudaStream_t stream) {
  if (plan.batch == 0 || plan.k == 0) return cudaSuccess;
  Job<T> job{points, start, lengths, plan.batch, plan.n, plan.k, plan.blocks, index, dist2, nullptr, nullptr, nullptr};
  if (plan.scope == FpsScope::grid) {
    job.arrived = static_cast<unsigned*>(workspace);
    char* candidates = static_cast<char*>(workspace) + counter_bytes<T>(plan);
    job.candidates = reinterpret_cast<Candidate<T>*>(candidates);
    if (plan.streams) job.ranks = reinterpret_cast<T*>(job.candidates + candidate_entries<T>(plan));
    const cudaError_t status = cudaMemsetAsync(job.arrived, 0, plan.groups * sizeof(unsigned), stream);
    if (status != cudaSuccess) return status;
  }
  const LaunchShape shape{
      int64_t(plan.groups) * plan.blocks, plan.threads, stream, 0, plan.scope == FpsScope::cluster ? plan.blocks : 1,
      plan.scope == FpsScope::grid};
  if (plan.streams) return PCGEN_LAUNCH((farthest_points<T, 0, FpsScope::grid>), shape, job);
  const bool few = int64_t(plan.threads) * kFew >= plan.n;
  return few ? PCGEN_LAUNCH((farthest_points<T, kFew, FpsScope::block>), shape, job)
             : PCGEN_LAUNCH((kernel_of<T, kMany<T>>(plan.scope)), shape, job);
}

#define PCGEN_INSTANTIATE(T)                                                                                         \
  template cudaError_t launch_farthest_point_sample(const FpsPlan&, const T*, const int64_t*, const int64_t*, void*, \
                                                    int64_t*, T*, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
