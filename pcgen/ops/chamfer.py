"""Chamfer distance between two batches of point clouds, in every convention of the literature."""

from __future__ import annotations

__all__ = ["CHAMFER_PRESETS", "ChamferPreset", "ChamferTerms", "chamfer_distance", "chamfer_terms"]

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypedDict, get_args

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from pcgen.errors import InputError, unknown_name
from pcgen.ops._checks import Pointclouds
from pcgen.ops.fps import gather_points
from pcgen.ops.nearest import Nearest, nearest, nearest_both, square_root

Directions = Literal["sum", "mean", "pooled", "forward"]
PointReduction = Literal["mean", "sum"]
BatchReduction = Literal["none", "mean", "sum"]


class ChamferPreset(TypedDict):
    """Keyword arguments of :func:`chamfer_distance` that make a convention."""

    squared: bool
    directions: Directions


CHAMFER_PRESETS: Mapping[str, ChamferPreset] = {
    "pointflow": {"squared": True, "directions": "sum"},
    "dpm": {"squared": True, "directions": "sum"},
    "changeit3d": {"squared": True, "directions": "pooled"},
    "completion-l1": {"squared": False, "directions": "mean"},
    "completion-l2": {"squared": True, "directions": "sum"},
}
"""What published numbers mean by "Chamfer distance": ``chamfer_distance(x, y, **CHAMFER_PRESETS["completion-l1"])``.

=================  ===================================================================================================
``pointflow``      mean d² x→y + mean d² y→x: PointFlow, ShapeGF, PVD, LION, ``pytorch3d.loss``; the default
``dpm``            the same, as in diffusion-point-cloud (the clouds themselves are normalised differently there)
``changeit3d``     mean d² over the points of both clouds together; half of ``pointflow`` where N = M
``completion-l1``  (mean d x→y + mean d y→x) / 2, not squared: "CD-L1" of PCN, PoinTr, SnowflakeNet
``completion-l2``  mean d² x→y + mean d² y→x: "CD-L2" of the same; often printed times 1000
=================  ===================================================================================================
"""


class ChamferTerms(NamedTuple):
    """Result of :func:`chamfer_terms`.

    Attributes:
        distance: the Chamfer distance, ``[B]`` or reduced over the batch.
        normals: the same mean or sum of ``1 - |cos|`` between the normals of neighbours; None without normals.
        of_x: distances and indices of each point of ``x``, not reduced.
        of_y: the same for ``y``; None if ``directions`` is ``"forward"``.
    """

    distance: Tensor
    normals: Tensor | None
    of_x: Nearest
    of_y: Nearest | None


def chamfer_distance(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
    x_weights: Tensor | None = None,
    y_weights: Tensor | None = None,
    squared: bool = True,
    directions: Directions = "sum",
    point_reduction: PointReduction = "mean",
    batch_reduction: BatchReduction = "none",
) -> Tensor:
    """How far two clouds are apart: each point's distance to the nearest point of the other cloud, averaged.

    By default the mean of the squared distances x→y plus the mean of the squared distances y→x for each pair of clouds,
    the convention of PointFlow, ShapeGF and DPM. :data:`CHAMFER_PRESETS` names others. Points with NaN or inf are left
    out. Differentiable to any order in both clouds and in the weights, bit for bit reproducible. Extra memory: that of
    :func:`nearest`, and a few values a point.

    Args:
        x: ``[B, N, D]`` or ``[N, D]``, D from 2 to 16, or a ``Pointclouds``.
        y: ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``; N and M may differ.
        x_lengths: number of valid points of each cloud of ``x``, ``[B]``.
        y_lengths: number of valid points of each cloud of ``y``, ``[B]``.
        x_weights: weight of each point of ``x``, ``[B, N]`` or ``[N]``, not negative; means become weighted means.
        y_weights: the same for ``y``.
        squared: squared Euclidean distances, or plain ones.
        directions: ``"sum"`` of both directions, their ``"mean"``, ``"pooled"`` for their mean weighted by the number
            of points (total weight) of each cloud, or ``"forward"`` for x→y alone.
        point_reduction: ``"mean"`` or ``"sum"`` over the points of a cloud; :func:`chamfer_terms` has every point.
        batch_reduction: ``"none"``, or ``"mean"`` or ``"sum"`` over the pairs.

    Returns:
        ``[B]``, or a scalar for unbatched input or a reduced batch; float32 (float64 for float64 input). inf where one
        cloud of a pair is empty, 0 where both are.

    Raises:
        InputError: shapes, batch sizes or devices do not fit, or an unknown name.
        InputTypeError: not floating point, or different dtypes.

    References:
        Fan, Su, Guibas: A point set generation network for 3D object reconstruction from a single image (CVPR 2017).

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> y = x + torch.tensor([0.0, 0.1, 0.0])
        >>> chamfer_distance(x, y)
        tensor(0.0200)
        >>> chamfer_distance(x, y, **CHAMFER_PRESETS["completion-l1"])
        tensor(0.1000)
    """
    return chamfer_terms(
        x,
        y,
        x_lengths=x_lengths,
        y_lengths=y_lengths,
        x_weights=x_weights,
        y_weights=y_weights,
        squared=squared,
        directions=directions,
        point_reduction=point_reduction,
        batch_reduction=batch_reduction,
    ).distance


def chamfer_terms(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    *,
    x_normals: Tensor | None = None,
    y_normals: Tensor | None = None,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
    x_weights: Tensor | None = None,
    y_weights: Tensor | None = None,
    squared: bool = True,
    directions: Directions = "sum",
    point_reduction: PointReduction = "mean",
    batch_reduction: BatchReduction = "none",
) -> ChamferTerms:
    """The Chamfer distance with what it is made of: distance and index per point, and a term for the normals.

    Args:
        x: as for :func:`chamfer_distance`, like everything that is not named here.
        y: the other cloud.
        x_normals: normals of the points of ``x``, shaped like ``x``, of any length; both normals or none.
        y_normals: normals of the points of ``y``.
        x_lengths: number of valid points of each cloud of ``x``.
        y_lengths: number of valid points of each cloud of ``y``.
        x_weights: weight of each point of ``x``, in both terms.
        y_weights: weight of each point of ``y``.
        squared: squared distances, or plain ones; the neighbours have both.
        directions: of both terms.
        point_reduction: of both terms.
        batch_reduction: of both terms.

    Returns:
        Distance, normal term, neighbours of ``x`` and of ``y``.

    Raises:
        InputError: as for :func:`chamfer_distance`, or normals are missing or do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x, up = torch.zeros(1, 3), torch.tensor([[0.0, 1.0, 0.0]])
        >>> terms = chamfer_terms(x, x + up, x_normals=up, y_normals=-up, directions="mean")
        >>> terms.distance, terms.normals, terms.of_x.index
        (tensor(1.), tensor(0.), tensor([0]))
    """
    _require_known("directions", directions, Directions)
    _require_known("point_reduction", point_reduction, PointReduction)
    _require_known("batch_reduction", batch_reduction, BatchReduction)
    if directions == "forward" and y_weights is not None:
        raise InputError('y_weights have no use with directions="forward"; leave them out')
    found = _neighbours(x, y, x_lengths, y_lengths, directions)
    weights = (x_weights, y_weights)[: len(found)]
    for name, given, side in zip(("x_weights", "y_weights"), weights, found, strict=False):
        _require_shape(name, given, side.index.shape)

    def reduced(per_point: list[Tensor]) -> Tensor:
        sides = [_over_points(values, w, point_reduction) for values, w in zip(per_point, weights, strict=True)]
        return _over_batch(_over_directions(sides, directions), batch_reduction)

    distance = reduced([side.dist2 if squared else square_root(side.dist2) for side in found])
    normals = None
    if x_normals is not None and y_normals is not None:
        pairs = ((x_normals, y_normals), (y_normals, x_normals))[: len(found)]
        for name, (given, _), side in zip(("x_normals", "y_normals"), pairs, found, strict=False):
            _require_shape(name, given, (*side.index.shape, given.shape[-1]))
        normals = reduced([_angles(*pair, side.index) for pair, side in zip(pairs, found, strict=True)])
    elif x_normals is not None or y_normals is not None:
        raise InputError("x_normals and y_normals belong together, got only one of them")
    return ChamferTerms(distance, normals, found[0], found[1] if len(found) == 2 else None)


def _require_known(name: str, value: str, known: object) -> None:
    if value not in get_args(known):
        raise unknown_name(name, value, get_args(known))


def _require_shape(name: str, values: Tensor | None, shape: Sequence[int]) -> None:
    if values is not None and values.shape != tuple(shape):
        raise InputError(f"{name} must have shape {list(shape)}, one row per point, got {list(values.shape)}")


def _neighbours(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    x_lengths: Tensor | None,
    y_lengths: Tensor | None,
    directions: Directions,
) -> tuple[Nearest, ...]:
    if directions == "forward":
        return (nearest(x, y, x_lengths=x_lengths, y_lengths=y_lengths),)
    return nearest_both(x, y, x_lengths=x_lengths, y_lengths=y_lengths)


def _angles(normals: Tensor, others: Tensor, index: Tensor) -> Tensor:
    """1 - |cos| between the normal of each point and that of its neighbour, ``[B, N]``; NaN where there is none."""
    cosine = cosine_similarity(normals, gather_points(others, index), dim=-1)
    return torch.where(index >= 0, 1 - cosine.abs(), torch.nan)


class _Side(NamedTuple):
    """One direction: its mean or sum over the points, and the points' total weight, ``[B]`` each."""

    value: Tensor
    weight: Tensor


def _over_points(values: Tensor, weights: Tensor | None, reduction: PointReduction) -> _Side:
    """Mean or sum over the points that have a value; 0 for a cloud without any."""
    if weights is None:  # half as many kernels, which on a GPU take as long as the search
        total, weight = values.nansum(-1), (values == values).sum(-1)
    else:
        valid = ~values.isnan() & (weights != 0)
        weights = torch.where(valid, weights, 0)
        total, weight = (weights * torch.where(valid, values, 0)).sum(-1), weights.sum(-1)
    return _Side(total / _or_one(weight) if reduction == "mean" else total, weight)


def _over_directions(sides: list[_Side], directions: Directions) -> Tensor:
    if directions == "forward":
        return sides[0].value
    x, y = sides
    if directions == "pooled":
        return (x.weight * x.value + y.weight * y.value) / _or_one(x.weight + y.weight)
    return x.value + y.value if directions == "sum" else (x.value + y.value) / 2


def _over_batch(values: Tensor, reduction: BatchReduction) -> Tensor:
    if reduction == "none":
        return values
    return values.mean() if reduction == "mean" else values.sum()


def _or_one(weight: Tensor) -> Tensor:
    """A divisor that gives 0 / 0 the value 0."""
    return torch.where(weight > 0, weight, 1) if weight.is_floating_point() else weight.clamp(min=1)
