"""Nearest neighbour between two batches of point clouds."""

from __future__ import annotations

__all__ = ["Nearest", "nearest"]

from typing import NamedTuple

import torch
from torch import Tensor

from pcgen.ops._checks import require_lengths, require_points, require_same_batch, working


class Nearest(NamedTuple):
    """Result of :func:`nearest`.

    Attributes:
        dist2: squared distance to the nearest target, ``[B, N]``, float32 (float64 for float64 input).
        index: its index, ``[B, N]`` int64; -1 where there is none.
    """

    dist2: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


def nearest(x: Tensor, y: Tensor, *, y_lengths: Tensor | None = None) -> Nearest:
    """The nearest point of ``y`` for every point of ``x``, by squared Euclidean distance.

    The search is exact; among equally near targets the lowest index wins. Only the search is compiled: the distances
    are gathered from its indices by torch, so derivatives of any order and every ``torch.func`` transform are right.

    Args:
        x: queries ``[B, N, 3]`` or ``[N, 3]``.
        y: targets ``[B, M, 3]`` or ``[M, 3]``.
        y_lengths: number of valid targets of each cloud, ``[B]``; the others are ignored.

    Returns:
        ``(dist2, index)``, without batch dimension if ``x`` had none. No target: distance inf, index -1. A query with
        NaN or inf: distance NaN, index -1, zero gradient. A target with NaN or inf is nobody's nearest.

    Raises:
        InputError: shapes, batch sizes or devices do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
        >>> y = torch.tensor([[0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
        >>> nearest(x, y)
        Nearest(dist2=tensor([1., 1.]), index=tensor([0, 1]))
    """
    xb, yb = require_points("x", x), require_points("y", y)
    require_same_batch("x", xb, "y", yb)
    y_lengths = require_lengths("y_lengths", y_lengths, yb)
    xb, yb = working(xb), working(yb)
    index = torch.ops.pcgen.nearest(xb.detach(), yb.detach(), y_lengths)
    dist2 = _distance2_at(xb, yb, index)
    return Nearest(dist2, index) if x.dim() == 3 else Nearest(dist2[0], index[0])


def _distance2_at(x: Tensor, y: Tensor, index: Tensor) -> Tensor:
    """``|x_i - y_index(i)|²``; where there is no index: NaN for an unusable query, inf for a missing target."""
    found = index >= 0
    finite = x.isfinite().all(-1)
    x = torch.where(finite[..., None], x, 0)  # a NaN must not reach the gradient through 0 * NaN
    if y.shape[1]:
        y = y.gather(1, index.clamp(min=0)[..., None].expand(-1, -1, 3))
        y = torch.where(found[..., None], y, x.detach())
        dist2 = (x - y).square().sum(-1)
    else:
        dist2 = (x * 0).sum(-1)
    dist2 = torch.where(found, dist2, torch.inf)
    return torch.where(finite, dist2, torch.nan)


@torch.library.register_fake("pcgen::nearest")
def _(x: Tensor, y: Tensor, y_lengths: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[:2], dtype=torch.int64)
