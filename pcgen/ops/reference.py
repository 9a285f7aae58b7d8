"""The slow, obvious torch version of every operator: test oracle, and fallback where no kernel exists.

Same arguments and results as the registered operators (validated, ``[B, N, 3]``, float32 or float64). Memory stays
below 256 MB by chunking.
"""

from __future__ import annotations

__all__ = ["distance2", "farthest_point_sample", "nearest", "nearest_backward", "nearest_both"]

import torch
from torch import Tensor

MAX_BYTES = 256 * 2**20


def distance2(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances as the kernels round them: ``fma(dz, dz, fma(dy, dy, dx * dx))``, and so on.

    In float32 each fused step is emulated by float64, where the product of two float32 numbers is exact.

    Args:
        x: ``[..., D]``.
        y: ``[..., D]``, broadcast against ``x``.

    Returns:
        ``[...]`` squared distances in the dtype of ``x``.
    """
    first, *others = (x - y).unbind(-1)
    total = first * first
    for d in others:
        total = (d.double() * d.double() + total.double()).to(x.dtype)
    return total


def _valid(points: Tensor, lengths: Tensor | None) -> Tensor:
    """``[B, N]``: True for finite points within the cloud's length."""
    finite = points.isfinite().all(-1)
    if lengths is None:
        return finite
    return finite & (torch.arange(points.shape[1], device=points.device) < lengths[:, None])


def nearest(
    x: Tensor, y: Tensor, x_lengths: Tensor | None = None, y_lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Squared distance and index of the nearest valid target; lowest index among ties.

    Args:
        x: queries ``[B, N, D]``.
        y: targets ``[B, M, D]``.
        x_lengths: valid queries per cloud ``[B]``, or None.
        y_lengths: valid targets per cloud ``[B]``, or None.

    Returns:
        ``[B, N]`` in the dtype of ``x`` and ``[B, N]`` int64: NaN and -1 for a query that is not valid, inf and -1
        where there is no target.
    """
    batch, n, m = x.shape[0], x.shape[1], y.shape[1]
    dist2 = x.new_full((batch, n), torch.inf)
    index = torch.full((batch, n), -1, dtype=torch.int64, device=x.device)
    valid = _valid(y, y_lengths)
    targets = torch.where(valid[..., None], y, 0)
    rows = max(1, MAX_BYTES // (max(m, 1) * 8 * 8))
    for b in range(batch):
        if not valid[b].any():
            continue
        for start in range(0, n, rows):
            d = distance2(x[b, start : start + rows, None], targets[b, None])
            # An overflow is farther than any number but nearer than an invalid target.
            order = torch.where(d.isinf(), torch.finfo(d.dtype).max, d).masked_fill(~valid[b], torch.inf)
            i = (order == order.amin(1, keepdim=True)).to(torch.uint8).argmax(1)
            dist2[b, start : start + rows] = d.gather(1, i[:, None])[:, 0]
            index[b, start : start + rows] = i
    unusable = ~_valid(x, x_lengths)
    return dist2.masked_fill(unusable, torch.nan), index.masked_fill(unusable, -1)


def nearest_both(
    x: Tensor, y: Tensor, x_lengths: Tensor | None = None, y_lengths: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`nearest` from ``x`` to ``y`` and from ``y`` to ``x``."""
    return *nearest(x, y, x_lengths, y_lengths), *nearest(y, x, y_lengths, x_lengths)


def nearest_backward(grad: Tensor, x: Tensor, y: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the squared distances of :func:`nearest`; an index of -1 contributes nothing.

    Args:
        grad: ``[B, N]`` gradients of the squared distances.
        x: ``[B, N, D]``.
        y: ``[B, M, D]``.
        index: ``[B, N]`` int64.

    Returns:
        Gradients ``[B, N, D]`` and ``[B, M, D]``.
    """
    to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
    for b in range(x.shape[0]):
        i = (index[b] >= 0).nonzero()[:, 0]
        to_x[b, i] = 2 * grad[b, i, None] * (x[b, i] - y[b, index[b, i]])
        to_y[b].index_add_(0, index[b, i], -to_x[b, i])
    return to_x, to_y


def farthest_point_sample(points: Tensor, k: int, start: Tensor, lengths: Tensor | None) -> Tensor:
    """Greedy farthest-point order (Gonzalez, 1985): each next point is the farthest from all taken so far.

    Args:
        points: ``[B, N, 3]``.
        k: number of points to take, at most N.
        start: first point per cloud ``[B]``, clamped to the cloud.
        lengths: valid points per cloud ``[B]``, or None.

    Returns:
        ``[B, k]`` int64; -1 beyond a cloud's length. Points that are not finite come last.
    """
    batch, n = points.shape[:2]
    index = torch.full((batch, k), -1, dtype=torch.int64, device=points.device)
    if index.numel() == 0:
        return index
    count = torch.full((batch,), n, device=points.device) if lengths is None else lengths.clamp(0, n)
    finite = points.isfinite().all(-1)
    inside = torch.arange(n, device=points.device) < count[:, None]
    points = torch.where(finite[..., None], points, 0)
    rank = torch.where(finite, torch.inf, -1.0).to(points.dtype).masked_fill(~inside, -torch.inf)

    rows = torch.arange(batch, device=points.device)
    last = torch.minimum(start.clamp(min=0), (count - 1).clamp(min=0))
    first_finite = (finite & inside).to(torch.uint8).argmax(1)
    last = torch.where(finite[rows, last], last, torch.where((finite & inside).any(1), first_finite, last))
    for step in range(k):
        index[:, step] = torch.where(step < count, last, -1)
        rank[rows, last] = torch.where(step < count, -2.0, rank[rows, last])
        rank = torch.minimum(rank, distance2(points, points[rows, last][:, None]))
        last = (rank == rank.amax(1, keepdim=True)).to(torch.uint8).argmax(1)
    return index
