"""Chamfer distance between two batches of point clouds."""

from __future__ import annotations

__all__ = ["chamfer_distance"]

import torch
from torch import Tensor

from pcgen.ops._checks import require_lengths, require_points
from pcgen.ops.nearest import nearest


def chamfer_distance(
    x: Tensor,
    y: Tensor,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> Tensor:
    """Mean of the squared distances x→y plus mean of the squared distances y→x, for each pair of clouds.

    This is the convention of PointFlow, ShapeGF and DPM (squared, mean over points, summed over directions).
    Points with NaN or inf are left out of the means. Differentiable to any order in both clouds.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, M, 3]`` or ``[M, 3]``; N and M may differ.
        x_lengths: number of valid points of each cloud of ``x``, ``[B]``.
        y_lengths: number of valid points of each cloud of ``y``, ``[B]``.

    Returns:
        ``[B]`` (a scalar for unbatched input), float32 (float64 for float64 input). inf where one cloud of a
        pair is empty, 0 where both are.

    Raises:
        InputError: shapes, batch sizes or devices do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> chamfer_distance(x, x + torch.tensor([0.0, 0.1, 0.0]))
        tensor(0.0200)
    """
    xb, yb = require_points("x", x), require_points("y", y)
    x_lengths = require_lengths("x_lengths", x_lengths, xb)
    y_lengths = require_lengths("y_lengths", y_lengths, yb)
    forward = _mean(nearest(xb, yb, y_lengths=y_lengths).dist2, x_lengths)
    backward = _mean(nearest(yb, xb, y_lengths=x_lengths).dist2, y_lengths)
    distance = forward + backward
    return distance if x.dim() == 3 else distance[0]


def _mean(dist2: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean over the valid points of each cloud, ``[B, N] -> [B]``; 0 for a cloud without any."""
    valid = ~dist2.isnan()
    if lengths is not None:
        valid = valid & (torch.arange(dist2.shape[1], device=dist2.device) < lengths[:, None])
    return torch.where(valid, dist2, 0).sum(1) / valid.sum(1).clamp(min=1)
