"""Operators on batches of point clouds, as pure functions of tensors."""

from __future__ import annotations

__all__ = [
    "CHAMFER_PRESETS",
    "ChamferPreset",
    "ChamferTerms",
    "EmdAssignment",
    "EmdPlan",
    "FarthestPoints",
    "Nearest",
    "Neighbors",
    "SpatialIndex",
    "chamfer_distance",
    "chamfer_terms",
    "earth_movers_distance",
    "emd_assignment",
    "emd_loss",
    "emd_plan",
    "f_score",
    "farthest_point_sample",
    "gather_points",
    "hausdorff_distance",
    "knn",
    "nearest",
    "nearest_both",
]

from pcgen.ops import _native

_native.load()

from pcgen.ops.chamfer import (  # noqa: E402  (the operators must be registered first)
    CHAMFER_PRESETS,
    ChamferPreset,
    ChamferTerms,
    chamfer_distance,
    chamfer_terms,
)
from pcgen.ops.emd import EmdAssignment, EmdPlan, earth_movers_distance, emd_assignment, emd_loss, emd_plan  # noqa: E402
from pcgen.ops.fps import FarthestPoints, farthest_point_sample, gather_points  # noqa: E402
from pcgen.ops.knn import Neighbors, SpatialIndex, knn  # noqa: E402
from pcgen.ops.nearest import Nearest, nearest, nearest_both  # noqa: E402
from pcgen.ops.similarity import f_score, hausdorff_distance  # noqa: E402
