#include "kernels/cuda/knn.cuh"
#include "kernels/cuda/neighbor_list.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 128;
constexpr int kTile = 128;
constexpr int kBuffer = 8;  // candidates that a thread collects before it sorts them in

// Candidates of every thread, side by side so that a warp touches different banks.
template <typename T, int kDim>
struct Shared {
  Point<T, kDim> target[kTile];
  T dist2[kBuffer][kThreads];
  int32_t index[kBuffer][kThreads];
};

// A thread holds a query and meets all targets. What is near enough only goes into a small buffer; when one thread's is
// full, its whole warp sorts in what it has, because a warp pays for an insertion no matter how many lanes take part.
template <typename T, int kDim, typename List>
__global__ void __launch_bounds__(kThreads, 1) search(DeviceClouds<T> queries, DeviceClouds<T> targets, int64_t batch,
                                                      int64_t k, T radius2, DeviceNeighbors<T> out) {
  using Memory = Shared<T, kDim>;
  PCGEN_SHARED(Memory, shared);
  const int64_t blocks_per_cloud = divide_up(queries.n, kThreads);
  for (int64_t task = blockIdx.x; task < batch * blocks_per_cloud; task += gridDim.x) {
    const int64_t cloud = task / blocks_per_cloud, i = task % blocks_per_cloud * kThreads + threadIdx.x;
    const bool exists = i < queries.n;
    const int64_t row = (cloud * queries.n + (exists ? i : 0)) * k;
    Point<T, kDim> query;
    const bool valid = load_point(queries, cloud, i, queries.count(cloud), not_a_number<T>(), query);
    List list(exists ? k : 0, valid ? radius2 : -infinity<T>(), out.dist2 + row, out.index + row);
    int waiting = 0;
    const auto sort_in = [&] {
      for (int b = 0; b < kBuffer; ++b) {
        if (b < waiting) list.insert(shared.dist2[b][threadIdx.x], shared.index[b][threadIdx.x]);
      }
      waiting = 0;
    };
    const int64_t count = targets.count(cloud);
    for (int64_t first = 0; first < count; first += kTile) {
      __syncthreads();
      load_point(targets, cloud, first + threadIdx.x, count, not_a_number<T>(), shared.target[threadIdx.x]);
      __syncthreads();
      for (int t = 0; t < kTile; ++t) {
        const T d = distance2(query, shared.target[t], queries.dim);
        if (valid && d <= list.worst()) {
          shared.dist2[waiting][threadIdx.x] = d;
          shared.index[waiting][threadIdx.x] = int32_t(first + t);
          ++waiting;
        }
        if (__any_sync(kAllLanes, waiting == kBuffer)) sort_in();
      }
    }
    sort_in();
    if (!exists) continue;
    if (valid) {
      list.write(out.dist2 + row, out.index + row);
    } else {
      for (int64_t j = 0; j < k; ++j) {
        out.dist2[row + j] = not_a_number<T>();
        out.index[row + j] = -1;
      }
    }
  }
}

template <typename T, int kDim>
cudaError_t launch(const DeviceClouds<T>& queries, const DeviceClouds<T>& targets, int64_t batch, int64_t k, T radius2,
                   const DeviceNeighbors<T>& out, cudaStream_t stream) {
  const LaunchShape shape{batch * divide_up(queries.n, kThreads), kThreads, stream};
  return with_list_for<T>(k, [&]<typename List>() {
    return PCGEN_LAUNCH((search<T, kDim, List>), shape, queries, targets, batch, k, radius2, out);
  });
}

}  // namespace

template <typename T>
cudaError_t launch_knn_exhaustive(const DeviceClouds<T>& queries, const DeviceClouds<T>& targets, int64_t batch,
                                  int64_t k, T radius2, const DeviceNeighbors<T>& out, cudaStream_t stream) {
  if (batch * queries.n * k == 0) return cudaSuccess;
  return queries.dim == 3 ? launch<T, 3>(queries, targets, batch, k, radius2, out, stream)
                          : launch<T, kMaxDim>(queries, targets, batch, k, radius2, out, stream);
}

#define PCGEN_INSTANTIATE(T)                                                                                      \
  template cudaError_t launch_knn_exhaustive(const DeviceClouds<T>&, const DeviceClouds<T>&, int64_t, int64_t, T, \
                                             const DeviceNeighbors<T>&, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
