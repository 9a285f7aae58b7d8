"""The k nearest neighbours, and an index that is built once and queried often."""

from __future__ import annotations

__all__ = ["Neighbors", "SpatialIndex", "knn"]

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pcgen.errors import InputError
from pcgen.ops._checks import Pointclouds, require_clouds, require_same_batch, working
from pcgen.ops._transforms import in_transform, register_vmap_by_folding
from pcgen.ops.nearest import Nearest
from pcgen.ops.reference import index_shapes


class Neighbors(NamedTuple):
    """Result of :func:`knn`.

    Attributes:
        dist2: squared distances, ascending, ``[B, N, k]``, float32 (float64 for float64 input).
        index: which points they belong to, ``[B, N, k]`` int64; -1 where there is none.
    """

    dist2: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


def knn(
    query: Tensor | Pointclouds,
    points: Tensor | Pointclouds,
    k: int,
    *,
    radius: float | None = None,
    query_lengths: Tensor | None = None,
    points_lengths: Tensor | None = None,
) -> Neighbors:
    """The ``k`` nearest of ``points`` for every point of ``query``, by squared Euclidean distance.

    Exact and sorted by (distance, index): among equally near points the lowest index comes first. A query that is one
    of the points finds itself. 3D points are searched through a balanced kd-tree with vectorised leaves, other
    dimensions exhaustively. The distances are differentiable to any order in both clouds. Extra memory grows linearly:
    on the CPU at most 60 bytes a point (3D, float32).

    Args:
        query: ``[B, N, D]`` or ``[N, D]``, D from 2 to 16 (3 is the fast case), or a ``Pointclouds``.
        points: ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``.
        k: how many neighbours, 0 … M.
        radius: leave out points farther than this (a length, not squared); None keeps all.
        query_lengths: number of valid queries of each cloud, ``[B]``.
        points_lengths: number of valid points of each cloud, ``[B]``; the others are ignored.

    Returns:
        ``(dist2, index)``, without batch dimension if ``query`` had none. Where a query has fewer than k neighbours:
        distance inf, index -1. A query with NaN or inf, or beyond ``query_lengths``: distance NaN, index -1, zero
        gradient. A point with NaN or inf is nobody's neighbour.

    Raises:
        InputError: shapes, batch sizes or devices do not fit, ``k`` is not within 0 … M, or ``radius`` is negative.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> points = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> knn(torch.zeros(1, 3), points, k=2)
        Neighbors(dist2=tensor([[0., 1.]]), index=tensor([[0, 2]]))
        >>> knn(torch.zeros(1, 3), points, k=3, radius=2.0).index
        tensor([[ 0,  2, -1]])
    """
    qb, query_lengths = require_clouds("query", query, "query_lengths", query_lengths)
    pb, points_lengths = require_clouds("points", points, "points_lengths", points_lengths)
    require_same_batch("query", qb, "points", pb)
    k, cut = _require_k(k, pb.shape[1]), _require_radius(radius)
    qb, pb = working(qb), working(pb)
    found = torch.ops.pcgen.knn(qb.detach(), pb.detach(), k, cut, query_lengths, points_lengths)
    return _result(query, qb, pb, *found)


class SpatialIndex:
    """A search structure over 3D points: build it once, ask it often.

    A balanced kd-tree whose leaves hold 32 points each; it takes about twice the memory of the points. Everything it
    holds is a tensor. Derivatives reach the points it was built from.

    Args:
        points: ``[B, M, 3]`` or ``[M, 3]``, or a ``Pointclouds``; not copied, so do not change them afterwards.
        lengths: number of valid points of each cloud, ``[B]``; the others are ignored.

    Raises:
        InputError: shapes do not fit.
        InputTypeError: not floating point.

    Example:
        >>> index = SpatialIndex(torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
        >>> index.knn(torch.zeros(1, 3), k=2)
        Neighbors(dist2=tensor([[0., 1.]]), index=tensor([[0, 2]]))
        >>> index.nearest(torch.ones(1, 3)).index
        tensor([2])
    """

    def __init__(self, points: Tensor | Pointclouds, *, lengths: Tensor | None = None) -> None:
        batch, lengths = require_clouds("points", points, "lengths", lengths)
        if batch.shape[2] != 3:
            raise InputError(f"an index holds points of dimension 3, got {batch.shape[2]}; use knn(query, points, k)")
        self.points = working(batch)
        self.leaves, self.index, self.boxes, self.least = torch.ops.pcgen.spatial_index(self.points.detach(), lengths)

    def knn(
        self,
        query: Tensor | Pointclouds,
        k: int,
        *,
        radius: float | None = None,
        query_lengths: Tensor | None = None,
    ) -> Neighbors:
        """As :func:`knn`, among the points of the index."""
        qb, query_lengths = require_clouds("query", query, "query_lengths", query_lengths)
        qb = working(qb)
        require_same_batch("query", qb, "the index", self.points)
        k, cut = _require_k(k, self.points.shape[1]), _require_radius(radius)
        found = torch.ops.pcgen.spatial_index_knn(
            qb.detach(), query_lengths, self.leaves, self.index, self.boxes, self.least, k, cut
        )
        return _result(query, qb, self.points, *found)

    def nearest(self, query: Tensor | Pointclouds, *, query_lengths: Tensor | None = None) -> Nearest:
        """As :func:`pcgen.ops.nearest`, among the points of the index, of which there is at least one."""
        dist2, index = self.knn(query, 1, query_lengths=query_lengths)
        return Nearest(dist2[..., 0], index[..., 0])


def _require_k(k: int, count: int) -> int:
    if not 0 <= k <= count:
        raise InputError(f"k must be between 0 and the number of points M = {count}, got {k}")
    return k


def _require_radius(radius: float | None) -> float:
    if radius is None:
        return math.inf
    if not radius >= 0:
        raise InputError(f"radius must not be negative, got {radius}; use None to keep all points")
    return float(radius)


def _result(query: Tensor | Pointclouds, qb: Tensor, pb: Tensor, dist2: Tensor, index: Tensor) -> Neighbors:
    if in_transform(qb, pb) or (torch.is_grad_enabled() and (qb.requires_grad or pb.requires_grad)):
        # The kernel's value, to the bit, with the derivatives of the same distance taken by torch.
        smooth = _distance2_at(qb, pb, index, dist2.isfinite())
        dist2 = dist2 + (smooth - smooth.detach())
    batched = not isinstance(query, Tensor) or query.dim() == 3
    return Neighbors(dist2, index) if batched else Neighbors(dist2[0], index[0])


def _distance2_at(query: Tensor, points: Tensor, index: Tensor, kept: Tensor) -> Tensor:
    """``|query_i - points_index(i, j)|²`` where ``kept``, else 0 with zero gradient."""
    # A bad query must not reach the gradient as 0 * NaN.
    query = torch.where(query.isfinite().all(-1, keepdim=True), query, 0)[:, :, None]
    flat = index.clamp(min=0).flatten(1)[..., None].expand(-1, -1, points.shape[2])
    neighbor = points.gather(1, flat).unflatten(1, index.shape[1:])
    neighbor = torch.where(kept[..., None], neighbor, query.detach())
    return torch.where(kept[..., None], query - neighbor, 0).square().sum(-1)


def _empty_result(query: Tensor, k: int) -> tuple[Tensor, Tensor]:
    shape = (query.shape[0], query.shape[1], k)
    return query.new_empty(shape), query.new_empty(shape, dtype=torch.int64)


@torch.library.register_fake("pcgen::knn")
def _(
    query: Tensor, points: Tensor, k: int, radius: float, query_lengths: Tensor | None, points_lengths: Tensor | None
) -> tuple[Tensor, Tensor]:
    return _empty_result(query, k)


@torch.library.register_fake("pcgen::spatial_index")
def _(points: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    leaves, index, boxes, least = ((points.shape[0], *shape) for shape in index_shapes(points.shape[1]))
    return (
        points.new_empty(leaves),
        points.new_empty(index, dtype=torch.int32),
        points.new_empty(boxes),
        points.new_empty(least, dtype=torch.int32),
    )


@torch.library.register_fake("pcgen::spatial_index_knn")
def _(
    query: Tensor,
    query_lengths: Tensor | None,
    leaves: Tensor,
    index: Tensor,
    boxes: Tensor,
    least: Tensor,
    k: int,
    radius: float,
) -> tuple[Tensor, Tensor]:
    return _empty_result(query, k)


for _name in ("knn", "spatial_index", "spatial_index_knn"):
    register_vmap_by_folding(_name)
