"""Nearest neighbours in both directions (what a Chamfer distance needs) against their peers on the CPU.

    pip install pykdtree scipy point-cloud-utils
    OMP_NUM_THREADS=2 python benchmarks/bm_nearest.py --threads 2 --repeats 5
    python benchmarks/bm_nearest.py --cases robust

Every call builds its index and searches it. Prints one line per case: our median in ms, then each peer's and how many
times ours it is. pykdtree takes its threads from OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import numpy as np
import torch
from clouds import hard_clouds, medians, print_row, surface
from torch import Tensor

from pcgen.ops import nearest_both


def peers(x: Tensor, y: Tensor, threads: int) -> dict[str, Callable[[], object]]:
    """What can be imported here, by name; each searches every pair of clouds in both directions."""
    pairs = [(np.ascontiguousarray(a), np.ascontiguousarray(b)) for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    pairs += [(b, a) for a, b in pairs]
    found: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec("pykdtree"):
        from pykdtree.kdtree import KDTree

        found["pykdtree"] = lambda: [KDTree(b).query(a) for a, b in pairs]
    if importlib.util.find_spec("scipy"):
        from scipy.spatial import cKDTree

        found["scipy"] = lambda: [cKDTree(b).query(a, workers=threads) for a, b in pairs]
    if importlib.util.find_spec("point_cloud_utils"):
        import point_cloud_utils

        found["point-cloud-utils"] = lambda: [point_cloud_utils.k_nearest_neighbors(a, b, 1) for a, b in pairs]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", choices=["speed", "robust", "all"], default="all")
    args = parser.parse_args()
    print(f"{f'nearest, both ways, {args.threads} threads':<34}{'pcgen ms':>10}   peer ms (ratio)")
    if args.cases != "robust":
        for batch, n in [(32, 2048), (1, 100_000), (1, 1_000_000)]:
            x, y = (torch.stack([surface(n, seed) for seed in range(first, first + batch)]) for first in (0, batch))
            calls = {"pcgen": lambda x=x, y=y: nearest_both(x, y)}
            print_row(f"{batch} x {n}", medians(calls | peers(x, y, args.threads), args.repeats, args.threads))
    if args.cases != "speed":
        for (name, a), (_, b) in zip(hard_clouds(100_000), hard_clouds(100_000, seed=1), strict=True):
            x, y = a[None], b[None]
            calls = {"pcgen": lambda x=x, y=y: nearest_both(x, y)}
            print_row(f"1 x 100000, {name}", medians(calls, args.repeats, args.threads))


if __name__ == "__main__":
    main()
