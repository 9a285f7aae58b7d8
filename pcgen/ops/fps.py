"""Farthest-point sampling, and taking points by index."""

from __future__ import annotations

__all__ = ["farthest_point_sample", "gather_points"]

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError
from pcgen.ops._checks import require_lengths, require_points, working


def farthest_point_sample(points: Tensor, k: int, *, start: int | Tensor = 0, lengths: Tensor | None = None) -> Tensor:
    """Indices of ``k`` points that cover each cloud evenly: each next one is the farthest from all taken so far.

    The greedy 2-approximation of the k-center problem (Gonzalez, 1985). Exact; among equally far points the lowest
    index wins; no index is taken twice. The first k' of k indices are the sample of k' points.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``.
        k: how many points to take, 0 … N.
        start: index of the first point, one for all clouds or ``[B]``; clamped to the cloud.
        lengths: number of valid points of each cloud, ``[B]``.

    Returns:
        Indices ``[B, k]`` (``[k]`` for unbatched input), int64, in the order taken; -1 beyond a cloud's length. Points
        with NaN or inf are taken last. :func:`gather_points` turns them into points.

    Raises:
        InputError: ``k`` is not within 0 … N, or shapes do not fit.
        InputTypeError: not floating point, or indices that are no integers.

    Example:
        >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0]])
        >>> farthest_point_sample(line, 3)
        tensor([0, 3, 2])
    """
    pb = require_points("points", points)
    lengths = require_lengths("lengths", lengths, pb)
    if pb.shape[2] != 3:
        raise InputError(f"points must have shape [B, N, 3] or [N, 3], got {list(points.shape)}")
    if not 0 <= k <= pb.shape[1]:
        raise InputError(f"k must be between 0 and the number of points N = {pb.shape[1]}, got {k}")
    index = torch.ops.pcgen.farthest_point_sample(working(pb).detach(), k, _starts(start, pb), lengths)
    return index if points.dim() == 3 else index[0]


def _starts(start: int | Tensor, points: Tensor) -> Tensor:
    if isinstance(start, int):
        return torch.full(points.shape[:1], start, dtype=torch.int64, device=points.device)
    if start.is_floating_point() or start.dtype == torch.bool:
        raise InputTypeError(f"start must hold integers, got {start.dtype}")
    if start.shape != points.shape[:1]:
        raise InputError(f"start must be an int or have shape [{points.shape[0]}], got {list(start.shape)}")
    return start.to(device=points.device, dtype=torch.int64)


def gather_points(points: Tensor, index: Tensor) -> Tensor:
    """The points at the given indices; differentiable in the points.

    Args:
        points: ``[B, N, C]`` or ``[N, C]``.
        index: ``[B, K]`` or ``[K]`` int64; -1 gives zeros.

    Returns:
        ``[B, K, C]`` or ``[K, C]``.

    Example:
        >>> gather_points(torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([1, -1]))
        tensor([[4., 5., 6.],
                [0., 0., 0.]])
    """
    if points.dim() != index.dim() + 1 or points.shape[:-2] != index.shape[:-1]:
        raise InputError(
            f"index must have shape {['B', 'K'][3 - points.dim() :]} beside points {list(points.shape)}, "
            f"got {list(index.shape)}"
        )
    taken = points.gather(-2, index.clamp(min=0)[..., None].expand(*index.shape, points.shape[-1]))
    return torch.where((index >= 0)[..., None], taken, 0)


@torch.library.register_fake("pcgen::farthest_point_sample")
def _(points: Tensor, k: int, start: Tensor, lengths: Tensor | None) -> Tensor:
    return points.new_empty((points.shape[0], k), dtype=torch.int64)
