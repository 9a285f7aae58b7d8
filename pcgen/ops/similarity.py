"""Scores between two batches of point clouds that are built on nearest neighbours, beside the Chamfer distance."""

from __future__ import annotations

__all__ = ["f_score", "hausdorff_distance"]

import torch
from torch import Tensor

from pcgen.errors import InputError
from pcgen.ops._checks import Pointclouds
from pcgen.ops.nearest import Nearest, nearest_both, square_root


def f_score(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    threshold: float,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> Tensor:
    """Harmonic mean of the shares of points of each cloud that have a point of the other within ``threshold``.

    With ``x`` reconstructed and ``y`` given, the share of ``x`` is the precision and that of ``y`` the recall. A
    distance counts if it is at most the threshold, a length (not squared). Not differentiable.

    Args:
        x: ``[B, N, D]`` or ``[N, D]``, or a ``Pointclouds``.
        y: ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``.
        threshold: the distance, positive.
        x_lengths: number of valid points of each cloud of ``x``, ``[B]``.
        y_lengths: number of valid points of each cloud of ``y``, ``[B]``.

    Returns:
        ``[B]`` from 0 to 1 (a scalar for unbatched input); 0 where no point is near or a cloud is empty.

    Raises:
        InputError: the threshold is not positive, or shapes do not fit.
        InputTypeError: not floating point, or different dtypes.

    References:
        Tatarchenko et al.: What do single-view 3D reconstruction networks learn? (CVPR 2019).

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> f_score(x, x[:1], 0.1)
        tensor(0.6667)
    """
    if not threshold > 0:
        raise InputError(f"threshold must be positive, got {threshold}")
    of_x, of_y = nearest_both(x, y, x_lengths=x_lengths, y_lengths=y_lengths)
    precision, recall = _share_within(of_x, threshold), _share_within(of_y, threshold)
    return 2 * precision * recall / (precision + recall).clamp(min=torch.finfo(precision.dtype).tiny)


def _share_within(found: Nearest, threshold: float) -> Tensor:
    near = found.dist2.detach().sqrt() <= threshold
    return near.sum(-1) / (~found.dist2.isnan()).sum(-1).clamp(min=1).to(found.dist2.dtype)


def hausdorff_distance(
    x: Tensor | Pointclouds,
    y: Tensor | Pointclouds,
    *,
    x_lengths: Tensor | None = None,
    y_lengths: Tensor | None = None,
) -> Tensor:
    """The greatest distance of a point of either cloud to the other cloud, a length (not squared).

    Points with NaN or inf are left out. Differentiable.

    Args:
        x: ``[B, N, D]`` or ``[N, D]``, or a ``Pointclouds``.
        y: ``[B, M, D]`` or ``[M, D]``, or a ``Pointclouds``.
        x_lengths: number of valid points of each cloud of ``x``, ``[B]``.
        y_lengths: number of valid points of each cloud of ``y``, ``[B]``.

    Returns:
        ``[B]`` (a scalar for unbatched input). inf where one cloud of a pair is empty, 0 where both are.

    Raises:
        InputError: shapes, batch sizes or devices do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> hausdorff_distance(x, x[:1])
        tensor(1.)
    """
    of_x, of_y = nearest_both(x, y, x_lengths=x_lengths, y_lengths=y_lengths)
    nothing = of_x.dist2.new_zeros(*of_x.dist2.shape[:-1], 1)  # where both clouds are empty
    dist2 = torch.cat([of_x.dist2, of_y.dist2, nothing], dim=-1)
    return square_root(torch.where(dist2.isnan(), 0, dist2).amax(-1))
