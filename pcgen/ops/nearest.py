"""Nearest neighbour between two batches of point clouds, in one direction or in both."""

from __future__ import annotations

__all__ = ["Nearest", "nearest", "nearest_both"]

from typing import Any, NamedTuple

import torch
from torch import Tensor

from pcgen.ops._checks import Pointclouds, require_clouds, require_same_batch, working
from pcgen.ops._transforms import in_transform, register_vmap_by_folding
from pcgen.ops.fps import gather_points


class Nearest(NamedTuple):
    """For each point of one cloud, its nearest point of the other.

    Attributes:
        dist2: squared distance to it, ``[B, N]``, float32 (float64 for float64 input).
        index: which one it is, ``[B, N]`` int64; -1 where there is none.
    """

    dist2: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here

    @property
    def distance(self) -> Tensor:
        """The Euclidean distance, not squared; its derivative is taken as 0 where the distance is 0."""
        return square_root(self.dist2)


def square_root(dist2: Tensor) -> Tensor:
    """Lengths from squared ones; the derivative is taken as 0 where the length is 0."""
    positive = dist2 > 0
    return torch.where(positive, torch.where(positive, dist2, 1).sqrt(), dist2.detach())


def nearest(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> Nearest:
    """The nearest point of ``y`` for every point of ``x``, by squared Euclidean distance.

    The search is exact; among equally near targets the lowest index wins. Distances are differentiable to any order,
    by every transform of ``torch.func`` and in forward mode; the result and its derivatives do not depend on the number
    of threads. Extra memory grows linearly: on the CPU at most 48 bytes a point of ``x`` and ``y`` (3D, float32).

    Args:
        x: queries ``[B, N, D]`` or ``[N, D]``, D from 2 to 16 (3 is the fast case), or a ``Pointclouds``.
        y: targets ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``.
        x_lengths: number of valid queries of each cloud, ``[B]``.
        y_lengths: number of valid targets of each cloud, ``[B]``; the others are ignored.

    Returns:
        ``(dist2, index)``, without batch dimension if ``x`` had none. No target: distance inf, index -1. A query with
        NaN or inf, or beyond ``x_lengths``: distance NaN, index -1, zero gradient. A target with NaN or inf is nobody's
        nearest.

    Raises:
        InputError: shapes, batch sizes or devices do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
        >>> y = torch.tensor([[0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
        >>> nearest(x, y)
        Nearest(dist2=tensor([1., 1.]), index=tensor([0, 1]))
    """
    xb, yb, x_lengths, y_lengths, batched = _require_pair(x, y, x_lengths, y_lengths)
    if in_transform(xb, yb):
        result = _gathered(xb, yb, *torch.ops.pcgen.nearest(xb.detach(), yb.detach(), x_lengths, y_lengths))
    else:
        result = Nearest(*torch.ops.pcgen.nearest(xb, yb, x_lengths, y_lengths))
    return result if batched else _first(result)


def nearest_both(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> tuple[Nearest, Nearest]:
    """The nearest point of ``y`` for every point of ``x``, and of ``x`` for every point of ``y``.

    The same as two calls of :func:`nearest`, but each distance is computed only once.

    Args:
        x: ``[B, N, D]`` or ``[N, D]``, D from 2 to 16 (3 is the fast case), or a ``Pointclouds``.
        y: ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``.
        x_lengths: number of valid points of each cloud of ``x``, ``[B]``.
        y_lengths: number of valid points of each cloud of ``y``, ``[B]``.

    Returns:
        The neighbours of the points of ``x``, and those of the points of ``y``.

    Raises:
        InputError: shapes, batch sizes or devices do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> of_x, of_y = nearest_both(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
        >>> of_x.index.tolist(), of_y.dist2.tolist()
        ([0, 0], [1.0])
    """
    xb, yb, x_lengths, y_lengths, batched = _require_pair(x, y, x_lengths, y_lengths)
    if in_transform(xb, yb):
        found = torch.ops.pcgen.nearest_both(xb.detach(), yb.detach(), x_lengths, y_lengths)
        of_x, of_y = _gathered(xb, yb, *found[:2]), _gathered(yb, xb, *found[2:])
    else:
        found = torch.ops.pcgen.nearest_both(xb, yb, x_lengths, y_lengths)
        of_x, of_y = Nearest(*found[:2]), Nearest(*found[2:])
    return (of_x, of_y) if batched else (_first(of_x), _first(of_y))


def _require_pair(
    x: Tensor | Pointclouds, y: Tensor | Pointclouds, x_lengths: Tensor | None, y_lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, bool]:
    """The clouds as ``[B, N, D]`` in working precision, their lengths, and whether ``x`` came with a batch."""
    xb, x_lengths = require_clouds("x", x, "x_lengths", x_lengths)
    yb, y_lengths = require_clouds("y", y, "y_lengths", y_lengths)
    require_same_batch("x", xb, "y", yb)
    return working(xb), working(yb), x_lengths, y_lengths, not isinstance(x, Tensor) or x.dim() == 3


def _first(result: Nearest) -> Nearest:
    return Nearest(result.dist2[0], result.index[0])


# --- derivatives ----------------------------------------------------------------------------------------------------


def _gathered(x: Tensor, y: Tensor, dist2: Tensor, index: Tensor) -> Nearest:
    """The same neighbours, their distances computed again by torch so that any transform can follow."""
    if not y.shape[1]:
        return Nearest(dist2, index)
    found = index >= 0
    return Nearest(torch.where(found, _difference(x, y, index).square().sum(-1), dist2), index)


def _difference(x: Tensor, y: Tensor, index: Tensor) -> Tensor:
    """``x_i - y_index(i)``; zero where there is no index, with zero derivative even if ``x`` is NaN there."""
    return torch.where((index >= 0)[..., None], x, 0) - gather_points(y, index)


def _save_nearest(ctx: Any, inputs: tuple, output: tuple) -> None:
    ctx.save_for_backward(*inputs[:2], *output[1::2])
    ctx.mark_non_differentiable(*output[1::2])


def _nearest_derivative(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, Tensor, None, None]:
    x, y, index = ctx.saved_tensors
    return *torch.ops.pcgen.nearest_backward(grad, x, y, index), None, None


def _nearest_both_derivative(ctx: Any, grad_x: Tensor, _: Any, grad_y: Tensor, __: Any) -> tuple:
    x, y, index_x, index_y = ctx.saved_tensors
    to_x, to_y = torch.ops.pcgen.nearest_backward(grad_x, x, y, index_x)
    also_to_y, also_to_x = torch.ops.pcgen.nearest_backward(grad_y, y, x, index_y)
    return to_x + also_to_x, to_y + also_to_y, None, None


def _save_backward(ctx: Any, inputs: tuple, output: tuple) -> None:
    ctx.save_for_backward(*inputs)


def _backward_derivative(ctx: Any, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    """The backward is linear in ``grad`` and in the points: for the points it is its own derivative."""
    grad, x, y, index = ctx.saved_tensors
    to_x, to_y = torch.ops.pcgen.nearest_backward(grad, u, v, index)
    if not y.shape[1]:
        return torch.zeros_like(grad), to_x, to_y, None
    return 2 * (_difference(u, v, index) * _difference(x, y, index)).sum(-1), to_x, to_y, None


@torch.library.register_fake("pcgen::nearest")
def _(x: Tensor, y: Tensor, x_lengths: Tensor | None, y_lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[:2]), x.new_empty(x.shape[:2], dtype=torch.int64)


@torch.library.register_fake("pcgen::nearest_both")
def _(x: Tensor, y: Tensor, x_lengths: Tensor | None, y_lengths: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(p.shape[:2], dtype=dtype) for p in (x, y) for dtype in (x.dtype, torch.int64))


@torch.library.register_fake("pcgen::nearest_backward")
def _(grad: Tensor, x: Tensor, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), y.new_empty(y.shape)


torch.library.register_autograd("pcgen::nearest", _nearest_derivative, setup_context=_save_nearest)
torch.library.register_autograd("pcgen::nearest_both", _nearest_both_derivative, setup_context=_save_nearest)
torch.library.register_autograd("pcgen::nearest_backward", _backward_derivative, setup_context=_save_backward)
for _name in ("nearest", "nearest_both", "nearest_backward"):
    register_vmap_by_folding(_name)
