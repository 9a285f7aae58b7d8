"""How good a backbone reconstructs shapes it has not seen, in units of what two samplings of one shape differ by."""

from __future__ import annotations

__all__ = ["reconstruction_ratio", "validate"]

import os

import numpy as np
import torch
from torch import Tensor

from pcgen.data.layouts import realshapes
from pcgen.models.backbone import Backbone
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance
from pcgen.training.data import GENERATORS, DataConfig, ShapeSet

HELD_OUT = 200
HELD_OUT_SEED = 1_000_000


@torch.no_grad()
def reconstruction_ratio(backbone: Backbone, seen: Tensor, other: Tensor) -> tuple[float, float]:
    """Chamfer of reconstructions over Chamfer of a second sampling, both against the same independent points.

    Args:
        backbone: encodes ``seen``.
        seen: ``[B, 2048, 3]`` normalised.
        other: ``[B, 2048, 3]``, an independent draw of the same shapes.

    Returns:
        Ratio of the means, and median of the per-shape ratios; 1 would be a perfect model.
    """
    reconstructed = chamfer_distance(backbone.decode(backbone.encode(seen), 2048), other)
    floor = chamfer_distance(seen, other)
    return (reconstructed.mean() / floor.mean()).item(), (reconstructed / floor).median().item()


def validate(backbone: Backbone, shapes: ShapeSet, data: DataConfig) -> dict[str, float]:
    """Reconstruction ratios on held-out procedural shapes and, where real shapes are known, on real test shapes."""
    batch = GENERATORS[backbone.category](HELD_OUT, 4096, HELD_OUT_SEED)
    points = torch.from_numpy(batch.points)
    points = shapes.normalization(points).apply(points)
    mean, median = reconstruction_ratio(backbone, points[:, :2048], points[:, 2048:])
    metrics = {"procedural_mean_ratio": mean, "procedural_median_ratio": median}
    root = data.realshapes or os.environ.get("PCGEN_REALSHAPES")
    if shapes.real and root:
        records = realshapes.list_shapes(root, backbone.category, split="test")
        points = torch.from_numpy(np.stack([realshapes.load(root, record).points[:4096] for record in records]))
        points = NORMALIZATIONS[backbone.normalization](points).apply(points)
        mean, median = reconstruction_ratio(backbone, points[:, :2048], points[:, 2048:])
        metrics |= {"real_test_mean_ratio": mean, "real_test_median_ratio": median}
    return metrics
