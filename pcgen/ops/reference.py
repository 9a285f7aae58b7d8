"""The slow, obvious torch version of every operator: test oracle, and fallback where no kernel exists.

Same arguments and results as the registered operators (validated, ``[B, N, 3]``, float32 or float64). Memory stays
below 256 MB by chunking.
"""

from __future__ import annotations

__all__ = [
    "distance2",
    "emd",
    "emd_plan",
    "farthest_point_sample",
    "knn",
    "nearest",
    "nearest_backward",
    "nearest_both",
    "spatial_index",
    "spatial_index_knn",
]

import math

import torch
from torch import Tensor

from pcgen.errors import UnavailableError

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


def knn(
    query: Tensor,
    points: Tensor,
    k: int,
    radius: float,
    query_lengths: Tensor | None = None,
    points_lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The k nearest valid targets of every query, sorted by (distance, index).

    Args:
        query: ``[B, N, D]``.
        points: ``[B, M, D]``, M at least k.
        k: how many.
        radius: targets farther than this are left out; inf keeps all.
        query_lengths: valid queries per cloud ``[B]``, or None.
        points_lengths: valid targets per cloud ``[B]``, or None.

    Returns:
        Squared distances ``[B, N, k]`` and indices ``[B, N, k]`` int64; inf and -1 where there are fewer than k
        targets, NaN and -1 for a query that is not valid.
    """
    batch, n, m = query.shape[0], query.shape[1], points.shape[1]
    dist2 = torch.full((batch, n, k), torch.inf, dtype=query.dtype, device=query.device)
    index = torch.full((batch, n, k), -1, dtype=torch.int64, device=query.device)
    if index.numel() == 0:
        return dist2, index
    valid = _valid(points, points_lengths)
    targets = torch.where(valid[..., None], points, 0)
    radius2 = torch.tensor(radius, dtype=query.dtype, device=query.device).square()
    rows = max(1, MAX_BYTES // (m * 8 * 12))
    for b in range(batch):
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            d = distance2(query[b, part, None], targets[b, None])
            kept = valid[b] & ~(d > radius2)
            # An overflow is farther than any number but nearer than an invalid target.
            rank = torch.where(d.isinf(), torch.finfo(d.dtype).max, d).masked_fill(~kept, torch.inf)
            order = rank.sort(stable=True).indices[:, :k]
            found = kept.gather(1, order)
            dist2[b, part] = torch.where(found, d.gather(1, order), torch.inf)
            index[b, part] = torch.where(found, order, -1)
    unusable = ~_valid(query, query_lengths)[..., None]
    return dist2.masked_fill(unusable, torch.nan), index.masked_fill(unusable, -1)


LEAF, FAN, NO_INDEX = 32, 16, 2**31 - 1  # as in kernels/cpu/spatial_index.h


def index_levels(n: int) -> list[int]:
    """How many boxes each level of an index over ``n`` points has, the leaves' boxes first."""
    levels = [-(-n // LEAF)]
    while levels[-1] > FAN:
        levels.append(-(-levels[-1] // FAN))
    return levels


def index_shapes(n: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of the four tensors of an index over ``n`` points, without batch dimension."""
    levels = index_levels(n)
    groups = sum(max(1, -(-boxes // FAN)) for boxes in levels)
    return (levels[0], 3, LEAF), (levels[0], LEAF), (groups, 6, FAN), (groups, FAN)


def spatial_index(points: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The tensors of a spatial index, with the points in their own order: searching these is exhaustive.

    Args:
        points: ``[B, N, 3]``.
        lengths: valid points per cloud ``[B]``, or None.

    Returns:
        Leaves ``[B, L, 3, 32]``, original indices ``[B, L, 32]`` int32, boxes ``[B, G, 6, 16]`` and the least index
        below each box ``[B, G, 16]`` int32.
    """
    batch, n = points.shape[:2]
    leaf_count = index_levels(n)[0]
    valid = _valid(points, lengths)
    leaves = points.new_full((batch, leaf_count * LEAF, 3), torch.nan)
    leaves[:, :n] = torch.where(valid[..., None], points, torch.nan)
    index = points.new_full((batch, leaf_count * LEAF), NO_INDEX, dtype=torch.int32)
    index[:, :n] = torch.where(valid, torch.arange(n, device=points.device), NO_INDEX)
    used = torch.cat([torch.arange(-(-boxes // FAN) * FAN or FAN) < boxes for boxes in index_levels(n)])
    used = used.unflatten(0, (-1, FAN)).to(points.device)  # [G, 16]
    low = torch.where(used, -torch.inf, torch.inf).to(points.dtype)
    boxes = torch.stack([low] * 3 + [-low] * 3, 1).expand(batch, -1, -1, -1).contiguous()
    least = torch.where(used, 0, NO_INDEX).to(torch.int32).expand(batch, -1, -1).contiguous()
    return (
        leaves.unflatten(1, (leaf_count, LEAF)).transpose(2, 3).contiguous(),
        index.unflatten(1, (leaf_count, LEAF)),
        boxes,
        least,
    )


def spatial_index_knn(
    query: Tensor,
    query_lengths: Tensor | None,
    leaves: Tensor,
    index: Tensor,
    boxes: Tensor,
    least: Tensor,
    k: int,
    radius: float,
) -> tuple[Tensor, Tensor]:
    """:func:`knn` among the points of an index.

    Args:
        query: ``[B, N, 3]``.
        query_lengths: valid queries per cloud ``[B]``, or None.
        leaves: as :func:`spatial_index` returns it; so are ``index``, ``boxes`` and ``least``.
        index: original indices.
        boxes: not needed here.
        least: not needed here.
        k: how many.
        radius: targets farther than this are left out; inf keeps all.

    Returns:
        As :func:`knn`.
    """
    stored = index.flatten(1).long()
    order = stored.argsort(1)
    points = leaves.transpose(2, 3).flatten(1, 2).gather(1, order[..., None].expand(-1, -1, 3))
    dist2, place = knn(query, points, k, radius, query_lengths, (stored != NO_INDEX).sum(1))
    original = stored.gather(1, order).gather(1, place.clamp(min=0).flatten(1)).view_as(place)
    return dist2, torch.where(place >= 0, original, -1)


def farthest_point_sample(points: Tensor, lengths: Tensor | None, start: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Greedy farthest-point order (Gonzalez, 1985): each next point is the farthest from all taken so far.

    Args:
        points: ``[B, N, D]``.
        lengths: valid points per cloud ``[B]``, or None.
        start: first point per cloud ``[B]``, clamped to the cloud.
        k: number of points to take, at most N.

    Returns:
        Indices ``[B, k]`` int64 and squared covering radii ``[B, k]``: the greatest squared distance of a finite point
        to the nearest one taken so far, 0 when all are taken. -1 and NaN beyond a cloud's length. Points that are not
        finite come last.
    """
    batch, n = points.shape[:2]
    index = torch.full((batch, k), -1, dtype=torch.int64, device=points.device)
    dist2 = points.new_full((batch, k), torch.nan)
    if index.numel() == 0:
        return index, dist2
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
        most = rank.amax(1, keepdim=True)
        dist2[:, step] = torch.where(step < count, most[:, 0].clamp(min=0), torch.nan)
        last = (rank == most).to(torch.uint8).argmax(1)
    return index, dist2


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


def emd_plan(
    x: Tensor,
    y: Tensor,
    x_lengths: Tensor | None,
    y_lengths: Tensor | None,
    prices: Tensor | None,
    squared: bool,
    tol: float,
    exact: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Optimal transport of evenly spread mass by shortest augmenting paths, always exact.

    Args:
        x: ``[B, N, 3]``.
        y: ``[B, M, 3]``.
        x_lengths: valid points of ``x`` per pair ``[B]``, or None.
        y_lengths: valid points of ``y`` per pair ``[B]``, or None.
        prices: unused.
        squared: squared distance as cost.
        tol: unused.
        exact: unused.

    Returns:
        ``source``, ``target`` ``[B, N + M - 1]`` int64, ``mass [B, N + M - 1]``, ``prices [B, M]``,
        ``lower_bound [B]``, ``gap [B]`` float64, ``converged [B]``.

    Raises:
        UnavailableError: not on the CPU.
    """
    if x.device.type != "cpu":
        raise UnavailableError(f"emd_plan has no kernel for {x.device.type}; move both clouds to the CPU with .cpu()")
    batch, n, m = x.shape[0], x.shape[1], y.shape[1]
    source, target = torch.full((2, batch, max(n + m - 1, 0)), -1)
    mass, prices = torch.zeros(source.shape, dtype=torch.float64), torch.zeros(batch, m, dtype=torch.float64)
    lower_bound, gap = torch.zeros(2, batch, dtype=torch.float64)
    for b in range(batch):
        a = x[b] if x_lengths is None else x[b, : int(x_lengths[b].clamp(0, n))]
        c = y[b] if y_lengths is None else y[b, : int(y_lengths[b].clamp(0, m))]
        if not (a.isfinite().all() and c.isfinite().all()) or (len(a) == 0) != (len(c) == 0):
            lower_bound[b] = gap[b] = torch.nan
        elif len(a):
            dist2 = distance2(a.double()[:, None], c.double()[None])
            cost = dist2 if squared else dist2.sqrt()
            flow, prices[b, : len(c)] = _transport(cost)
            i, j = flow.nonzero(as_tuple=True)
            source[b, : len(i)], target[b, : len(i)] = i, j
            mass[b, : len(i)] = flow[i, j].double() / flow.sum()
            lower_bound[b] = (cost[i, j] * mass[b, : len(i)]).sum()
    return source, target, mass, prices, lower_bound, gap, ~gap.isnan()


def _transport(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Units moved between rows and columns of ``cost [n, m]``, all rows and all columns alike, and prices >= 0."""
    n, m = cost.shape
    common = math.gcd(n, m)
    flow = torch.zeros(n, m, dtype=torch.int64)
    free = torch.full((m,), n // common)
    price = torch.zeros(m, dtype=torch.float64)
    for start in range(n):
        left = m // common
        while left:
            distance = torch.full((m,), torch.inf, dtype=torch.float64)
            source = torch.full((m,), -1)
            open_ = torch.ones(m, dtype=torch.bool)
            via, rows, base = {start: -1}, [start], 0.0
            while True:
                for row in rows:
                    value = cost[row] + price
                    reached = base + value - value.min()
                    nearer = open_ & (reached < distance)
                    distance = torch.where(nearer, reached, distance)
                    source[nearer] = row
                j = int(torch.where(open_, distance, torch.inf).argmin())
                base = float(distance[j])
                if free[j] > 0:
                    break
                open_[j] = False
                rows = [row for row in flow[:, j].nonzero().flatten().tolist() if row not in via]
                via.update(dict.fromkeys(rows, j))
            price += torch.where(open_, 0, base - distance)
            path: list[tuple[int, int]] = []
            row = int(source[j])
            while True:
                path.append((row, j))
                if row == start:
                    break
                j = via[row]
                path.append((row, j))
                row = int(source[j])
            moved = min([left, int(free[path[0][1]])] + [int(flow[step]) for step in path[1::2]])
            free[path[0][1]] -= moved
            left -= moved
            for k, step in enumerate(path):
                flow[step] += moved if k % 2 == 0 else -moved
    return _without_cycles(flow), price


def _without_cycles(flow: Tensor) -> Tensor:
    """Optimal flows of which ties have closed cycles, with the same sums: each cycle gives up its least flow."""
    while True:
        edges = flow > 0
        while not torch.equal(edges, inner := edges & (edges.sum(1, keepdim=True) > 1) & (edges.sum(0) > 1)):
            edges = inner
        if not edges.any():
            return flow
        row, column = edges.nonzero()[0].tolist()
        path: list[tuple[int, int]] = []
        seen: dict[int, int] = {}
        while row not in seen:
            seen[row] = len(path)
            path.append((row, column))
            row = next(i for i in edges[:, column].nonzero().flatten().tolist() if i != row)
            path.append((row, column))
            column = next(j for j in edges[row].nonzero().flatten().tolist() if j != column)
        cycle = path[seen[row] :]
        moved = min(int(flow[edge]) for edge in cycle[::2])
        for k, edge in enumerate(cycle):
            flow[edge] += moved if k % 2 else -moved


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
