"""How long our CUDA kernels would take on an H100, by counting instructions, latencies and launches. Not measured."""

from __future__ import annotations

from floors import (
    CLOUDS,
    EMD_BIDS,
    H100,
    LAUNCH,
    LEAF,
    LEAVES_OF_A_QUERY,
    MILLION,
    PAIRS,
    POINTS,
    SORT_BYTES,
    SORT_PASSES,
)

CYCLE = 1 / 1.755e9
SORTED_SHARE = 0.5  # of the bandwidth, in a radix sort
SCATTERED_SECTOR = 32  # bytes that a read of one value somewhere takes
TORCH_FORWARD, TORCH_BACKWARD = 11, 12  # small kernels of torch's around ours: means that leave NaN out, sums


def predictions() -> dict[str, tuple[float, str]]:
    """Seconds of each case, and what was counted."""
    # 10.5 instructions a pair, then a warp for every point that looks through a chunk.
    chamfer = (PAIRS * 10.5 + 2 * CLOUDS * POINTS * 32 * 60) / H100.slots + 2 * LAUNCH
    around = chamfer + TORCH_FORWARD * LAUNCH
    # A block of 512 threads for 512 targets: 4 rounds of index, points and pull at 1300 cycles, 4 of arranging at 350,
    # sums of the counts 600, 3 coordinates of about 4 pulls at 300 each.
    pull = (4 * 1300 + 4 * 350 + 600 + 3 * 4 * 300) * CYCLE + LAUNCH
    gradient = around + 2 * pull + TORCH_BACKWARD * LAUNCH
    # 12 instructions a pair; 94 insertions a query into a list of 16, which its warp pays for half of the time.
    knn = (PAIRS * 12 + CLOUDS * POINTS * 94 * 3 * 16 * 2) / H100.slots + LAUNCH
    step, cluster_step = 430 * CYCLE, 1300 * CYCLE
    # 9 instructions a point of a leaf, 120 for each of 25 boxes that are opened.
    search = MILLION * (LEAVES_OF_A_QUERY * LEAF * 9 + 25 * 120) / H100.slots + 2 * LAUNCH
    sort = SORT_BYTES / (H100.bytes * SORTED_SHARE) + (SORT_PASSES + 3) * LAUNCH
    index = sort + MILLION * 3 * SCATTERED_SECTOR / H100.bytes + (3 + 3) * LAUNCH
    emd = EMD_BIDS * POINTS * 120 / (H100.slots / H100.processors)
    return {
        "chamfer 32 x 2048": (around, f"10.5 instructions a pair; {TORCH_FORWARD} launches of torch's, 33 us"),
        "chamfer and gradient 32 x 2048": (gradient, f"+ 2 kernels of 11000 cycles; {TORCH_BACKWARD} more launches"),
        "knn k=16 32 x 2048": (knn, "12 instructions a pair + insertions"),
        "fps 32 x 2048 -> 1024": (1024 * step, "430 cycles of latency a step, one barrier"),
        "fps 1 x 100k -> 10k": (1e4 * cluster_step, "1300 cycles a step, a cluster of 13 blocks"),
        "nearest 1M vs 1M": (2 * index + search, "2 sorts at half the bandwidth, 12 leaves a query"),
        "emd 32 x 2048": (emd, "a multiprocessor a pair, FP64, 120 instructions a target"),
    }
