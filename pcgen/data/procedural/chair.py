"""Procedural chairs: endless variety with attributes that are known exactly and part labels for every point."""

from __future__ import annotations

__all__ = ["PARTS", "ChairBatch", "PointSample", "chair_surface", "make_chair", "sample_chairs"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.chair_base import base_surface
from pcgen.data.procedural.chair_params import ChairParams, Layout, exact_attributes
from pcgen.data.procedural.chair_parts import arms_surface, back_surface, seat_surface
from pcgen.data.procedural.chair_style import sample_params
from pcgen.data.procedural.law import INDEPENDENT, AttributeLaw
from pcgen.data.procedural.primitives import Array, sample

PARTS = ("back", "seat", "leg", "arm")
"""Names of the part labels, in ShapeNetPart's order for chairs."""


class PointSample(NamedTuple):
    """Points on one chair."""

    points: NDArray[np.float32]  # [N, 3]
    part: NDArray[np.uint8]  # [N], index into PARTS
    attributes: dict[str, float]  # exact, not measured


class ChairBatch(NamedTuple):
    """Points on many chairs."""

    points: NDArray[np.float32]  # [B, N, 3]
    part: NDArray[np.uint8]  # [B, N], index into PARTS
    values: NDArray[np.float32]  # [B, K], exact, in the order of ATTRIBUTES; NaN where a part is missing
    params: list[ChairParams]


def chair_surface(params: ChairParams) -> tuple[Array, NDArray[np.uint8]]:
    """The whole surface of a chair.

    Its bounding box is exactly ``overall_width x 1 x overall_depth``, standing on y = 0 and centred in x and z.

    Args:
        params: what to build.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to (index into :data:`PARTS`).
    """
    at = Layout.of(params)
    pieces = [back_surface(params, at), seat_surface(params, at), base_surface(params, at)]
    if params.armrests:
        pieces.append(arms_surface(params, at))
    triangles = np.concatenate(pieces)
    part = np.repeat(np.arange(len(pieces), dtype=np.uint8), [len(piece) for piece in pieces])
    return triangles, part


def make_chair(params: ChairParams, num_points: int, rng: np.random.Generator) -> PointSample:
    """Points drawn uniformly by area from one chair.

    Args:
        params: what to build.
        num_points: number of points N.
        rng: source of randomness for the points.

    Returns:
        The points, their parts, and the chair's exact attributes.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> chair = make_chair(sample_params(rng), 1024, rng)
        >>> chair.points.shape, list(chair.attributes)[:3]
        ((1024, 3), ['seat_height', 'back_height', 'width'])
    """
    triangles, part = chair_surface(params)
    points, index = sample(triangles, num_points, rng)
    return PointSample(points.astype(np.float32), part[index], exact_attributes(params))


def sample_chairs(
    count: int, num_points: int, seed: int, first: int = 0, law: AttributeLaw = INDEPENDENT
) -> ChairBatch:
    """Random chairs; chair i of a seed is always the same, however many are drawn beside it.

    Args:
        count: number of chairs B.
        num_points: points on each, N.
        seed: which endless sequence of chairs.
        first: number of the first chair in that sequence.
        law: how the attributes are drawn: independent, correlated, without some combinations.

    Returns:
        Points, parts, exact attribute values and parameters.

    Example:
        >>> a, b = sample_chairs(3, 64, seed=7), sample_chairs(1, 64, seed=7, first=2)
        >>> bool((a.points[2] == b.points[0]).all())
        True
    """
    points = np.empty((count, num_points, 3), dtype=np.float32)
    part = np.empty((count, num_points), dtype=np.uint8)
    params = []
    for i in range(count):
        rng = np.random.default_rng((seed, first + i))
        params.append(sample_params(rng, law))
        points[i], part[i], _ = make_chair(params[i], num_points, rng)
    values = np.array([list(exact_attributes(p).values()) for p in params], dtype=np.float32)
    return ChairBatch(points, part, values, params)
