"""Chamfer distance against its peers, in one process, runs interleaved, medians.

    python benchmarks/bm_chamfer.py
    python benchmarks/bm_chamfer.py --threads 1 --repeats 11
    python benchmarks/bm_chamfer.py --cases robust

Peers from PyPI: scipy, pykdtree, point-cloud-utils; pytorch3d and torch.cdist take part where they can be imported.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from clouds import hard_clouds, medians
from torch import Tensor

from pcgen.ops import _native, chamfer_distance

Measure = Callable[[Tensor, Tensor], object]


def surfaces(batch: int, n: int, seed: int) -> Tensor:
    """Clouds on a sphere and three faces of a box, ``[batch, n, 3]``."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.nn.functional.normalize(torch.randn(batch, n, 3, generator=generator), dim=2)
    faces = torch.rand(batch, n, 3, generator=generator)
    faces[:, torch.arange(n), torch.arange(n) % 3] = 0
    return torch.where((torch.arange(n) % 2 == 0)[:, None], points, faces).contiguous()


def with_backward(forward: Measure) -> Measure:
    """The same with gradients for both clouds."""

    def run(x: Tensor, y: Tensor) -> object:
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        return torch.autograd.grad(torch.as_tensor(forward(x, y)).sum(), (x, y))

    return run


def by_cdist(x: Tensor, y: Tensor) -> Tensor:
    distance = torch.cdist(x, y)
    return distance.amin(2).square().mean(1) + distance.amin(1).square().mean(1)


def by_scipy() -> Measure:
    tree = importlib.import_module("scipy.spatial").cKDTree
    workers = torch.get_num_threads()

    def one(x: np.ndarray, y: np.ndarray) -> float:
        return (
            np.square(tree(y).query(x, workers=workers)[0]).mean()
            + np.square(tree(x).query(y, workers=workers)[0]).mean()
        )

    return over_pairs(one)


def by_pykdtree() -> Measure:
    tree = importlib.import_module("pykdtree.kdtree").KDTree
    return over_pairs(
        lambda x, y: np.square(tree(y).query(x)[0]).mean() + np.square(tree(x).query(y)[0]).mean(),
    )


def by_point_cloud_utils() -> Measure:
    search = importlib.import_module("point_cloud_utils").k_nearest_neighbors
    return over_pairs(lambda x, y: np.square(search(x, y, 1)[0]).mean() + np.square(search(y, x, 1)[0]).mean())


def by_pytorch3d() -> Measure:
    chamfer = importlib.import_module("pytorch3d.loss").chamfer_distance
    return lambda x, y: chamfer(x, y, batch_reduction=None)[0]


def over_pairs(one: Callable[[np.ndarray, np.ndarray], float]) -> Measure:
    return lambda x, y: [one(a, b) for a, b in zip(x.numpy(), y.numpy(), strict=True)]


PEERS: dict[str, Callable[[], Measure]] = {
    "torch.cdist": lambda: by_cdist,
    "scipy cKDTree": by_scipy,
    "pykdtree": by_pykdtree,
    "point-cloud-utils": by_point_cloud_utils,
    "pytorch3d": by_pytorch3d,
}
DIFFERENTIABLE = ("torch.cdist", "pytorch3d")
CASES = [(32, 2048), (1, 2048), (1, 16384)]
ROBUST_CASES = [(32, 2048), (1, 16384)]


def robust(repeats: int, threads: int) -> None:
    """How long pairs of clouds take that are hard for a tree, as a multiple of the first kind, which is easy."""
    print(f"{'hard clouds, forward':<28}{'pcgen':>9}   of the first")
    for batch, n in ROBUST_CASES:
        calls = {}
        for kinds in zip(*(hard_clouds(n, seed) for seed in range(2 * batch)), strict=True):
            clouds = torch.stack([cloud for _, cloud in kinds])
            calls[kinds[0][0]] = partial(chamfer_distance, clouds[:batch], clouds[batch:])
        found = medians(calls, repeats, threads)
        for name, ms in found.items():
            print(f"{f'{batch} x {n} {name}':<28}{ms:>9.2f}{ms / found['surface']:>12.1f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and scipy")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", choices=["speed", "robust", "all"], default="all")
    arguments = parser.parse_args()

    peers: dict[str, Measure] = {}
    for name, make in PEERS.items():
        try:
            peers[name] = make()
        except ImportError as error:
            print(f"{name} left out: {error}")
    print(f"threads {arguments.threads}, SIMD {_native.status().simd}, medians of {arguments.repeats}, ms")
    print(f"{'case':<28}{'pcgen':>9}   {'peer':<18}{'ms':>10}{'ratio':>9}")
    for batch, n in CASES if arguments.cases != "robust" else []:
        x, y = surfaces(batch, n, 0), surfaces(batch, n, 1)
        forward = {"pcgen": chamfer_distance, **peers}
        backward = {name: with_backward(forward[name]) for name in ("pcgen", *DIFFERENTIABLE) if name in forward}
        for kind, measures in (("forward", forward), ("forward+backward", backward)):
            calls = {name: partial(measure, x, y) for name, measure in measures.items()}
            found = medians(calls, arguments.repeats, arguments.threads)
            for name in (name for name in measures if name != "pcgen"):
                case, ratio = f"{batch} x {n} {kind}", found[name] / found["pcgen"]
                print(f"{case:<28}{found['pcgen']:>9.2f}   {name:<18}{found[name]:>10.2f}{ratio:>8.1f}x")
    if arguments.cases != "speed":
        robust(arguments.repeats, arguments.threads)


if __name__ == "__main__":
    main()
