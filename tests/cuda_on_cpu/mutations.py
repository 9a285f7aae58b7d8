"""Faults for the kernels, of the kinds that are made in practice, and what the emulation says of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

WRONG, ORDER, DIVERGED = "wrong result", "depends on the order", "diverged"
OUTSIDE = "out of bounds|heap-buffer-overflow|SEGV"  # of an array, of an allocation, of everything
# What follows from numbers that are not there yet depends on what was there before.
ANYHOW = f"{WRONG}|{ORDER}|{DIVERGED}|{OUTSIDE}|signed integer overflow|deadlock|takes for ever"


@dataclass(frozen=True)
class Mutation:
    """An edit of a kernel's text; any of the complaints counts as caught."""

    name: str
    kernel: str  # file in kernels/cuda
    call: str  # of test_mutations.CALLS
    before: str
    after: str
    complaints: str
    slow: bool = False

    def applied(self, text: str) -> str:
        """The faulty kernel."""
        assert text.count(self.before) >= 1, f"{self.name}: {self.kernel} has no {self.before!r}"
        return text.replace(self.before, self.after, 1)


def _of(kernel: str, call: str, *rows: tuple[str, str, str, str], quick: int = 2) -> list[Mutation]:
    """Mutations of one kernel, of which some are tried in every run of the tests."""
    return [Mutation(row[0], kernel, call, *row[1:], slow=place >= quick) for place, row in enumerate(rows)]


LOADED = "shared.target[threadIdx.x]);\n        __syncthreads();"
NEAREST = _of(
    "nearest.cu",
    "nearest_both",
    ("barrier removed after loading", LOADED, LOADED.replace("__syncthreads();", ""), ORDER),
    ("off by one in a tile", "shared.target[t + k];", "shared.target[t + k + 1];", OUTSIDE),
    ("barrier in a branch", LOADED, LOADED.replace("__sync", "if (threadIdx.x < 64) __sync"), DIVERGED),
    ("lane missing in a mask", "__ballot_sync(kAllLanes, j", "__ballot_sync(kAllLanes >> 1, j", "leaves out"),
    ("no guard at the tail", "if (i >= last_row) continue;", "", OUTSIDE),
    ("last of equal minima", "best[r] < before[r] ?", "best[r] <= before[r] ?", WRONG),
    (
        "one lane writes for all",
        "column = lane_id() == k ? least : column;",
        "if (lane_id() == k) column = least;\n              if (k == 31) column = infinity<T>();",
        WRONG,
    ),
    ("reads what was never written", "T least = begins ? infinity<T>() : of_y", "T least = of_y", ORDER),
    ("merges all lanes, parts or not", "if (lane_id() < side.parts) {", "{", f"{OUTSIDE}|{ORDER}"),
)

BACKWARD = _of(
    "nearest_backward.cu",
    "nearest_backward",
    (
        "no barrier of the warp between reading and writing",
        "        __syncwarp();\n        if (ours && rank",
        "        if (ours && rank",
        ANYHOW,
    ),
    ("barrier removed before adding", "uint16_t(i);\n    });\n    __syncthreads();", "uint16_t(i);\n    });", ANYHOW),
    (
        "barrier removed after counting",
        "    });\n    __syncthreads();\n    int count",
        "    });\n    int count",
        ANYHOW,
    ),
    (
        "barrier removed in the sum",
        "of_warp[warp_id()] = sum;\n    __syncthreads();",
        "of_warp[warp_id()] = sum;",
        ANYHOW,
    ),
    ("counts that are not set to 0", "slice.place[warp][threadIdx.x] = 0;", ";", ANYHOW),
    ("a number that overflows", "uint16_t(before + __popc(equal))", "uint8_t(before + __popc(equal))", ANYHOW),
    ("no guard at the tail", "j < plan.m ? grad_y", "j <= plan.m ? grad_y", OUTSIDE),
    (
        "blocks of half the size",
        "{blocks, kSlice, stream}",
        "{blocks, kSlice / 2, stream}",
        f"{WRONG}|{ORDER}|{OUTSIDE}",
    ),
    (
        "two lanes' ranks swapped",
        "equal & ((1u << lane_id()) - 1)",
        "equal & ~((2u << lane_id()) - 1)",
        f"{WRONG}|{ORDER}",
    ),
    ("lane missing in a mask", "__match_any_sync(kAllLanes, t)", "__match_any_sync(kAllLanes << 1, t)", "leaves out"),
) + _of(
    "nearest_backward.cu",
    "nearest_backward_sorted",
    ("last pull forgotten", "total, key + 1) : 0", "total, key + 1) - 1 : 0", WRONG),
    ("clouds' keys overlap", "i / plan.n * (plan.m + 1)", "i / plan.n * plan.m", WRONG),
    quick=0,
)

FPS = _of(
    "fps.cu",
    "fps",
    ("barrier removed in the block's reduction", "= mine;\n  __syncthreads();", "= mine;", ANYHOW),
    ("one buffer for all rounds", "shared.of_warp[turn % 2]", "shared.of_warp[0]", ORDER),
    ("lane missing in a mask", "__ballot_sync(kAllLanes, mine", "__ballot_sync(kAllLanes >> 1, mine", "leaves out"),
    ("off by one in the tail", "if (i >= count) return point;", "if (i > count) return point;", OUTSIDE),
    (
        "the last of equals is taken",
        "if (point[p].rank > best.rank) best",
        "if (point[p].rank >= best.rank) best",
        WRONG,
    ),
    (
        "a warp is left out",
        "farthest_of(of_warp, int(blockDim.x) / kWarp)",
        "farthest_of(of_warp, int(blockDim.x - 1) / kWarp)",
        WRONG,
    ),
    (
        "threads that hold too few points",
        "const bool few = int64_t(plan.threads) * kFew >= plan.n;",
        "const bool few = true;",
        WRONG,
    ),
) + _of(
    "fps.cu",
    "fps_large",
    (
        "cluster barrier removed",
        "cluster_barrier();\n    return farthest_of",
        "return farthest_of",
        f"{ORDER}|{OUTSIDE}|ended",
    ),
    ("grid barrier removed", "blocks_barrier(job.arrived + group, job.blocks, turn);", "", ORDER),
    (
        "writes to a peer that has not begun",
        "if (kScope == FpsScope::cluster) cluster_barrier();  // nobody writes",
        "// nobody writes",
        "may not have begun",
    ),
    (
        "more blocks than can run together",
        "processors / plan.blocks",
        "processors / plan.blocks + 1",
        "more blocks than can run together",
    ),
    (
        "counters that are not set to 0",
        "cudaMemsetAsync(job.arrived, 0, plan.groups * sizeof(unsigned), stream)",
        "cudaSuccess",
        f"{ORDER}|spins for ever|deadlock",
    ),
    (
        "a block waits for one too many",
        "blocks_barrier(job.arrived + group, job.blocks,",
        "blocks_barrier(job.arrived + group, job.blocks + 1,",
        "spins for ever|deadlock",
    ),
    quick=1,
)

KNN = _of(
    "knn.cu",
    "knn",
    (
        "barrier in a branch",
        "{\n      __syncthreads();\n      load",
        "{\n      if (exists) __syncthreads();\n      load",
        DIVERGED,
    ),
    ("tile off by one", "shared.target[t], queries", "shared.target[t + 1], queries", f"{OUTSIDE}|{WRONG}"),
    ("barrier removed before loading", "{\n      __syncthreads();\n      load", "{\n      load", ORDER),
    (
        "barrier removed after loading",
        "shared.target[threadIdx.x]);\n      __syncthreads();",
        "shared.target[threadIdx.x]);",
        f"{ORDER}|{WRONG}",
    ),
    ("no guard at the tail", "if (!exists) continue;", "", f"{OUTSIDE}|{ORDER}"),
    ("full buffers are sorted in too late", "waiting == kBuffer", "waiting == kBuffer + 1", OUTSIDE),
    (
        "padding counts as points",
        "first + threadIdx.x, count, not_a_number<T>()",
        "first + threadIdx.x, targets.n, not_a_number<T>()",
        WRONG,
    ),
    (
        "blocks of half the size",
        "divide_up(queries.n, kThreads), kThreads, stream",
        "divide_up(queries.n, kThreads), kThreads / 2, stream",
        f"{ORDER}|{WRONG}|{OUTSIDE}",
    ),
    ("lane missing in a mask", "__any_sync(kAllLanes, w", "__any_sync(kAllLanes ^ 2, w", "leaves out"),
    ("index that overflows", "int32_t(first + t)", "int8_t(first + t)", f"{WRONG}"),
)

BUILD = _of(
    "spatial_build.cu",
    "spatial_index",
    ("ranks that coincide", "(other == index && lane < lane_id())", "other == index", f"{OUTSIDE}|{WRONG}|{ORDER}"),
    (
        "lane missing in a mask",
        "__shfl_sync(kAllLanes, index, lane)",
        "__shfl_sync(kAllLanes >> 1, index, lane)",
        "leaves out|outside of its mask",
    ),
    ("no guard at the tail", "if (i >= plan.n) continue;", "", f"{OUTSIDE}|{WRONG}|{ORDER}"),
    ("a lane's box for the warp's", "    box.include_warp();\n    if (leaf", "    if (leaf", WRONG),
    ("invalid points take part", "uint64_t(cloud * 2 + !valid)", "uint64_t(cloud * 2)", f"{OUTSIDE}|{WRONG}"),
    ("a group too many", "if (slot < below) {", "if (slot <= below) {", f"{OUTSIDE}|{ORDER}|{WRONG}"),
    (
        "the last leaves are not written",
        "(out.layout.levels > 1 ? out.layout.level_begin[1] : out.layout.groups) * kFan",
        "out.layout.leaves - 1",
        f"{ORDER}|{WRONG}",
    ),
    (
        "keys that overflow",
        "uint64_t(cloud * 2 + !valid) << (3 * plan.curve_bits)",
        "uint64_t(cloud * 2 + !valid) << 2",
        f"{OUTSIDE}|{WRONG}|{ORDER}",
    ),
)

SEARCH = _of(
    "spatial_search.cu",
    "spatial_index_knn",
    ("no barrier of the warp after loading", "kLeaf + lane_id()]};\n    __syncwarp();", "kLeaf + lane_id()]};", ORDER),
    (
        "ties at the rim of a box are lost",
        "(nearest == list.worst() && targets.least[number] < list.worst_index())",
        "false",
        WRONG,
    ),
    ("two visits in one place", "stack[waiting + farther]", "stack[waiting + farther / 2]", ANYHOW),
    (
        "a bound that is not renewed",
        "__syncwarp();\n    tighten();",
        "__syncwarp();\n    bound = -infinity<T>();",
        WRONG,
    ),
    ("lane missing in a mask", "__any_sync(kAllLanes, wanted)", "__any_sync(kAllLanes >> 1, wanted)", "leaves out"),
    ("others' results are not blanked", "out.index[i] = -1;", "", f"{ORDER}|{WRONG}"),
    (
        "a warp's memory used by its neighbour",
        "shared.leaf[warp_id()], list",
        "shared.leaf[warp_id() / 2], list",
        f"{ORDER}|{WRONG}",
    ),
    (
        "idle lanes widen the box",
        "high[axis] = warp_max(active ? query[axis] : -infinity<T>());",
        "high[axis] = query[axis];",
        f"{WRONG}|{ORDER}",
    ),
    (
        "lanes that leave a loop the others go on with",
        "if (!__any_sync(kAllLanes, active)) continue;",
        "if (!active) continue;",
        "not running|deadlock|leaves out|diverged",
    ),
)

EMD = _of(
    "emd.cu",
    "emd",
    (
        "barrier removed before bids are taken",
        "      __syncthreads();\n      if (threadIdx.x == 0) accept",
        "      if (threadIdx.x == 0) accept",
        ANYHOW,
    ),
    ("too little shared memory", "size_t(plan.pair_bytes) : 0", "size_t(plan.pair_bytes) - 256 : 0", OUTSIDE),
    ("barrier removed after bids are taken", "epsilon);\n      __syncthreads();", "epsilon);", ANYHOW),
    (
        "barrier removed in the sum",
        "= of_warp;\n    __syncthreads();",
        "= of_warp;",
        ANYHOW,
    ),
    ("the queue runs over", "(head + bidder) % n", "head + bidder", OUTSIDE),
    (
        "a team overlaps its neighbour",
        "int(int64_t(n) * (part + 1) / team)",
        "int(int64_t(n) * (part + 2) / team)",
        f"{OUTSIDE}|{WRONG}",
    ),
    ("a point at the tail is not loaded", "i < 3 * n; i += kThreads", "i < 3 * n - 1; i += kThreads", ANYHOW),
    (
        "lane missing in a mask",
        "__shfl_xor_sync(kAllLanes, offer.best",
        "__shfl_xor_sync(kAllLanes >> 1, offer.best",
        "leaves out|outside of its mask",
    ),
)

MUTATIONS = {f"{m.kernel}: {m.name}": m for m in (*NEAREST, *BACKWARD, *FPS, *KNN, *BUILD, *SEARCH, *EMD)}


def trimmed(text: str) -> str:
    """A kernel file for float32 in three dimensions alone, which compiles in half the time."""
    define = re.search(r"#define PCGEN_INSTANTIATE\(T\)(.*?[^\\])\n", text, re.DOTALL)
    if not define:
        return text
    declaration = define[1].replace("\\\n", "\n").strip().removesuffix(";")
    stub = re.sub(r"\bT\b", "double", declaration).replace("template ", "template <> ", 1)
    text = text.replace("PCGEN_INSTANTIATE(double)", stub + " { return cudaErrorKernel; }")
    return text.replace("launch<T, kMaxDim>(", "launch<T, 3>(")
