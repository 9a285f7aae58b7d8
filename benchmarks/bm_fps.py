"""Farthest-point sampling against its peers on the CPU.

    pip install fpsample
    python benchmarks/bm_fps.py --threads 2 --repeats 5
    python benchmarks/bm_fps.py --cases robust

Prints one line per case: our median in ms, then each peer's and how many times ours it is. fpsample's bucket variants
run with every tree height of HEIGHTS and report the best; a batch is shared among as many threads as we have, one cloud
each. The approximate variants of fpsample (npdu) are left out: they choose other points.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from clouds import hard_clouds, medians, print_row, surface
from torch import Tensor

from pcgen.ops import farthest_point_sample

HEIGHTS = {2048: (2, 3, 4, 5), 100_000: (5, 6, 7, 8, 9), 1_000_000: (7, 8, 9, 10, 11)}
MAX_VANILLA = 500_000_000  # distances, above which the plain variant would take minutes


def peers(points: Tensor, k: int, pool: ThreadPoolExecutor) -> dict[str, Callable[[], object]]:
    """What can be imported here, by name; each samples every cloud of ``[B, N, 3]``."""
    found: dict[str, Callable[[], object]] = {}
    vanilla = points.shape[0] * points.shape[1] * k < MAX_VANILLA
    if vanilla and importlib.util.find_spec("pytorch3d"):
        from pytorch3d.ops import sample_farthest_points

        found["pytorch3d"] = lambda: sample_farthest_points(points, K=k)
    if not importlib.util.find_spec("fpsample"):
        return found
    import fpsample

    clouds = [cloud.numpy() for cloud in points]

    def every(sample: Callable[..., object], *arguments: object) -> Callable[[], object]:
        return lambda: list(pool.map(lambda cloud: sample(cloud, k, *arguments), clouds))

    found |= {f"kdline h={h}": every(fpsample.bucket_fps_kdline_sampling, h, 0) for h in HEIGHTS[points.shape[1]]}
    if points.shape[1] < 1_000_000:
        found["kdtree"] = every(fpsample.bucket_fps_kdtree_sampling, 0)
    if vanilla:
        found["vanilla"] = every(fpsample.fps_sampling, 0)
    return found


def best_heights(ms: dict[str, float]) -> dict[str, float]:
    """Only the fastest of the tree heights."""
    lines = {name: value for name, value in ms.items() if name.startswith("kdline")}
    slower = sorted(lines, key=lambda name: lines[name])[1:]
    return {name: value for name, value in ms.items() if name not in slower}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", choices=["speed", "robust", "all"], default="all")
    args = parser.parse_args()
    print(f"{f'FPS, {args.threads} threads':<34}{'pcgen ms':>10}   peer ms (ratio)")
    if args.cases != "robust":
        with ThreadPoolExecutor(args.threads) as pool:
            for batch, n, k in [(32, 2048, 512), (1, 100_000, 2048), (1, 100_000, 16384), (1, 1_000_000, 16384)]:
                points = torch.stack([surface(n, seed) for seed in range(batch)])
                ours = {"pcgen": lambda points=points, k=k: farthest_point_sample(points, k)}
                ms = medians(ours | peers(points, k, pool), args.repeats, args.threads)
                print_row(f"{batch} x {n} -> {k}", best_heights(ms))
    if args.cases != "speed":
        for k in (2048, 16384):
            for name, cloud in hard_clouds(100_000):
                ours = {"pcgen": lambda cloud=cloud, k=k: farthest_point_sample(cloud, k)}
                print_row(f"1 x 100000 -> {k}, {name}", medians(ours, args.repeats, args.threads))


if __name__ == "__main__":
    main()
