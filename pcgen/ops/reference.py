"""The slow, obvious torch version of every operator: test oracle, and fallback where no kernel exists.

Same arguments and results as the registered operators (validated, ``[B, N, 3]``, float32 or float64). Memory stays
below 256 MB by chunking.
"""

from __future__ import annotations

__all__ = ["distance2", "emd", "farthest_point_sample", "nearest"]

import torch
from torch import Tensor

from pcgen.errors import UnavailableError

MAX_BYTES = 256 * 2**20


def distance2(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances as the kernels round them: ``fma(dz, dz, fma(dy, dy, dx * dx))``.

    In float32 each fused step is emulated by float64, where the product of two float32 numbers is exact.

    Args:
        x: ``[..., 3]``.
        y: ``[..., 3]``, broadcast against ``x``.

    Returns:
        ``[...]`` squared distances in the dtype of ``x``.
    """
    dx, dy, dz = (x - y).unbind(-1)
    total = dx * dx
    for d in (dy, dz):
        total = (d.double() * d.double() + total.double()).to(x.dtype)
    return total


def _valid(points: Tensor, lengths: Tensor | None) -> Tensor:
    """``[B, N]``: True for finite points within the cloud's length."""
    finite = points.isfinite().all(-1)
    if lengths is None:
        return finite
    return finite & (torch.arange(points.shape[1], device=points.device) < lengths[:, None])


def nearest(x: Tensor, y: Tensor, y_lengths: Tensor | None) -> Tensor:
    """Index of the nearest valid target; lowest index among ties; -1 for a query that is not finite or has no target.

    Args:
        x: queries ``[B, N, 3]``.
        y: targets ``[B, M, 3]``.
        y_lengths: valid targets per cloud ``[B]``, or None.

    Returns:
        ``[B, N]`` int64.
    """
    batch, n, m = x.shape[0], x.shape[1], y.shape[1]
    index = torch.full((batch, n), -1, dtype=torch.int64, device=x.device)
    if index.numel() == 0 or m == 0:
        return index
    valid = _valid(y, y_lengths)
    targets = torch.where(valid[..., None], y, 0)
    rows = max(1, MAX_BYTES // (m * 8 * 8))
    for b in range(batch):
        if not valid[b].any():
            continue
        for start in range(0, n, rows):
            d = distance2(x[b, start : start + rows, None], targets[b, None])
            # An overflow is farther than any number but nearer than an invalid target.
            d = torch.where(d.isinf(), torch.finfo(d.dtype).max, d).masked_fill(~valid[b], torch.inf)
            index[b, start : start + rows] = (d == d.amin(1, keepdim=True)).to(torch.uint8).argmax(1)
    return index.masked_fill(~x.isfinite().all(-1), -1)


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


def emd(
    x: Tensor, y: Tensor, lengths: Tensor | None, prices: Tensor | None, squared: bool, tol: float, exact: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Optimal assignment by shortest augmenting paths, O(N³): always exact, whatever ``prices``, ``tol``, ``exact``.

    Args:
        x: ``[B, N, 3]``.
        y: ``[B, N, 3]``.
        lengths: valid points per pair ``[B]``, or None.
        prices: unused.
        squared: squared distance as cost.
        tol: unused.
        exact: unused.

    Returns:
        ``assignment [B, N]`` int64, ``prices [B, N]``, ``lower_bound [B]``, ``gap [B]`` float64, ``converged [B]``.

    Raises:
        UnavailableError: not on the CPU, where this would take minutes without a word.
    """
    if x.device.type != "cpu":
        raise UnavailableError(f"emd has no kernel for {x.device.type}; move both clouds to the CPU with .cpu()")
    batch, n = x.shape[:2]
    assignment = torch.full((batch, n), -1)
    prices = torch.zeros(batch, n, dtype=torch.float64)
    lower_bound, gap = torch.zeros(2, batch, dtype=torch.float64)
    for b in range(batch):
        count = n if lengths is None else int(lengths[b].clamp(0, n))
        a, c = x[b, :count].double(), y[b, :count].double()
        if not (a.isfinite().all() and c.isfinite().all()):
            lower_bound[b] = gap[b] = torch.nan
            continue
        dist2 = distance2(a[:, None], c[None])
        cost = dist2 if squared else dist2.sqrt()
        if count:
            assignment[b, :count], prices[b, :count] = _assign(cost)
            lower_bound[b] = cost[torch.arange(count), assignment[b, :count]].mean()
    return assignment, prices, lower_bound, gap, ~gap.isnan()


def _assign(cost: Tensor) -> tuple[Tensor, Tensor]:
    """The Hungarian method on ``cost [n, n]``: the optimal target of each row, and prices >= 0 that prove it."""
    n = cost.shape[0]
    owner = torch.full((n,), -1)
    target = torch.full((n,), -1)
    price = torch.zeros(n, dtype=torch.float64)
    for start in range(n):
        distance = torch.full((n,), torch.inf, dtype=torch.float64)
        source = torch.full((n,), -1)
        open_ = torch.ones(n, dtype=torch.bool)
        row, base = start, 0.0
        while True:
            value = cost[row] + price
            utility = value.min() if row == start else value[target[row]]
            reached = base + value - utility
            nearer = open_ & (reached < distance)
            distance = torch.where(nearer, reached, distance)
            source[nearer] = row
            j = int(torch.where(open_, distance, torch.inf).argmin())
            base = float(distance[j])
            if owner[j] < 0:
                break
            open_[j] = False
            row = int(owner[j])
        price += torch.where(open_, 0, base - distance)
        row = -1
        while row != start:
            row = int(source[j])
            owner[j] = row
            target[row], j = j, int(target[row])
    return target, price
