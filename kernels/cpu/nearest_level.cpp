// Exhaustive nearest neighbours in both directions at once, compiled once per instruction set.
//
// Each distance is computed once and lowers two minima: that of its query, in a register, and that of its target, in
// an array that stays in the first-level cache. Minima are tracked without their index. Per chunk it is noted where a
// minimum fell, and the index is looked up there at the end: the lowest one, because the first chunk is kept.
#include "kernels/cpu/nearest_level.h"

#include "kernels/cpu/vec.h"

namespace {

using pcgen::Columns;
using pcgen::kChunk;
using pcgen::kMaxDim;
using pcgen::Planes;

constexpr int kQueries = 4;  // queries that share each load of a target register

// kDim = 0 stands for any dimension up to kMaxDim.
template <int kDim, typename T>
inline int dimension(const Planes<T>& planes) {
  return kDim ? kDim : planes.dim;
}

// Coordinates of kQueries points, one per register.
template <typename T, int kDim>
struct Broadcast {
  Vec<T> value[kQueries][kDim ? kDim : kMaxDim];

  Broadcast(const Planes<T>& points, int64_t first) {
    for (int axis = 0; axis < dimension<kDim>(points); ++axis) {
      for (int q = 0; q < kQueries; ++q) value[q][axis] = Vec<T>::fill(points.data[axis * points.n + first + q]);
    }
  }
};

// Squared distances of kQueries points to the targets of one register: one multiplication, then fused additions in the
// order of the axes, as on every level and on CUDA.
template <typename T, int kDim>
inline void distances2(const Broadcast<T, kDim>& queries, const Planes<T>& targets, int64_t j, Vec<T>* dist2) {
  const Vec<T> first = Vec<T>::load(targets.data + j);
  for (int q = 0; q < kQueries; ++q) {
    const Vec<T> d = queries.value[q][0] - first;
    dist2[q] = d * d;
  }
  for (int axis = 1; axis < dimension<kDim>(targets); ++axis) {
    const Vec<T> target = Vec<T>::load(targets.data + axis * targets.n + j);
    for (int q = 0; q < kQueries; ++q) {
      const Vec<T> d = queries.value[q][axis] - target;
      dist2[q] = Vec<T>::fma(d, d, dist2[q]);
    }
  }
}

template <typename T>
struct Positions {
  T value[kChunk];
  constexpr Positions() : value() {
    for (int i = 0; i < kChunk; ++i) value[i] = T(i);
  }
};
template <typename T>
constexpr Positions<T> kPositions;

// Without branches: a search that stops at the first hit would be mispredicted once per query.
template <typename T, int kDim>
inline int64_t locate_in(const Planes<T>& points, int64_t chunk, const Planes<T>& others, int64_t other, T dist2) {
  const T* const begin = points.data + chunk * kChunk;
  const Vec<T> wanted = Vec<T>::fill(dist2);
  const Vec<T> inf = Vec<T>::fill(__builtin_inf());
  Vec<T> lowest = inf;
  for (int i = 0; i < kChunk; i += Vec<T>::kWidth) {
    const Vec<T> first = Vec<T>::fill(others.data[other]) - Vec<T>::load(begin + i);
    Vec<T> sum = first * first;
    for (int axis = 1; axis < dimension<kDim>(points); ++axis) {
      const Vec<T> d = Vec<T>::fill(others.data[axis * others.n + other]) - Vec<T>::load(begin + axis * points.n + i);
      sum = Vec<T>::fma(d, d, sum);
    }
    lowest = Vec<T>::min(Vec<T>::where_less(wanted, sum, inf, Vec<T>::load(kPositions<T>.value + i)), lowest);
  }
  return chunk * kChunk + int64_t(lowest.reduce_min());
}

template <typename T>
int64_t locate(const Planes<T>& points, int64_t chunk, const Planes<T>& others, int64_t other, T dist2) {
  return points.dim == 3 ? locate_in<T, 3>(points, chunk, others, other, dist2)
                         : locate_in<T, 0>(points, chunk, others, other, dist2);
}

// Folds the minima over one chunk of queries into the columns, and makes the scratch ready for the next.
template <typename T>
inline void fold(const Columns<T>& columns, int64_t m, int64_t query_chunk) {
  const Vec<T> chunk = Vec<T>::fill(T(query_chunk));
  const Vec<T> inf = Vec<T>::fill(__builtin_inf());
  for (int64_t j = 0; j < m; j += Vec<T>::kWidth) {
    const Vec<T> least = Vec<T>::load(columns.scratch + j);
    const Vec<T> known = Vec<T>::load(columns.dist2 + j);
    Vec<T>::where_less(least, known, chunk, Vec<T>::load(columns.chunk + j)).store(columns.chunk + j);
    Vec<T>::min(least, known).store(columns.dist2 + j);
    inf.store(columns.scratch + j);
  }
}

template <typename T, int kDim, bool kColumns>
void search_queries(const Planes<T>& queries, const Planes<T>& targets, int64_t first, int64_t last, T* dist2,
                    int64_t* index, const Columns<T>& columns) {
  const Vec<T> inf = Vec<T>::fill(__builtin_inf());
  if (kColumns) {
    for (int64_t j = 0; j < targets.n; j += Vec<T>::kWidth) inf.store(columns.scratch + j);
  }
  for (int64_t i = first; i < last; i += kQueries) {
    const Broadcast<T, kDim> query(queries, i);
    Vec<T> best[kQueries], best_chunk[kQueries];
    for (int q = 0; q < kQueries; ++q) best[q] = best_chunk[q] = inf;
    for (int64_t chunk = 0; chunk < targets.n; chunk += kChunk) {
      Vec<T> least[kQueries];
      for (int q = 0; q < kQueries; ++q) least[q] = inf;
      for (int64_t j = chunk; j < chunk + kChunk; j += Vec<T>::kWidth) {
        Vec<T> d[kQueries];
        distances2<T, kDim>(query, targets, j, d);
        for (int q = 0; q < kQueries; ++q) least[q] = Vec<T>::min(d[q], least[q]);
        if (kColumns) {
          Vec<T> column = Vec<T>::load(columns.scratch + j);
          for (int q = 0; q < kQueries; ++q) column = Vec<T>::min(d[q], column);
          column.store(columns.scratch + j);
        }
      }
      const Vec<T> number = Vec<T>::fill(T(chunk / kChunk));
      for (int q = 0; q < kQueries; ++q) {
        best_chunk[q] = Vec<T>::where_less(least[q], best[q], number, best_chunk[q]);
        best[q] = Vec<T>::min(least[q], best[q]);
      }
    }
    for (int q = 0; q < kQueries && i + q < last; ++q) {
      const T value = best[q].reduce_min();
      const T chunk = Vec<T>::where_less(Vec<T>::fill(value), best[q], inf, best_chunk[q]).reduce_min();
      dist2[i + q - first] = value;
      index[i + q - first] =
          value < T(__builtin_inf()) ? locate_in<T, kDim>(targets, int64_t(chunk), queries, i + q, value) : -1;
    }
    const int64_t next = i + kQueries;
    if (kColumns && (next % kChunk == 0 || next >= last)) fold(columns, targets.n, i / kChunk);
  }
}

template <typename T>
void search(const Planes<T>& queries, const Planes<T>& targets, int64_t first, int64_t last, T* dist2, int64_t* index,
            const Columns<T>& columns) {
  if (queries.dim == 3 && columns.dist2) {
    search_queries<T, 3, true>(queries, targets, first, last, dist2, index, columns);
  } else if (queries.dim == 3) {
    search_queries<T, 3, false>(queries, targets, first, last, dist2, index, columns);
  } else if (columns.dist2) {
    search_queries<T, 0, true>(queries, targets, first, last, dist2, index, columns);
  } else {
    search_queries<T, 0, false>(queries, targets, first, last, dist2, index, columns);
  }
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const NearestKernels<float> PCGEN_CONCAT(nearest_f32_, PCGEN_SIMD_LEVEL);
extern const NearestKernels<double> PCGEN_CONCAT(nearest_f64_, PCGEN_SIMD_LEVEL);
const NearestKernels<float> PCGEN_CONCAT(nearest_f32_, PCGEN_SIMD_LEVEL) = {search<float>, locate<float>};
const NearestKernels<double> PCGEN_CONCAT(nearest_f64_, PCGEN_SIMD_LEVEL) = {search<double>, locate<double>};
}  // namespace pcgen
