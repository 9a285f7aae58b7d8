// Farthest-point sampling on buckets, compiled once per instruction set (PCGEN_SIMD_LEVEL = portable, avx2, avx512).
//
// A new sample changes only buckets whose box is nearer to it than their farthest point is to the sample so far
// (QuickFPS: Han, Lee et al., 2023). Rounding is monotonic, so the box distance, computed in the same order of
// operations, is never above that of a point inside: what is skipped could not have changed, to the bit.
#include "kernels/cpu/fps_level.h"

#include "kernels/cpu/leaf_rows.h"

namespace {

using pcgen::FarBoxes;
using pcgen::FarBuckets;
using pcgen::kCapacity;
using pcgen::kFamily;
using pcgen::kMaxDim;
using pcgen::ParallelFor;

// Groups that a sample has to touch before threads are worth their start: about a million points.
constexpr int64_t kWorthSharing = 512;

// kDim = 0 stands for any dimension up to kMaxDim.
template <typename T, int kDim>
class Sampler {
  static constexpr int kWidth = Vec<T>::kWidth;

 public:
  Sampler(const FarBuckets<T>& cloud, int64_t* touched, ParallelFor parallel_for)
      : cloud_(cloud), touched_(touched), parallel_for_(parallel_for) {}

  void run(int64_t slot, int64_t k, int64_t* index, T* dist2) {
    for (int64_t step = 0; step < k; ++step) {
      index[step] = cloud_.index[slot];
      take(slot);
      update();
      const T most = greatest(cloud_.groups.most, cloud_.groups.used);
      dist2[step] = most < 0 ? 0 : most;
      if (step + 1 < k) slot = find(most);
    }
  }

 private:
  int dim() const { return kDim ? kDim : cloud_.dim; }
  T* block(int64_t bucket) const { return cloud_.blocks + bucket * (dim() + 1) * kCapacity; }

  // Makes the point the newest sample. Its bucket must be looked at even if all points there coincide with it.
  void take(int64_t slot) {
    const int64_t bucket = slot / kCapacity, lane = slot % kCapacity;
    T* planes = block(bucket);
    for (int a = 0; a < dim(); ++a) sample_[a] = Vec<T>::fill(planes[a * kCapacity + lane]);
    planes[dim() * kCapacity + lane] = -1;
    if (cloud_.buckets.most[bucket] > 0) return;  // its box, at distance 0, will be near enough
    cloud_.buckets.most[bucket] = cloud_.groups.most[bucket / kFamily] = __builtin_inf();
  }

  // Lowers the running distances to those to the new sample.
  void update() {
    int64_t count = 0;
    for (int64_t family = 0; family < cloud_.groups.used; family += kFamily) {
      for (uint32_t m = nearer(cloud_.groups, family); m; m &= m - 1) touched_[count++] = family + __builtin_ctz(m);
    }
    if (count < kWorthSharing) {
      touch_groups(0, count, this);
    } else {
      parallel_for_(count, 1, touch_groups, this);
    }
  }

  static void touch_groups(int64_t begin, int64_t end, void* sampler) {
    Sampler& self = *static_cast<Sampler*>(sampler);
    for (int64_t i = begin; i < end; ++i) self.touch_group(self.touched_[i]);
  }

  // Squared distance to the sample, one multiplication and fused additions in the order of the axes, as everywhere.
  template <typename Difference>
  Vec<T> distance2(Difference difference) const {
    const Vec<T> first = difference(0);
    Vec<T> sum = first * first;
    for (int a = 1; a < dim(); ++a) {
      const Vec<T> d = difference(a);
      sum = Vec<T>::fma(d, d, sum);
    }
    return sum;
  }

  // Which boxes of a family are nearer to the sample than their farthest point is to the sample so far.
  uint32_t nearer(const FarBoxes<T>& boxes, int64_t family) const {
    uint32_t mask = 0;
    for (int64_t i = 0; i < kFamily && family + i < boxes.used; i += kWidth) {
      const T* low = boxes.bounds + family + i;
      const T* high = low + dim() * boxes.n;
      const Vec<T> d = distance2([&](int a) {
        const Vec<T> below = Vec<T>::load(low + a * boxes.n) - sample_[a];
        const Vec<T> above = sample_[a] - Vec<T>::load(high + a * boxes.n);
        return Vec<T>::max(Vec<T>::max(below, above), Vec<T>::fill(0));
      });
      mask |= bits(less(d, Vec<T>::load(boxes.most + family + i))) << i;
    }
    return mask;
  }

  void touch_group(int64_t group) {
    const int64_t family = group * kFamily;
    for (uint32_t m = nearer(cloud_.buckets, family); m; m &= m - 1) touch_bucket(family + __builtin_ctz(m));
    cloud_.groups.most[group] = greatest(cloud_.buckets.most + family, kFamily);
    cloud_.groups.where[group] = -1;
  }

  void touch_bucket(int64_t bucket) {
    const T* planes = block(bucket);
    T* running = block(bucket) + dim() * kCapacity;
    Vec<T> most = Vec<T>::fill(-1);
    for (int64_t i = 0; i < kCapacity; i += kWidth) {
      const Vec<T> d = distance2([&](int a) { return sample_[a] - Vec<T>::load(planes + a * kCapacity + i); });
      const Vec<T> kept = Vec<T>::min(d, Vec<T>::load(running + i));
      kept.store(running + i);
      most = Vec<T>::max(most, kept);
    }
    cloud_.buckets.most[bucket] = most.reduce_max();
    cloud_.buckets.where[bucket] = -1;
  }

  static T greatest(const T* values, int64_t n) {
    Vec<T> most = Vec<T>::load(values);
    for (int64_t i = kWidth; i < n; i += kWidth) most = Vec<T>::max(most, Vec<T>::load(values + i));
    return most.reduce_max();
  }

  // Which boxes of a family have a farthest point as far as `most`.
  static uint32_t equal_to(const FarBoxes<T>& boxes, int64_t family, T most) {
    uint32_t mask = 0;
    for (int64_t i = 0; i < kFamily && family + i < boxes.used; i += kWidth) {
      mask |= bits(equal(Vec<T>::load(boxes.most + family + i), Vec<T>::fill(most))) << i;
    }
    return mask;
  }

  // The slot with the running distance `most`, which is the greatest; of the lowest index among equals.
  int64_t find(T most) {
    int64_t best = -1;
    for (int64_t family = 0; family < cloud_.groups.used; family += kFamily) {
      for (uint32_t m = equal_to(cloud_.groups, family, most); m; m &= m - 1) {
        best = lower(best, find_in_group(family + __builtin_ctz(m)));
      }
    }
    return best;
  }

  int64_t find_in_group(int64_t group) {
    int64_t& where = cloud_.groups.where[group];
    if (where >= 0) return where;
    const int64_t family = group * kFamily;
    for (uint32_t m = equal_to(cloud_.buckets, family, cloud_.groups.most[group]); m; m &= m - 1) {
      where = lower(where, find_in_bucket(family + __builtin_ctz(m)));
    }
    return where;
  }

  int64_t find_in_bucket(int64_t bucket) {
    int64_t& where = cloud_.buckets.where[bucket];
    if (where >= 0) return where;
    const T* running = block(bucket) + dim() * kCapacity;
    const Vec<T> most = Vec<T>::fill(cloud_.buckets.most[bucket]);
    for (int64_t i = 0;; i += kWidth) {
      if (const uint32_t m = bits(equal(Vec<T>::load(running + i), most))) {
        return where = bucket * kCapacity + i + __builtin_ctz(m);
      }
    }
  }

  // The slot of the lower index; -1 stands for none.
  int64_t lower(int64_t a, int64_t b) const { return a < 0 || cloud_.index[b] < cloud_.index[a] ? b : a; }

  const FarBuckets<T> cloud_;
  int64_t* const touched_;
  const ParallelFor parallel_for_;
  Vec<T> sample_[kDim ? kDim : kMaxDim];
};

template <typename T>
void sample(const FarBuckets<T>& cloud, int64_t first, int64_t k, int64_t* index, T* dist2, int64_t* touched,
            ParallelFor parallel_for) {
  if (cloud.dim == 3) {
    Sampler<T, 3>(cloud, touched, parallel_for).run(first, k, index, dist2);
  } else {
    Sampler<T, 0>(cloud, touched, parallel_for).run(first, k, index, dist2);
  }
}

template <typename T>
void write_buckets(const pcgen::Segment<T>& segment, const FarBuckets<T>& out) {
  const int dim = out.dim;
  for (int64_t begin = 0; begin < segment.count; begin += kCapacity) {
    const int64_t bucket = (segment.place + begin) / kCapacity, used = segment.count - begin;
    const T* points = segment.points + begin;
    T* planes = out.blocks + bucket * (dim + 1) * kCapacity;
    for (int a = 0; a < dim; ++a, points += segment.stride, planes += kCapacity) {
      write_row(points, used, kCapacity, points[0], planes);
      T* low = out.buckets.bounds + a * out.buckets.n + bucket;
      row_range(planes, kCapacity, low, low + dim * out.buckets.n);
    }
    T original[kCapacity];
    write_row(points, used, kCapacity, points[0], original);
    for (int64_t i = 0; i < kCapacity; ++i) out.index[bucket * kCapacity + i] = from_lane(original[i]);
    for (int64_t i = 0; i < kCapacity; ++i) planes[i] = i < used ? T(__builtin_inf()) : T(-1);
  }
}

template <typename T>
void enclose(const FarBuckets<T>& cloud, int64_t group) {
  const FarBoxes<T>&buckets = cloud.buckets, &groups = cloud.groups;
  for (int a = 0; a < cloud.dim; ++a) {
    T unused;
    const T* low = buckets.bounds + a * buckets.n + group * kFamily;
    row_range(low, kFamily, groups.bounds + a * groups.n + group, &unused);
    row_range(low + cloud.dim * buckets.n, kFamily, &unused, groups.bounds + (cloud.dim + a) * groups.n + group);
  }
}

}  // namespace

#define PCGEN_CONCAT_(a, b) a##b
#define PCGEN_CONCAT(a, b) PCGEN_CONCAT_(a, b)

namespace pcgen {
extern const FpsKernels<float> PCGEN_CONCAT(fps_f32_, PCGEN_SIMD_LEVEL);
extern const FpsKernels<double> PCGEN_CONCAT(fps_f64_, PCGEN_SIMD_LEVEL);
const FpsKernels<float> PCGEN_CONCAT(fps_f32_, PCGEN_SIMD_LEVEL) = {sample<float>, write_buckets<float>,
                                                                    enclose<float>};
const FpsKernels<double> PCGEN_CONCAT(fps_f64_, PCGEN_SIMD_LEVEL) = {sample<double>, write_buckets<double>,
                                                                     enclose<double>};
}  // namespace pcgen
