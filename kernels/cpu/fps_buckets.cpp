#include "kernels/cpu/fps_buckets.h"

#include <limits>

#include "kernels/cpu/parallel.h"

namespace pcgen {
namespace {

int64_t in_families(int64_t n) { return (n + kFamily - 1) / kFamily * kFamily; }

// Boxes without extent that nothing is near to; the first n of them with points as far as can be.
template <typename T>
FarBoxes<T> make_boxes(int64_t n, int dim, T* values, int64_t* where) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  const int64_t size = in_families(n);
  T* const most = values + 2 * dim * size;
  std::fill(values, values + dim * size, inf);
  std::fill(values + dim * size, most, -inf);
  std::fill(most, most + n, inf);
  std::fill(most + n, most + size, T(-1));
  std::fill(where, where + size, -1);
  return {n, size, values, most, where};
}

template <typename T>
OwnedBuckets<T> allocate(int64_t count, int dim) {
  const int64_t groups = in_families(count) / kFamily;
  const int64_t block_values = count * (dim + 1) * kCapacity, bucket_values = (2 * dim + 1) * in_families(count);
  OwnedBuckets<T> owned;
  owned.values =
      std::make_unique_for_overwrite<T[]>(block_values + bucket_values + (2 * dim + 1) * in_families(groups));
  owned.index = std::make_unique_for_overwrite<int32_t[]>(count * kCapacity);
  owned.where = std::make_unique_for_overwrite<int64_t[]>(in_families(count) + in_families(groups));
  T* const values = owned.values.get();
  int64_t* const where = owned.where.get();
  owned.view = {dim,
                count,
                values,
                owned.index.get(),
                make_boxes(count, dim, values + block_values, where),
                make_boxes(groups, dim, values + block_values + bucket_values, where + in_families(count))};
  return owned;
}

}  // namespace

template <typename T>
OwnedBuckets<T> make_buckets(RankTree<T>& points, int dim, int64_t leaf, ParallelFor parallel_for) {
  OwnedBuckets<T> owned = allocate<T>((points.count(0) + kCapacity - 1) / kCapacity, dim);
  points.run(leaf, parallel_for, [&](const Segment<T>& segment) { fps_kernels<T>().write(segment, owned.view); });
  for_each(parallel_for, in_families(owned.view.count) / kFamily,
           [&](int64_t group) { fps_kernels<T>().enclose(owned.view, group); });
  return owned;
}

template OwnedBuckets<float> make_buckets(RankTree<float>&, int, int64_t, ParallelFor);
template OwnedBuckets<double> make_buckets(RankTree<double>&, int, int64_t, ParallelFor);

}  // namespace pcgen
