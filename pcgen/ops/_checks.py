"""Input checks shared by the operators: every message has the name, the expectation, what came, and the remedy."""

from __future__ import annotations

__all__ = ["Pointclouds", "require_clouds", "require_lengths", "require_points", "require_same_batch", "working"]

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
MAX_DIM = 16


@runtime_checkable
class Pointclouds(Protocol):
    """A batch of clouds of different sizes, such as ``pytorch3d.structures.Pointclouds``."""

    def points_padded(self) -> Tensor:
        """``[B, N, 3]``, N the size of the largest cloud."""
        ...

    def num_points_per_cloud(self) -> Tensor:
        """``[B]`` int64."""
        ...


def require_clouds(
    name: str, points: Tensor | Pointclouds, lengths_name: str, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Check points and lengths of a tensor, or take both from a ``Pointclouds``; return them with a batch dimension."""
    if isinstance(points, Tensor) or not isinstance(points, Pointclouds):
        batch = require_points(name, points)
        return batch, require_lengths(lengths_name, lengths, batch)
    if lengths is not None:
        raise InputError(f"{name} has its own lengths, being a {type(points).__name__}; leave out {lengths_name}")
    batch = require_points(name, points.points_padded())
    return batch, require_lengths(lengths_name, points.num_points_per_cloud(), batch)


def require_points(name: str, points: Any) -> Tensor:
    """Check ``[B, N, D]`` or ``[N, D]`` floating points and return them with a batch dimension."""
    if not isinstance(points, Tensor):
        raise InputTypeError(f"{name} must be a torch.Tensor, got {type(points).__name__}; use torch.as_tensor({name})")
    if points.dtype not in DTYPES:
        raise InputTypeError(f"{name} must be floating point, got {points.dtype}; use {name}.float()")
    if points.dim() not in (2, 3) or not 2 <= points.shape[-1] <= MAX_DIM:
        raise InputError(f"{name} must have shape [B, N, D] or [N, D], D from 2 to {MAX_DIM}, got {list(points.shape)}")
    return points if points.dim() == 3 else points[None]


def require_same_batch(name: str, x: Tensor, other_name: str, y: Tensor) -> None:
    """Check that two batches pair up: equal batch size, dimension, device, and dtype except under autocast."""
    if x.shape[0] != y.shape[0]:
        raise InputError(
            f"{name} and {other_name} must have the same batch size, got {x.shape[0]} and {y.shape[0]}; "
            f"repeat the smaller one with .expand(B, -1, -1)"
        )
    if x.shape[2] != y.shape[2]:
        raise InputError(f"{name} and {other_name} must have the same dimension, got {x.shape[2]} and {y.shape[2]}")
    autocast = torch.is_autocast_enabled(x.device.type) and torch.float64 not in (x.dtype, y.dtype)
    if x.dtype != y.dtype and not autocast:
        raise InputTypeError(f"{name} and {other_name} must have the same dtype, got {x.dtype} and {y.dtype}")
    if x.device != y.device:
        raise InputError(f"{name} and {other_name} must be on one device, got {x.device} and {y.device}")


def require_lengths(name: str, lengths: Tensor | None, points: Tensor) -> Tensor | None:
    """Check ``[B]`` whole numbers of valid points per cloud; values are clamped to ``0 … N`` by the operators."""
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor) or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise InputTypeError(f"{name} must be an integer tensor, got {getattr(lengths, 'dtype', type(lengths))}")
    if lengths.shape != points.shape[:1]:
        raise InputError(f"{name} must have shape [{points.shape[0]}], got {list(lengths.shape)}")
    if lengths.device != points.device:
        raise InputError(f"{name} must be on {points.device}, got {lengths.device}")
    return lengths.to(torch.int64).contiguous()


def working(points: Tensor) -> Tensor:
    """The points in the precision the arithmetic uses: float64 stays, everything else becomes float32."""
    return points if points.dtype == torch.float64 else points.float()
