#include "kernels/cpu/nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "kernels/cpu/nearest_indexed.h"
#include "kernels/cpu/nearest_level.h"
#include "kernels/cpu/parallel.h"

namespace pcgen {

extern const NearestKernels<float> nearest_f32_portable;
extern const NearestKernels<double> nearest_f64_portable;
#if defined(__x86_64__)
extern const NearestKernels<float> nearest_f32_avx2, nearest_f32_avx512;
extern const NearestKernels<double> nearest_f64_avx2, nearest_f64_avx512;
#endif

template <>
const NearestKernels<float>& nearest_kernels<float>() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return nearest_f32_avx512;
  if (simd_level().id == SimdId::avx2) return nearest_f32_avx2;
#endif
  return nearest_f32_portable;
}

template <>
const NearestKernels<double>& nearest_kernels<double>() {
#if defined(__x86_64__)
  if (simd_level().id == SimdId::avx512) return nearest_f64_avx512;
  if (simd_level().id == SimdId::avx2) return nearest_f64_avx2;
#endif
  return nearest_f64_portable;
}

namespace {

// A pair of clouds is split among threads only while there are fewer pairs than this, and not into parts smaller than
// kPartPoints. Both are constants: the number of threads changes neither the result nor the memory.
constexpr int64_t kMaxParts = 32;
constexpr int64_t kPartPoints = 1024;

// The parts of a cloud of n points, each but the last of `size` points, a multiple of kChunk.
struct Parts {
  int64_t size, count;

  Parts(int64_t n, int64_t batch) {
    const int64_t wanted = std::max<int64_t>(1, std::min(kMaxParts / batch, n / kPartPoints));
    size = std::max(kChunk, padded((n + wanted - 1) / wanted));
    count = std::max<int64_t>(1, (n + size - 1) / size);
  }
};

template <typename T>
struct PlaneBatch {
  std::unique_ptr<T[]> data;  // [batch, dim, padded(n)]
  int64_t n;
  int dim;

  PlaneBatch(const Clouds<T>& clouds, int64_t batch, int dim, T filler, ParallelFor parallel_for)
      : data(new T[batch * dim * padded(clouds.n)]), n(padded(clouds.n)), dim(dim) {
    for_each(parallel_for, batch, [&](int64_t cloud) { fill(clouds, cloud, filler); });
  }

  Planes<T> operator[](int64_t cloud) const { return {data.get() + cloud * dim * n, n, dim}; }

  void fill(const Clouds<T>& clouds, int64_t cloud, T filler) {
    T* planes = data.get() + cloud * dim * n;
    const T* point = clouds.points + cloud * clouds.n * dim;
    const int64_t count = clouds.lengths ? std::clamp<int64_t>(clouds.lengths[cloud], 0, clouds.n) : clouds.n;
    for (int64_t i = 0; i < count; ++i, point += dim) {
      T zero = 0;  // NaN unless all coordinates are finite
      for (int axis = 0; axis < dim; ++axis) zero += point[axis] * 0;
      for (int axis = 0; axis < dim; ++axis) planes[axis * n + i] = zero == 0 ? point[axis] : filler;
    }
    for (int axis = 0; axis < dim; ++axis) std::fill(planes + axis * n + count, planes + (axis + 1) * n, filler);
  }
};

template <typename T>
bool takes_part(const Planes<T>& planes, int64_t i) {
  return std::isfinite(planes.data[i]);
}

// Gives an answer to a point of which the search only knows that all its distances are inf.
template <typename T>
void settle(const Planes<T>& own, int64_t i, const Planes<T>& targets, T& dist2, int64_t& index) {
  dist2 = std::numeric_limits<T>::quiet_NaN();
  index = -1;
  if (!takes_part(own, i)) return;
  dist2 = std::numeric_limits<T>::infinity();
  for (int64_t j = 0; j < targets.n && index < 0; ++j) {
    if (takes_part(targets, j)) index = j;  // so far away that the squared distance overflows
  }
}

template <typename T>
struct Search {
  Neighbours<T> of_x, of_y;
  int64_t n, m;
  PlaneBatch<T> x, y;
  Parts parts, y_parts;
  std::unique_ptr<T[]> columns;  // [batch, parts, 3, y.n]: what each part of x knows about the points of y

  Columns<T> columns_of(int64_t task) const {
    if (!columns) return {};
    T* data = columns.get() + task * 3 * y.n;
    return {data, data + y.n, data + 2 * y.n};
  }

  void search_part(int64_t task) const {
    const int64_t pair = task / parts.count, first = task % parts.count * parts.size;
    const int64_t last = std::min(n, first + parts.size);
    const Columns<T> found = columns_of(task);
    if (found.dist2) std::fill(found.dist2, found.dist2 + y.n, std::numeric_limits<T>::infinity());
    T* dist2 = of_x.dist2 + pair * n + first;
    int64_t* index = of_x.index + pair * n + first;
    nearest_kernels<T>().search(x[pair], y[pair], first, last, dist2, index, found);
    for (int64_t i = first; i < last; ++i) {
      if (index[i - first] < 0) settle(x[pair], i, y[pair], dist2[i - first], index[i - first]);
    }
  }

  // Merges what the parts of x found, in their order, so that the first of equal minima is kept.
  void finish_columns(int64_t task) const {
    const int64_t pair = task / y_parts.count, first = task % y_parts.count * y_parts.size;
    const int64_t last = std::min(m, first + y_parts.size);
    const Columns<T> best = columns_of(pair * parts.count);
    for (int64_t part = 1; part < parts.count; ++part) {
      const Columns<T> found = columns_of(pair * parts.count + part);
      for (int64_t j = first; j < last; ++j) {
        best.chunk[j] = found.dist2[j] < best.dist2[j] ? found.chunk[j] : best.chunk[j];
        best.dist2[j] = std::min(best.dist2[j], found.dist2[j]);
      }
    }
    for (int64_t j = first; j < last; ++j) {
      T& dist2 = of_y.dist2[pair * m + j];
      int64_t& index = of_y.index[pair * m + j];
      dist2 = best.dist2[j];
      if (std::isfinite(dist2)) {
        index = nearest_kernels<T>().locate(x[pair], int64_t(best.chunk[j]), y[pair], j, dist2);
      } else {
        settle(y[pair], j, x[pair], dist2, index);
      }
    }
  }
};

}  // namespace

template <typename T>
void nearest(const Clouds<T>& x, const Clouds<T>& y, int64_t batch, int dim, const Neighbours<T>& of_x,
             const Neighbours<T>& of_y, ParallelFor parallel_for) {
  if (batch == 0) return;
  if (dim == 3 && prefers_index(x.n, y.n)) return nearest_indexed(x, y, batch, of_x, of_y, parallel_for);
  constexpr T inf = std::numeric_limits<T>::infinity();
  Search<T> search{of_x,
                   of_y,
                   x.n,
                   y.n,
                   PlaneBatch<T>(x, batch, dim, -inf, parallel_for),
                   PlaneBatch<T>(y, batch, dim, inf, parallel_for),
                   Parts(x.n, batch),
                   Parts(y.n, batch),
                   nullptr};
  if (of_y.index) search.columns.reset(new T[batch * search.parts.count * 3 * search.y.n]);
  for_each(parallel_for, batch * search.parts.count, [&](int64_t task) { search.search_part(task); });
  if (!of_y.index) return;
  for_each(parallel_for, batch * search.y_parts.count, [&](int64_t task) { search.finish_columns(task); });
}

template <typename T>
void nearest_backward(const T* grad, const T* x, const T* y, const int64_t* index, int64_t batch, int64_t n, int64_t m,
                      int dim, T* grad_x, T* grad_y, ParallelFor parallel_for) {
  for_each(parallel_for, batch, [=](int64_t pair) {
    T* to_y = grad_y + pair * m * dim;
    std::fill(to_y, to_y + m * dim, T(0));
    for (int64_t i = pair * n; i < (pair + 1) * n; ++i) {
      for (int axis = 0; axis < dim; ++axis) {
        T pull = 0;
        if (index[i] >= 0) {
          pull = 2 * grad[i] * (x[i * dim + axis] - y[(pair * m + index[i]) * dim + axis]);
          to_y[index[i] * dim + axis] -= pull;
        }
        grad_x[i * dim + axis] = pull;
      }
    }
  });
}

#define PCGEN_INSTANTIATE(T)                                                                                           \
  template void nearest(const Clouds<T>&, const Clouds<T>&, int64_t, int, const Neighbours<T>&, const Neighbours<T>&,  \
                        ParallelFor);                                                                                  \
  template void nearest_backward(const T*, const T*, const T*, const int64_t*, int64_t, int64_t, int64_t, int, T*, T*, \
                                 ParallelFor);
PCGEN_INSTANTIATE(float)
PCGEN_INSTANTIATE(double)

}  // namespace pcgen
