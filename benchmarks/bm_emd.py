"""Earth Mover's Distance against POT and SciPy. Example: python benchmarks/bm_emd.py --points 2048 --repeats 5.

Prints milliseconds and the ratio peer / ours; POT and SciPy are exact and include their cost matrix. Pairs run on one
thread, the batch and the large pairs on --threads; peers loop over the batch. The last column is our time relative to
the random pair's.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import pcgen
from pcgen import assets
from pcgen.ops import earth_movers_distance


def surface(n: int, generator: torch.Generator) -> Tensor:
    """Points on a sphere and on three faces of a box, ``[n, 3]``."""
    part = torch.randint(0, 4, (n,), generator=generator)
    points = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1) * 0.5
    for axis in range(3):
        face = torch.rand(n, 3, generator=generator) - 0.5
        face[:, axis] = 0.5
        points = torch.where((part == axis + 1)[:, None], face, points)
    return points


def reconstruction(n: int) -> tuple[Tensor, Tensor]:
    """A shipped chair and what the shipped model makes of it, ``[n, 3]`` both."""
    chair = assets.load("chair_tubular").tensor()[:n]
    return chair, pcgen.load("chair").reconstruct(chair, num_points=len(chair))


def pairs(n: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    g = torch.Generator().manual_seed(0)
    x, y = surface(n, g), surface(n, g) * torch.tensor([1.0, 0.8, 1.2])
    jitter = 0.01 * torch.randn(n, 3, generator=g)
    centers = 5 * torch.randn(5, 3, generator=g)
    line = torch.tensor([[1.0, 0.0, 0.0]])
    yield "random", x, y
    yield "same surface", x, surface(n, g)
    yield "near match", x, x.flip(0) + jitter
    if n <= 4096:  # as many as a shipped chair has
        yield "reconstruction", *reconstruction(n)
    yield "duplicates", *(cloud[torch.randint(0, n // 8, (n,), generator=g)] for cloud in (x, y))
    yield "clusters", *(centers[torch.randint(0, 5, (n,), generator=g)] + 5 * jitter.roll(k, 0) for k in range(2))
    yield "far apart", x, y + 5
    yield "moved", x, y + torch.tensor([2.0, 1.2, 0.4])
    yield "unequal sizes", x, y[: n - n // 16]
    yield "lattice", *(torch.randint(0, 6, (n, 3), generator=g).float() for _ in range(2))
    yield "collinear", *(torch.rand(n, 1, generator=g) * line for _ in range(2))


def pot(x: Tensor, y: Tensor) -> float:
    ot = importlib.import_module("ot")
    return float(ot.emd2([], [], ot.dist(x.double().numpy(), y.double().numpy(), "euclidean"), numItermax=10**7))


def scipy(x: Tensor, y: Tensor) -> float:
    optimize = importlib.import_module("scipy.optimize")
    cost = torch.cdist(x.double(), y.double()).numpy()
    return float(cost[optimize.linear_sum_assignment(cost)].mean())


def interleaved(calls: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median milliseconds of each call, the calls taking turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, mine in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            mine.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(mine) for mine in times]


def available(names: dict[str, str]) -> set[str]:
    found = set()
    for name, module in names.items():
        try:
            importlib.import_module(module)
            found.add(name)
        except ImportError:
            print(f"{name} is not installed: skipped")
    return found


def row(case: str, ours: float, peer: str, theirs: float, random: float | None = None) -> None:
    relative = f"{ours / random:8.2f}" if random else ""
    print(f"{case:34} {ours:10.2f} {peer:>8} {theirs:10.1f} {theirs / ours:7.1f}x{relative}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--large", type=int, default=16384)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=["POT", "SciPy"])
    args = parser.parse_args()

    modules = {"POT": "ot", "SciPy": "scipy.optimize"}
    peers = available({name: modules[name] for name in args.peers})
    solvers = {name: solve for name, solve in {"POT": pot, "SciPy": scipy}.items() if name in peers}
    modes: dict[str, dict] = {"1 %": {"tol": 0.01}, "0.1 %": {"tol": 0.001}, "exact": {"exact": True}}
    print(f"{'case':34} {'ours ms':>10} {'peer':>8} {'peer ms':>10} {'ratio':>8} {'/random':>8}")
    random: dict[str, float] = {}

    torch.set_num_threads(1)
    for name, x, y in pairs(args.points):
        calls = [lambda x=x, y=y, k=kwargs: earth_movers_distance(x, y, **k) for kwargs in modes.values()]
        fitting = {name: solve for name, solve in solvers.items() if name != "SciPy" or x.shape == y.shape}
        calls += [lambda x=x, y=y, s=solve: s(x, y) for solve in fitting.values()]
        times = interleaved(calls, args.repeats)
        for mode, ours in zip(modes, times, strict=False):
            for peer, theirs in zip(fitting, times[len(modes) :], strict=True):
                row(f"{name}, N={args.points}, {mode}", ours, peer, theirs, random.setdefault(mode, ours))

    torch.set_num_threads(args.threads)
    g = torch.Generator().manual_seed(1)
    x, y = (torch.stack([surface(args.points, g) * s for _ in range(args.batch)]) for s in (1.0, 0.9))
    looped = [lambda s=solve: [s(a, b) for a, b in zip(x, y, strict=True)] for solve in solvers.values()]
    ours, *theirs_all = interleaved([lambda: earth_movers_distance(x, y), *looped], args.repeats)
    for peer, theirs in zip(solvers, theirs_all, strict=True):
        row(f"batch of {args.batch}, 1 %, {args.threads} threads", ours, peer, theirs)
    for name, x, y in pairs(args.large):
        ours = interleaved([lambda x=x, y=y: earth_movers_distance(x, y)], 1)[0]
        print(f"{f'{name}, N={args.large}, 1 %':34} {ours:10.1f}")


if __name__ == "__main__":
    main()
