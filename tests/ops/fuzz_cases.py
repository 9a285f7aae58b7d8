"""What the fuzzer calls: an operator, and arguments that are as awkward as they may be."""

from __future__ import annotations

__all__ = ["Case", "draw"]

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from pcgen import ops

DTYPES = [torch.float32] * 6 + [torch.float64] * 2 + [torch.float16, torch.bfloat16]
# Around the sizes of vectors, leaves and chunks, and where nearest builds trees.
EDGES = [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513]
INDEXED = 768


@dataclass(frozen=True)
class Case:
    """One call."""

    name: str
    arguments: dict[str, Any]
    gradient: bool

    def call(self) -> list[Tensor]:
        """The operator's results, and the gradients of the clouds if they are wanted."""
        arguments = dict(self.arguments)
        leaves = []
        if self.gradient:
            for name in ("x", "y", "query", "points"):
                if name in arguments:
                    arguments[name] = arguments[name].detach().requires_grad_()
                    leaves.append(arguments[name])
        results = _flat(OPERATORS[self.name][0](**arguments))
        smooth = [result for result in results if result.requires_grad]
        if smooth:
            # Uneven weights, so that no two points are confused; an infinite distance has no derivative.
            total = sum((_ramp(part) * torch.where(part.isfinite(), part, 0)).sum() for part in smooth)
            results += torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        return [result.detach() for result in results]

    def __str__(self) -> str:
        told = ", ".join(f"{name}={_told(value)}" for name, value in self.arguments.items())
        return f"{self.name}({told}){' with gradient' if self.gradient else ''}"


def _told(value: Any) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    if value.dim() < 2:
        return repr(value.tolist())
    layout = "" if value.is_contiguous() else f" strides {value.stride()}"
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}{layout}"


def _flat(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return [] if result is None else [tensor for part in result for tensor in _flat(part)]


def _ramp(like: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, like.numel(), dtype=like.dtype).view(like.shape)


def draw(seed: int) -> Case:
    """The case of a seed."""
    rng = Random(seed)
    torch_rng = torch.Generator().manual_seed(seed)
    name = rng.choice(sorted(OPERATORS))
    clouds = Clouds(rng, torch_rng)
    return Case(name, OPERATORS[name][1](clouds), clouds.moderate and rng.random() < 0.3)


class Clouds:
    """Draws clouds that share batch size, dimension and dtype."""

    def __init__(self, rng: Random, torch_rng: torch.Generator) -> None:
        self.rng, self.torch_rng = rng, torch_rng
        self.batch = rng.choice([None, 0, 1, 1, 1, 2, 3, 4])
        self.dtype = rng.choice(DTYPES)
        self.dim = rng.choice([3] * 7 + [2, 4, 16])
        self.kind = rng.choice(["normal", "normal", "grid", "duplicates", "far", "plane", "tiny", "huge"])
        self.bad = rng.choice([0, 0, 0, 0.02, 0.3, 1])

    @property
    def moderate(self) -> bool:
        """Neither overflow nor underflow."""
        return self.kind not in ("tiny", "huge")

    def size(self) -> int:
        """Number of points."""
        chance = self.rng.random()
        if chance < 0.5:
            return self.rng.choice(EDGES)
        if chance < 0.997:
            return self.rng.randint(0, 200)
        return self.rng.randint(INDEXED - 10, INDEXED + 600)

    def points(self, n: int, bad: bool = True) -> Tensor:
        """``[B, n, D]``, or ``[n, D]`` where the case has no batch."""
        values = self._values(self.batch or 1 if self.batch != 0 else 0, n)
        if bad and self.bad:
            hit = torch.rand(values.shape, generator=self.torch_rng) < self.bad / 3
            what = self.rng.choice([torch.nan, torch.inf, -torch.inf])
            values = values.masked_fill(hit, what)
        return self._laid_out(values.to(self.dtype) if self.batch is not None else values[0].to(self.dtype))

    def _values(self, batch: int, n: int) -> Tensor:
        shape = (batch, n, self.dim)
        if self.kind in ("grid", "duplicates"):
            span = 3 if self.kind == "grid" else 1
            return torch.randint(-span, span, shape, generator=self.torch_rng).double()
        values = torch.randn(shape, generator=self.torch_rng, dtype=torch.float64)
        if self.kind == "plane":
            values[..., 0] = 0.25
        scale = {"tiny": 1e-22, "huge": 1e19, "far": 1e-3}.get(self.kind, 1.0)
        return values * scale + (100 if self.kind == "far" else 0)

    def _laid_out(self, points: Tensor) -> Tensor:
        """The same points, laid out in memory in one of several ways."""
        layout = self.rng.choice(["plain", "plain", "columns", "every other", "shifted", "wider"])
        if layout == "columns":
            return points.mT.contiguous().mT
        if layout == "every other":
            return points.repeat_interleave(2, dim=-2)[..., ::2, :]
        if layout == "shifted":
            return torch.cat([points.new_zeros(1), points.flatten()])[1:].view(points.shape)
        if layout == "wider":
            return torch.cat([points, torch.full_like(points[..., :1], torch.nan)], -1)[..., :-1]
        return points

    def lengths(self, n: int) -> Tensor | None:
        """Some beyond the cloud, some negative: those are clamped."""
        if self.rng.random() < 0.5:
            return None
        dtype = self.rng.choice([torch.int64, torch.int64, torch.int32])
        count = 1 if self.batch is None else self.batch
        return torch.tensor([self.rng.randint(-2, n + 3) for _ in range(count)], dtype=dtype)


def _pair(clouds: Clouds) -> dict[str, Any]:
    n, m = clouds.size(), clouds.size()
    x, y = clouds.points(n), clouds.points(m)
    return {"x": x, "y": y, "x_lengths": clouds.lengths(n), "y_lengths": clouds.lengths(m)}


def _chamfer(clouds: Clouds) -> dict[str, Any]:
    rng = clouds.rng
    return _pair(clouds) | {
        "squared": rng.random() < 0.5,
        "directions": rng.choice(["sum", "mean", "pooled", "forward"]),
        "point_reduction": rng.choice(["mean", "sum"]),
        "batch_reduction": rng.choice(["none", "sum"]),
    }


def _f_score(clouds: Clouds) -> dict[str, Any]:
    return _pair(clouds) | {"threshold": clouds.rng.choice([1e-3, 0.5, 2.0])}


def _knn(clouds: Clouds) -> dict[str, Any]:
    n, m = clouds.size(), clouds.size()
    return {
        "query": clouds.points(n),
        "points": clouds.points(m),
        "k": min(m, clouds.rng.choice([0, 1, 2, 4, 5, 8, 9, 16, 17, 33, m])),
        "radius": clouds.rng.choice([None, None, None, 0.0, 0.5, 2.0]),
        "query_lengths": clouds.lengths(n),
        "points_lengths": clouds.lengths(m),
    }


def _knn_of_index(clouds: Clouds) -> dict[str, Any]:
    clouds.dim = 3
    return _knn(clouds)


def _call_index(
    query: Tensor, points: Tensor, k: int, radius: float | None, query_lengths: Any, points_lengths: Any
) -> tuple:
    index = ops.SpatialIndex(points, lengths=points_lengths)
    return index.knn(query, k, radius=radius, query_lengths=query_lengths)


def _farthest(clouds: Clouds) -> dict[str, Any]:
    n = clouds.size() if clouds.rng.random() < 0.995 else clouds.rng.randint(33_000, 40_000)  # sorted in parts
    return {
        "points": clouds.points(n),
        "k": clouds.rng.choice([0, min(1, n), clouds.rng.randint(0, min(n, 64)), min(n, 600)]),
        "start": clouds.rng.choice([clouds.rng.randint(-1, n), "farthest_from_mean"]),
        "return_radii": clouds.rng.random() < 0.5,
        "lengths": clouds.lengths(n),
    }


def _emd(clouds: Clouds) -> dict[str, Any]:
    clouds.dim = 3
    n = clouds.rng.randint(0, 9)  # the reference takes O(n³) steps of Python
    return {
        "x": clouds.points(n),
        "y": clouds.points(n),
        "squared": clouds.rng.random() < 0.5,
        "tol": clouds.rng.choice([0.01, 0.3]),
        "exact": clouds.rng.random() < 0.5,
        "lengths": clouds.lengths(n),
    }


def _plan(clouds: Clouds) -> dict[str, Any]:
    equal = _emd(clouds)
    del equal["lengths"]
    n, m = clouds.rng.randint(0, 9), clouds.rng.randint(0, 9)
    sizes = {
        "x": clouds.points(n),
        "y": clouds.points(m),
        "x_lengths": clouds.lengths(n),
        "y_lengths": clouds.lengths(m),
    }
    return equal | sizes


OPERATORS: dict[str, tuple[Callable, Callable[[Clouds], dict[str, Any]]]] = {
    "nearest": (ops.nearest, _pair),
    "nearest_both": (ops.nearest_both, _pair),
    "chamfer_distance": (ops.chamfer_distance, _chamfer),
    "f_score": (ops.f_score, _f_score),
    "hausdorff_distance": (ops.hausdorff_distance, _pair),
    "knn": (ops.knn, _knn),
    "SpatialIndex.knn": (_call_index, _knn_of_index),
    "farthest_point_sample": (ops.farthest_point_sample, _farthest),
    "emd_assignment": (ops.emd_assignment, _emd),
    "emd_plan": (ops.emd_plan, _plan),
}
