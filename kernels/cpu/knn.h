// The k nearest targets of every query, sorted by (distance, index).
#pragma once

#include "kernels/cpu/spatial_index.h"

namespace pcgen {

// Targets farther than `radius2` (squared), beyond `points_lengths`, or not finite are nobody's neighbour; where fewer
// than k are left: distance inf, index -1. A query that is not finite or beyond `query_lengths` gets distance NaN,
// index -1. Extra memory: the targets again, and 2k values, per thread. Exhaustive; 3D points go
// to knn_indexed.
template <typename T>
void knn_exhaustive(const T* query,                 // [batch, n, dims]
                    const T* points,                // [batch, m, dims]
                    const int64_t* query_lengths,   // [batch] or nullptr
                    const int64_t* points_lengths,  // [batch] or nullptr
                    int64_t batch, int64_t n, int64_t m, int64_t dims, int64_t k, T radius2,
                    T* dist2,        // [batch, n, k]
                    int64_t* index,  // [batch, n, k]
                    ParallelFor parallel_for);

// Distance NaN and index -1 in the rows of queries that are not finite or beyond their cloud's length.
template <typename T>
void blank_unusable_queries(const T* query,          // [batch, n, dims]
                            const int64_t* lengths,  // [batch] or nullptr
                            int64_t batch, int64_t n, int64_t dims, int64_t k,
                            T* dist2,        // [batch, n, k]
                            int64_t* index,  // [batch, n, k]
                            ParallelFor parallel_for);

}  // namespace pcgen
