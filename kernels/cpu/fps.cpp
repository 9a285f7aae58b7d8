#include "kernels/cpu/fps.h"

#include <algorithm>
#include <limits>

#include "kernels/cpu/planes.h"

namespace pcgen {
namespace {

template <typename T>
struct Job {
  const T* points;
  const int64_t* start;
  const int64_t* lengths;
  int64_t n, k;
  int64_t* index;
  T* radius2;

  void run(int64_t begin, int64_t end) const {
    for (int64_t cloud = begin; cloud < end; ++cloud) run_cloud(cloud);
  }

  void run_cloud(int64_t cloud) const {
    const T* p = points + cloud * n * 3;
    int64_t* out = index + cloud * k;
    const int64_t count = lengths ? std::clamp<int64_t>(lengths[cloud], 0, n) : n;
    const int64_t taken = std::min(k, count);
    std::fill(out + taken, out + k, -1);
    T* radii = radius2 + cloud * k;
    std::fill(radii + taken, radii + k, std::numeric_limits<T>::quiet_NaN());
    if (taken == 0) return;

    const std::vector<T> planes = to_planes(p, count, T(0));
    std::vector<T> dist2(padded(count), -std::numeric_limits<T>::infinity());
    int64_t first_finite = count;
    for (int64_t i = count - 1; i >= 0; --i) {
      const bool finite = is_finite(p + 3 * i);
      dist2[i] = finite ? std::numeric_limits<T>::infinity() : T(-1);
      if (finite) first_finite = i;
    }
    int64_t first = std::clamp<int64_t>(start[cloud], 0, count - 1);
    if (!is_finite(p + 3 * first) && first_finite < count) first = first_finite;
    simd_kernels<T>().farthest(planes.data(), dist2.data(), padded(count), first, taken, out, radii);
  }
};

}  // namespace

template <typename T>
void farthest_point_sample(const T* points, const int64_t* start, const int64_t* lengths, int64_t batch, int64_t n,
                           int64_t k, int64_t* index, T* dist2, ParallelFor parallel_for) {
  Job<T> job{points, start, lengths, n, k, index, dist2};
  const auto run = [](int64_t begin, int64_t end, void* context) { static_cast<Job<T>*>(context)->run(begin, end); };
  parallel_for(batch, 1, run, &job);
}

template void farthest_point_sample(const float*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, int64_t*,
                                    float*, ParallelFor);
template void farthest_point_sample(const double*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, int64_t*,
                                    double*, ParallelFor);

}  // namespace pcgen
