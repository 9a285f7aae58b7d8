"""k nearest neighbours against their peers on the CPU.

    pip install pykdtree scipy
    OMP_NUM_THREADS=2 python benchmarks/bm_knn.py --threads 2 --repeats 5
    python benchmarks/bm_knn.py --cases robust

Every call builds its index and searches it; queries are the points themselves. Prints one line per case: our median in
ms, then each peer's and how many times ours it is. pykdtree takes its threads from OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import numpy as np
import torch
from clouds import hard_clouds, medians, print_row, surface
from torch import Tensor

from pcgen.ops import knn

K = 16


def peers(points: Tensor, threads: int) -> dict[str, Callable[[], object]]:
    """What can be imported here, by name; each searches every cloud of ``[B, N, 3]``."""
    clouds = [np.ascontiguousarray(cloud) for cloud in points.numpy()]
    found: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec("pykdtree"):
        from pykdtree.kdtree import KDTree

        found["pykdtree"] = lambda: [KDTree(cloud).query(cloud, k=K) for cloud in clouds]
    if importlib.util.find_spec("scipy"):
        from scipy.spatial import cKDTree

        found["scipy"] = lambda: [cKDTree(cloud).query(cloud, k=K, workers=threads) for cloud in clouds]
    if points.shape[1] <= 4096:
        found["torch"] = lambda: torch.cdist(points, points).topk(K, largest=False)
        if importlib.util.find_spec("pytorch3d"):
            from pytorch3d.ops import knn_points

            found["pytorch3d"] = lambda: knn_points(points, points, K=K)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", choices=["speed", "robust", "all"], default="all")
    args = parser.parse_args()
    print(f"{f'kNN, k={K}, {args.threads} threads':<34}{'pcgen ms':>10}   peer ms (ratio)")
    if args.cases != "robust":
        for batch, n in [(32, 2048), (1, 100_000), (1, 1_000_000)]:
            points = torch.stack([surface(n, seed) for seed in range(batch)])
            ours = {"pcgen": lambda points=points: knn(points, points, K)}
            print_row(f"{batch} x {n}", medians(ours | peers(points, args.threads), args.repeats, args.threads))
    if args.cases != "speed":
        for name, cloud in hard_clouds(100_000):
            points = cloud[None]
            ours = {"pcgen": lambda points=points: knn(points, points, K)}
            print_row(f"1 x 100000, {name}", medians(ours, args.repeats, args.threads))


if __name__ == "__main__":
    main()
