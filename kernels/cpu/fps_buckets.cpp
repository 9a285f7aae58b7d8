#include "kernels/cpu/fps_buckets.h"

#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/cpu/finite.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/split_tree.h"

namespace pcgen {
namespace {

constexpr int64_t kPartPoints = 1 << 14;  // points that one task sorts, at least
constexpr int64_t kMaxParts = 32;
constexpr int32_t kNoLeaf = -1;

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
  return {size, values, most, where};
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

// Turns a bucket from `used` records, point and index, into planes.
template <typename T, int kDim>
void to_planes(const FarBuckets<T>& cloud, int64_t bucket, int32_t used) {
  const int dim = kDim ? kDim : cloud.dim, width = dim + 1;
  T* const planes = cloud.blocks + bucket * width * kCapacity;
  T record[kCapacity * (kDim ? kDim + 1 : kMaxDim + 1)];
  std::copy_n(planes, used * width, record);
  for (int32_t i = used; i < kCapacity; ++i) std::copy_n(record, width, record + i * width);
  for (int a = 0; a < dim; ++a) {
    for (int64_t i = 0; i < kCapacity; ++i) planes[a * kCapacity + i] = record[i * width + a];
  }
  for (int64_t i = 0; i < kCapacity; ++i) {
    std::memcpy(cloud.index + bucket * kCapacity + i, record + i * width + dim, sizeof(int32_t));
    planes[dim * kCapacity + i] = i < used ? std::numeric_limits<T>::infinity() : T(-1);
  }
}

template <typename T, int kDim>
OwnedBuckets<T> make(const T* points, int64_t n, int any_dim, int64_t leaves, int64_t first, ParallelFor parallel_for) {
  const int dim = kDim ? kDim : any_dim;
  const SplitTree<T> tree(points, n, dim, leaves);
  const int64_t part_size = std::max(kPartPoints, (n + kMaxParts - 1) / kMaxParts);
  const int64_t parts = (n + part_size - 1) / part_size;

  const auto leaf_of = std::make_unique_for_overwrite<int32_t[]>(n);
  std::vector<int64_t> slots(parts *
                             leaves);  // how many points each part has in each leaf; then where its next one goes
  for_each(parallel_for, parts, [&](int64_t part) {
    const int64_t begin = part * part_size, end = std::min(n, begin + part_size);
    int64_t* const count = slots.data() + part * leaves;
    tree.template find_leaves<kDim>(points + begin * dim, end - begin, leaf_of.get() + begin);
    for (int64_t i = begin; i < end; ++i) {
      if (is_finite(points + i * dim, dim)) {
        ++count[leaf_of[i]];
      } else {
        leaf_of[i] = kNoLeaf;
      }
    }
  });

  std::vector<int32_t> used;  // points of each bucket
  used.reserve(leaves + n / kCapacity);
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    const int64_t begin = int64_t(used.size()) * kCapacity;
    int64_t end = begin;
    for (int64_t part = 0; part < parts; ++part) end += std::exchange(slots[part * leaves + leaf], end);
    for (int64_t i = begin; i < end; i += kCapacity) used.push_back(int32_t(std::min(kCapacity, end - i)));
  }

  OwnedBuckets<T> owned = allocate<T>(int64_t(used.size()), dim);
  for_each(parallel_for, parts, [&](int64_t part) {
    int64_t* const next = slots.data() + part * leaves;
    for (int64_t i = part * part_size; i < std::min(n, (part + 1) * part_size); ++i) {
      if (leaf_of[i] == kNoLeaf) continue;
      const int64_t slot = next[leaf_of[i]]++;
      const int32_t index = int32_t(i);
      T* const record = owned.values.get() + slot * (dim + 1);
      std::copy_n(points + i * dim, dim, record);
      std::memcpy(record + dim, &index, sizeof index);
      if (i == first) owned.first_slot = slot;
    }
  });
  for_each(parallel_for, in_families(owned.view.count) / kFamily, [&](int64_t group) {
    const int64_t end = std::min(owned.view.count, (group + 1) * kFamily);
    for (int64_t b = group * kFamily; b < end; ++b) to_planes<T, kDim>(owned.view, b, used[b]);
    fps_kernels<T>().enclose(owned.view, group);
  });
  return owned;
}

}  // namespace

template <typename T>
OwnedBuckets<T> make_buckets(const T* points, int64_t n, int dim, int64_t leaves, int64_t first,
                             ParallelFor parallel_for) {
  return dim == 3 ? make<T, 3>(points, n, dim, leaves, first, parallel_for)
                  : make<T, 0>(points, n, dim, leaves, first, parallel_for);
}

template OwnedBuckets<float> make_buckets(const float*, int64_t, int, int64_t, int64_t, ParallelFor);
template OwnedBuckets<double> make_buckets(const double*, int64_t, int, int64_t, int64_t, ParallelFor);

}  // namespace pcgen
