"""Operators on batches of point clouds, as pure functions of tensors."""

from __future__ import annotations

__all__ = [
    "EmdAssignment",
    "Nearest",
    "Neighbors",
    "SpatialIndex",
    "chamfer_distance",
    "earth_movers_distance",
    "emd_assignment",
    "emd_loss",
    "farthest_point_sample",
    "gather_points",
    "knn",
    "nearest",
]

from pcgen.ops import _native

_native.load()

from pcgen.ops.chamfer import chamfer_distance  # noqa: E402  (the operators must be registered first)
from pcgen.ops.emd import EmdAssignment, earth_movers_distance, emd_assignment, emd_loss  # noqa: E402
from pcgen.ops.fps import farthest_point_sample, gather_points  # noqa: E402
from pcgen.ops.knn import Neighbors, SpatialIndex, knn  # noqa: E402
from pcgen.ops.nearest import Nearest, nearest  # noqa: E402
