"""How good a backbone reconstructs shapes it has not seen, in units of what two samplings of one shape differ by."""

from __future__ import annotations

__all__ = ["held_out_ratio", "open_gaps", "reconstruction_scores", "validate"]

import os

import numpy as np
import torch
from torch import Tensor

from pcgen.data.layouts import realshapes
from pcgen.models import Backbone, refine_latents
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance, earth_movers_distance, f_score, nearest
from pcgen.training.data import GENERATORS, DataConfig, ShapeSet

HELD_OUT = 200
HELD_OUT_SEED = 1_000_000
TRANSPORTED = 40  # shapes whose Earth Mover's Distance is measured
F_THRESHOLD = 0.03
REFINE = 40
GAPPED_PART = {"chair": 0}  # the part label whose gaps count: backs
GAP_RADIUS = 0.02
GAP_GRID = 32


@torch.no_grad()
def reconstruction_scores(backbone: Backbone, seen: Tensor, other: Tensor, refine: int = 0) -> dict[str, float]:
    """Distances of reconstructions over those of a second sampling, both against the same independent points.

    Args:
        backbone: encodes ``seen``.
        seen: ``[B, 2048, 3]`` normalised.
        other: ``[B, 2048, 3]``, an independent draw of the same shapes.
        refine: steps in which the codes are fitted to ``seen``.

    Returns:
        ``mean_ratio`` and ``median_ratio`` of Chamfer (of the means, and over shapes), ``emd_ratio`` (of the means over
        at most 40 shapes), ``f1`` at 0.03 and ``f1_floor``, that of the second sampling. A perfect model has ratios of
        1 and an F1 at the floor.
    """
    latents = backbone.encode(seen)
    if refine:
        latents = refine_latents(backbone, latents, seen, refine)
    decoded = backbone.decode(latents, other.shape[1])
    error, floor = chamfer_distance(decoded, other), chamfer_distance(seen, other)
    some = slice(TRANSPORTED)
    transport, transport_floor = (earth_movers_distance(x[some], other[some]).mean() for x in (decoded, seen))
    return {
        "mean_ratio": (error.mean() / floor.mean()).item(),
        "median_ratio": (error / floor).median().item(),
        "emd_ratio": (transport / transport_floor).item(),
        "f1": f_score(decoded, other, F_THRESHOLD).mean().item(),
        "f1_floor": f_score(seen, other, F_THRESHOLD).mean().item(),
    }


def open_gaps(points: Tensor, surface: Tensor) -> float:
    """Share of the gaps of a flat, upright part (a slatted back) that a reconstruction leaves empty, seen from ahead.

    The gaps are the places, on a grid over the part's width and height, that lie farther than 0.02 from the part.

    Args:
        points: the reconstruction, ``[N, 3]``.
        surface: the part's true points, ``[M, 3]``, dense.

    Returns:
        From 0 (all filled) to 1; NaN for a part without gaps: one that has them in less than a tenth of its area.

    Example:
        >>> x, y = torch.rand(4000), torch.rand(4000)
        >>> slats = torch.stack([(x * 4).floor() / 4 + 0.1 * x, y, torch.zeros(4000)], dim=1)
        >>> filled = torch.stack([x, y, torch.zeros(4000)], dim=1)
        >>> open_gaps(slats, slats), open_gaps(filled, slats) < 0.1
        (1.0, True)
    """
    low, high = surface.amin(0), surface.amax(0)
    cells = (torch.arange(GAP_GRID) + 0.5) / GAP_GRID
    places = low[:2] + torch.cartesian_prod(cells, cells) * (high - low)[:2]
    gaps = places[nearest(places, surface[:, :2]).dist2 > GAP_RADIUS**2]
    if len(gaps) < 0.1 * len(places):
        return float("nan")
    inside = ((points > low - GAP_RADIUS) & (points < high + GAP_RADIUS)).all(1)
    return (nearest(gaps, points[inside, :2]).dist2 > GAP_RADIUS**2).float().mean().item()


def validate(backbone: Backbone, shapes: ShapeSet, data: DataConfig) -> dict[str, float]:
    """Scores on held-out procedural shapes and, where real shapes are known, on real test shapes of each category.

    Returns:
        :func:`reconstruction_scores` as ``procedural_…``, ``real_CATEGORY_…`` and, with codes fitted to the points,
        ``real_CATEGORY_refined_…``; ``procedural_open_gaps``, the mean of :func:`open_gaps` over backs that have some,
        where there are backs.
    """
    points, part = _held_out(backbone, HELD_OUT)
    metrics = _named("procedural", reconstruction_scores(backbone, points[:, :2048], points[:, 2048:]))
    if backbone.category in GAPPED_PART:
        with torch.no_grad():
            decoded = backbone.decode(backbone.encode(points[:, :2048]))
        gapped = part == GAPPED_PART[backbone.category]
        gaps = [open_gaps(shape, cloud[its]) for shape, cloud, its in zip(decoded, points, gapped, strict=True)]
        metrics["procedural_open_gaps"] = float(np.nanmean(gaps))
    root = data.realshapes or os.environ.get("PCGEN_REALSHAPES")
    if not shapes.real or not root:
        return metrics
    for category in data.real_categories:
        records = realshapes.list_shapes(root, category, split="test")
        points = torch.from_numpy(np.stack([realshapes.load(root, record).points[:4096] for record in records]))
        points = NORMALIZATIONS[backbone.normalization](points).apply(points)
        metrics |= _named(f"real_{category}", reconstruction_scores(backbone, points[:, :2048], points[:, 2048:]))
        refined = reconstruction_scores(backbone, points[:, :2048], points[:, 2048:], REFINE)
        metrics |= _named(f"real_{category}_refined", refined)
    return metrics


@torch.no_grad()
def held_out_ratio(backbone: Backbone) -> float:
    """Chamfer ratio (see :func:`reconstruction_scores`) of a few held-out procedural shapes, to watch a run by."""
    points, _ = _held_out(backbone, 64)
    seen, other = points[:, :2048], points[:, 2048:]
    decoded = backbone.decode(backbone.encode(seen), other.shape[1])
    return (chamfer_distance(decoded, other).mean() / chamfer_distance(seen, other).mean()).item()


def _held_out(backbone: Backbone, count: int) -> tuple[Tensor, Tensor]:
    """Procedural shapes of a seed that training never uses: normalised ``[count, 4096, 3]``, and parts."""
    batch = GENERATORS[backbone.category](count, 4096, HELD_OUT_SEED)
    points = torch.from_numpy(batch.points)
    return NORMALIZATIONS[backbone.normalization](points).apply(points), torch.from_numpy(batch.part)


def _named(prefix: str, scores: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in scores.items()}
