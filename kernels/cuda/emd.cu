// An auction with falling epsilon (Bertsekas, 1979), a block per pair: each round its warps bid for the first free
// points of the queue, and one thread accepts the bids in the queue's order. So the result does not depend on timing.
#include "kernels/cuda/emd.cuh"

namespace pcgen {
namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / kWarp;
constexpr double kLargestCoordinate = 1e150;  // squares must not overflow
constexpr double kFirstEpsilon = 0.25;        // of the largest cost
constexpr double kWarmEpsilon = 0.025;        // the same, with prices to start from
constexpr double kEpsilonStep = 5;            // from phase to phase
constexpr double kExactTol = 1e-9;            // what counts as optimal
constexpr double kRounding = 4e-15;           // of the largest cost: what a certificate in float64 cannot tell
constexpr int64_t kPatience = 64;             // bids per point after which epsilon was too small to begin with
constexpr double kEpsilonRetreat = 10;        // how much larger it becomes then
constexpr int64_t kMaxBidsPerPoint = 5000;    // all in all

// The two best targets of a point, by cost + price.
struct Offer {
  double best, second;
  int32_t target;

  __device__ static Offer none() { return {infinity<double>(), infinity<double>(), 0x7fffffff}; }

  // Takes in what was found among other targets; the lowest index wins ties.
  __device__ void merge(const Offer& other) {
    const bool loses = other.best < best || (other.best == best && other.target < target);
    second = min(loses ? best : other.best, loses ? other.second : second);
    best = loses ? other.best : best;
    target = loses ? other.target : target;
  }
};

__device__ inline Offer merge_warp(Offer offer) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    Offer other;
    other.best = __shfl_xor_sync(kAllLanes, offer.best, lanes);
    other.second = __shfl_xor_sync(kAllLanes, offer.second, lanes);
    other.target = __shfl_xor_sync(kAllLanes, offer.target, lanes);
    offer.merge(other);
  }
  return offer;
}

__device__ inline double add_warp(double value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

// What the block's threads tell each other.
struct Shared {
  Offer offers[kWarps];
  double partial[kWarps];
  int32_t bidders[kWarps];
  int64_t head, waiting;  // of the queue
};

// Mean cost of an assignment, and what its prices prove.
struct Certificate {
  double primal, dual;
};

// One pair. Member functions are called by all threads of the block unless they say otherwise.
struct Pair {
  Shared& shared;
  int n;
  bool squared;
  int stride;
  double* planes;  // [6, stride] coordinates of x, then of y: pointers of their own would cost registers
  double* price;
  int32_t *owner, *target, *queue;
  int64_t bids = 0;

  __device__ Pair(Shared& shared, bool squared, int n, int64_t stride, char* memory)
      : shared(shared), n(n), squared(squared), stride(int(stride)), planes(reinterpret_cast<double*>(memory)) {
    price = planes + 6 * stride;
    owner = reinterpret_cast<int32_t*>(planes + 7 * stride);
    target = owner + stride;
    queue = target + stride;
  }
  static constexpr int64_t kBytesPerPoint = 7 * sizeof(double) + 3 * sizeof(int32_t);

  __device__ double& x(int axis, int i) const { return planes[axis * stride + i]; }
  __device__ double& y(int axis, int j) const { return planes[(axis + 3) * stride + j]; }

  __device__ double cost(int i, int j) const {
    const double dx = x(0, i) - y(0, j), dy = x(1, i) - y(1, j), dz = x(2, i) - y(2, j);
    const double dist2 = fused(dz, dz, fused(dy, dy, dx * dx));
    return squared ? dist2 : sqrt(dist2);
  }

  // Adds up in an order that does not depend on timing; the same for all threads.
  __device__ double sum(double mine) {
    const double of_warp = add_warp(mine);
    __syncthreads();
    if (lane_id() == 0) shared.partial[warp_id()] = of_warp;
    __syncthreads();
    double total = 0;
    for (int warp = 0; warp < kWarps; ++warp) total += shared.partial[warp];
    return total;
  }

  __device__ PCGEN_NOINLINE double greatest(double mine) {
    for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) mine = max(mine, __shfl_xor_sync(kAllLanes, mine, lanes));
    __syncthreads();
    if (lane_id() == 0) shared.partial[warp_id()] = mine;
    __syncthreads();
    double most = shared.partial[0];
    for (int warp = 1; warp < kWarps; ++warp) most = max(most, shared.partial[warp]);
    return most;
  }

  // Reads the points; returns whether all of them can be computed with.
  template <typename T>
  __device__ bool load(const T* from_x, const T* from_y) {
    double largest = 0;
    for (int i = threadIdx.x; i < 3 * n; i += kThreads) {
      const double a = double(from_x[i]), b = double(from_y[i]);
      x(i % 3, i / 3) = a;
      y(i % 3, i / 3) = b;
      const bool usable = fabs(a) < kLargestCoordinate && fabs(b) < kLargestCoordinate;  // false for NaN
      largest = usable ? largest : 1.0;
    }
    return greatest(largest) == 0;
  }

  // The longest cost between the corners of both clouds' box.
  __device__ double largest_cost() {
    double dist2 = 0;
    for (int axis = 0; axis < 3; ++axis) {
      double high = -infinity<double>(), low = infinity<double>();
      for (int i = threadIdx.x; i < n; i += kThreads) {
        high = max(high, max(x(axis, i), y(axis, i)));
        low = min(low, min(x(axis, i), y(axis, i)));
      }
      const double side = greatest(high) + greatest(-low);
      dist2 += side * side;
    }
    return squared ? dist2 : sqrt(dist2);
  }

  // A warp's search among some targets.
  __device__ Offer search(int i, int first, int last) const {
    Offer offer = Offer::none();
    for (int j = first + lane_id(); j < last; j += kWarp) {
      const double value = cost(i, j) + price[j];
      offer.second = value < offer.best ? offer.best : min(offer.second, value);
      offer.target = value < offer.best ? j : offer.target;
      offer.best = min(offer.best, value);
    }
    return merge_warp(offer);
  }

  // Any prices prove a lower bound: mean_i min_j (cost + price) - mean_j price. Points without target count as nothing.
  __device__ PCGEN_NOINLINE Certificate certify() {
    double primal = 0, dual = 0;
    for (int i = warp_id(); i < n; i += kWarps) {
      const double utility = search(i, 0, n).best;
      if (lane_id() > 0) continue;
      dual += utility - price[i];
      if (target[i] >= 0) primal += cost(i, target[i]);
    }
    const double all_primal = sum(primal), all_dual = sum(dual);
    return {all_primal / n, all_dual / n};
  }

  // Nobody owns anything any more; prices stay.
  __device__ void release() {
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += kThreads) {
      owner[i] = target[i] = -1;
      queue[i] = i;
    }
    if (threadIdx.x == 0) {
      shared.head = 0;
      shared.waiting = n;
    }
    __syncthreads();
  }

  // Bids until every point has a target, and returns true; or until there were too many bids.
  __device__ PCGEN_NOINLINE bool assign(double epsilon, int64_t most_bids) {
    while (true) {
      const int64_t head = shared.head;
      const int free = int(min(shared.waiting, int64_t(kWarps)));
      if (free == 0) return true;
      if (bids >= most_bids) return false;
      bids += free;
      // Warps without a point of their own share the targets of the others'.
      const int team = kWarps / free, bidder = warp_id() / team, part = warp_id() % team;
      if (bidder < free) {
        const int i = queue[(head + bidder) % n];
        const Offer offer = search(i, int(int64_t(n) * part / team), int(int64_t(n) * (part + 1) / team));
        if (lane_id() == 0) {
          shared.offers[warp_id()] = offer;
          if (part == 0) shared.bidders[bidder] = i;
        }
      }
      __syncthreads();
      if (threadIdx.x == 0) accept(head, free, team, epsilon);
      __syncthreads();
    }
  }

  // For one thread: takes the bids in their order. Who was overtaken, or loses its target, goes back to the queue.
  __device__ void accept(int64_t head, int free, int team, double epsilon) {
    int64_t waiting = shared.waiting - free;
    const auto enqueue = [&](int32_t i) { queue[(head + free + waiting++) % n] = i; };
    for (int bidder = 0; bidder < free; ++bidder) {
      const int32_t i = shared.bidders[bidder];
      Offer offer = shared.offers[bidder * team];
      for (int part = 1; part < team; ++part) offer.merge(shared.offers[bidder * team + part]);
      const int32_t j = offer.target;
      const double its_cost = cost(i, j);
      const double bid = (offer.second < infinity<double>() ? offer.second - its_cost : price[j]) + epsilon;
      const bool fresh = its_cost + price[j] == offer.best;  // nobody took j since the search
      if (!fresh && bid <= price[j]) {
        enqueue(i);
        continue;
      }
      const int32_t loser = owner[j];
      if (loser >= 0) {
        target[loser] = -1;
        enqueue(loser);
      }
      owner[j] = i;
      target[i] = j;
      price[j] = max(price[j], bid);
    }
    shared.head = (head + free) % n;
    shared.waiting = waiting;
  }

  // Gives the points without target what is left, in order.
  __device__ void complete() {
    if (threadIdx.x == 0) {
      int j = 0;
      for (int i = 0; i < n; ++i) {
        if (target[i] >= 0) continue;
        while (owner[j] >= 0) ++j;
        owner[j] = i;
        target[i] = j;
      }
    }
    __syncthreads();
  }

  // Starts from prices, up to their least, if they prove more than none at all; returns the epsilon to begin with.
  __device__ double start(const double* prices, double largest) {
    release();
    for (int j = threadIdx.x; j < n; j += kThreads) price[j] = 0;
    __syncthreads();
    if (!prices) return kFirstEpsilon * largest;
    const double cold = certify().dual;
    double low = infinity<double>(), bad = 0;
    for (int j = threadIdx.x; j < n; j += kThreads) {
      low = min(low, prices[j]);
      bad = isfinite(prices[j]) ? bad : 1.0;
    }
    bad = greatest(bad);
    low = -greatest(-low);
    for (int j = threadIdx.x; j < n && bad == 0; j += kThreads) price[j] = prices[j] - low;
    __syncthreads();
    if (bad == 0 && certify().dual > cold) return kWarmEpsilon * largest;
    __syncthreads();
    for (int j = threadIdx.x; j < n; j += kThreads) price[j] = 0;
    __syncthreads();
    return kFirstEpsilon * largest;
  }

  // Phases with falling epsilon until the certificate is good enough. Prices stay from phase to phase, assignments do
  // not. A phase that drags on shows that the prices were worse than epsilon, which then grows again.
  __device__ Certificate solve(double epsilon, double largest, double tol) {
    const double least_epsilon = max(1e-15 * largest, 2.3e-308);
    const int64_t most = kMaxBidsPerPoint * n;
    int64_t patience = kPatience * n;
    epsilon = max(epsilon, least_epsilon);
    while (true) {
      release();
      const bool complete_now = assign(epsilon, min(bids + patience, most));
      const bool last = bids >= most || epsilon <= least_epsilon;
      if (!complete_now && !last) {
        epsilon *= kEpsilonRetreat;
        patience *= 2;
        continue;
      }
      complete();
      Certificate found = certify();
      found.dual = min(max(found.dual, 0.0), found.primal);
      if (last || converged(found, largest, tol)) return found;
      const double sufficient = 0.9 * tol * found.primal;  // nobody loses more than epsilon: small enough for sure
      epsilon = max(max(epsilon / kEpsilonStep, min(epsilon / 1.5, sufficient)), least_epsilon);
    }
  }

  __device__ static bool converged(const Certificate& found, double largest, double tol) {
    return found.primal - found.dual <= max(tol * found.primal, kRounding * largest);
  }
};

template <typename T>
struct Job {
  const T* x;
  const T* y;
  const int64_t* lengths;
  const double* prices;
  EmdPlan plan;
  EmdOptions options;
  char* workspace;
  EmdResult result;
};

template <typename T>
__global__ void __launch_bounds__(kThreads, 1) solve_pairs(Job<T> job) {
  PCGEN_SHARED(Shared, shared);
  PCGEN_DYNAMIC_SHARED(char, dynamic);
  char* memory = job.plan.in_shared ? dynamic : job.workspace + blockIdx.x * job.plan.pair_bytes;
  const int64_t n = job.plan.n;
  for (int64_t b = blockIdx.x; b < job.plan.batch; b += gridDim.x) {
    const int64_t length = job.lengths ? job.lengths[b] : n;
    const int count = int(length < 0 ? 0 : length < n ? length : n);
    Pair pair(shared, job.options.squared, count, n, memory);
    const bool valid = pair.load(job.x + b * n * 3, job.y + b * n * 3);
    Certificate found{0, 0};
    bool good = valid;
    if (valid && count > 0) {
      const double largest = pair.largest_cost(), tol = job.options.exact ? kExactTol : job.options.tol;
      const double epsilon = pair.start(job.prices ? job.prices + b * n : nullptr, largest);
      found = pair.solve(epsilon, largest, tol);
      good = Pair::converged(found, largest, tol);
    }
    for (int64_t i = threadIdx.x; i < n; i += kThreads) {
      const bool solved = valid && i < count;
      job.result.assignment[b * n + i] = solved ? pair.target[i] : -1;
      job.result.prices[b * n + i] = solved ? pair.price[i] : 0;
    }
    if (threadIdx.x == 0) {
      job.result.lower_bound[b] = valid ? found.dual : not_a_number<double>();
      job.result.gap[b] = !valid             ? not_a_number<double>()
                          : found.primal > 0 ? (found.primal - found.dual) / found.primal
                                             : 0;
      job.result.converged[b] = good;
    }
    __syncthreads();
  }
}

}  // namespace

EmdPlan::EmdPlan(int64_t batch, int64_t n) : batch(batch), n(n), pair_bytes(n * Pair::kBytesPerPoint) {
  constexpr int64_t kStaticShared = 4096, kBlocksInGlobal = 1024;
  int device = 0, most = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  in_shared = pair_bytes + kStaticShared <= most;
  pair_bytes = (pair_bytes + 255) / 256 * 256;
  blocks = min(batch, in_shared ? kMaxGrid : kBlocksInGlobal);
}

template <typename T>
cudaError_t launch_emd(const EmdPlan& plan, const T* x, const T* y, const int64_t* lengths, const double* prices,
                       EmdOptions options, void* workspace, EmdResult result, cudaStream_t stream) {
  if (plan.batch == 0) return cudaSuccess;
  const Job<T> job{x, y, lengths, prices, plan, options, static_cast<char*>(workspace), result};
  const size_t dynamic = plan.in_shared ? size_t(plan.pair_bytes) : 0;
  return PCGEN_LAUNCH(solve_pairs<T>, {plan.blocks, kThreads, stream, dynamic}, job);
}

#define PCGEN_INSTANTIATE(T)                                                                                     \
  template cudaError_t launch_emd(const EmdPlan&, const T*, const T*, const int64_t*, const double*, EmdOptions, \
                                  void*, EmdResult, cudaStream_t);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
