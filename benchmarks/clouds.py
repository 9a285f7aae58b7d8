"""Clouds and timing shared by the benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def surface(n: int, seed: int = 0) -> Tensor:
    """Half a sphere's surface, half three faces of a box, in random order."""
    generator = torch.Generator().manual_seed(seed)
    ball = torch.nn.functional.normalize(torch.randn(n - n // 2, 3, generator=generator), dim=1)
    faces = torch.rand(n // 2, 3, generator=generator) * 2 - 1
    faces[torch.arange(n // 2), torch.randint(0, 3, (n // 2,), generator=generator)] = 1
    return torch.cat([ball, faces])[torch.randperm(n, generator=generator)]


def hard_clouds(n: int, seed: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Distributions that are hard for a spatial index; the first is the easy one to compare with."""
    generator = torch.Generator().manual_seed(seed)
    yield "surface", surface(n, seed)
    part = torch.randint(0, 6, (n,), generator=generator)
    spread = 10.0 ** (-part.float() - 1)[:, None]
    centers = torch.randn(6, 3, generator=torch.Generator().manual_seed(7))
    yield "clusters", centers[part] + torch.randn(n, 3, generator=generator) * spread
    yield "plane", torch.rand(n, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.0])
    far = surface(n, seed + 100)
    far[: n // 100] *= 1000
    yield "1 % outliers", far
    yield "duplicates", torch.ones(n, 3)
    ring, angle = torch.randint(0, 64, (n,), generator=generator), torch.rand(n, generator=generator) * 2 * torch.pi
    radius = 2 / torch.linspace(0.05, 0.5, 64).tan()[ring]
    rings = torch.stack([radius * angle.cos(), radius * angle.sin(), torch.full((n,), -2.0)], 1)
    yield "lidar rings", rings + 0.02 * torch.randn(n, 3, generator=generator)


def medians(calls: dict[str, Callable[[], object]], repeats: int, threads: int) -> dict[str, float]:
    """Median milliseconds of each call. Runs are interleaved, so a busy machine slows everybody alike.

    Each run is the second of two: after another library's turn the caches hold its data, and the system may have put
    both threads of OpenMP on one core, where each waits for the other's time slice. The threads are set anew before
    every run: point-cloud-utils leaves the process with one, which would slow pykdtree and us after it.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            torch.set_num_threads(threads)
            call()
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def print_row(case: str, ms: dict[str, float]) -> None:
    """``ms`` starts with ours."""
    ours, *peers = ms.items()
    line = f"{case:<34}{ours[1]:>10.2f}"
    for name, value in sorted(peers, key=lambda item: item[1]):
        line += f"   {name} {value:.1f} ({value / ours[1]:.1f}x)"
    print(line, flush=True)
