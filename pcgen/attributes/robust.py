"""Extents and quantiles of sampled surfaces that a few stray points cannot move.

What the measurers of all categories share. A stray is a point with (almost) no company; ``few`` is how many points
may be somewhere by chance. It grows with the cloud, so that a denser sampling is measured in the same way.
"""

from __future__ import annotations

__all__ = ["extents", "few", "histogram", "masked_quantile", "solid", "spread"]

import torch
from torch import Tensor

_COMPANY = (
    3  # points, the point itself among them, that a stray may have around it: more would cost thin legs their tips
)
_CELLS = 24  # of the grid in which company is counted, along each axis
_STRAY_SHARE = 0.02  # of the points at either end of an axis that may be strays when the grid is laid
_NEAR = 0.08  # share of the strays that lie near one side of the surface
_MOST_PASSED = 4  # times few
_BEYOND = 0.6  # 1 would be unbiased for a uniform density; less has the smaller error on furniture


def few(num_points: int) -> int:
    """How many of N points are too few to mean anything: 3 of 2048."""
    return max(1, round(num_points / 683))


def solid(points: Tensor) -> Tensor:
    """Which points belong to a surface: finite, and with company in the cells around them.

    Args:
        points: ``[B, N, 3]``; NaN and infinite points are never solid.

    Returns:
        ``[B, N]`` bool.
    """
    batch, count, _ = points.shape
    finite = points.abs().amax(dim=-1) < torch.inf
    axes, used, rank = points.mT, finite[:, None], max(1, int(_STRAY_SHARE * count))
    low = axes.where(used, torch.inf).kthvalue(rank)[0]
    high = axes.where(used, -torch.inf).kthvalue(count + 1 - rank)[0]
    cell = 1.3 * (high - low).amax(dim=1) / _CELLS
    centre = (low + high) / 2
    place = ((points - centre[:, None]) / cell[:, None, None] + _CELLS / 2).nan_to_num(0.0, 0.0, 0.0)
    x, y, z = place.clamp(0, _CELLS - 1).long().unbind(dim=-1)
    index = (x * _CELLS + y) * _CELLS + z
    counts = points.new_zeros(batch, _CELLS**3).scatter_add_(1, index, finite.to(points))
    near = torch.ones(_CELLS, _CELLS, device=points.device).tril(1).triu(-1).to(points)  # sums over neighbours
    along_x = (near @ counts.view(batch, _CELLS, -1)).view(batch, _CELLS, _CELLS, _CELLS)
    company = (near @ along_x @ near).view(batch, -1)  # in boxes of 3 x 3 x 3 cells
    return finite & (company.gather(1, index) > min(few(count), _COMPANY) + 0.5)


def extents(points: Tensor, mask: Tensor, strays: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Bounding box of the surface from which points were drawn.

    The outermost points are passed over as possible strays, up to the k-th: a few, and more where many strays were
    found, since some of those lie too near to the surface to be told from it. How far the surface goes on beyond the
    k-th point is judged by the distance from it to the 2k-th: exact for a face, where there is none.

    Args:
        points: ``[B, N, D]``.
        mask: which to use, ``[B, N]``.
        strays: how many strays were found, ``[B]``; what the mask leaves out unless given.

    Returns:
        Lowest and highest corner, ``[B, D]`` each.
    """
    least = few(points.shape[1])
    most = min(_MOST_PASSED * least, points.shape[1] // 2)
    strays = (~mask).sum(dim=1) if strays is None else strays
    k = (least + (_NEAR * strays).long()).clamp(max=most)
    axes = torch.cat([-points.mT, points.mT], dim=1)  # whose largest are outermost
    ends = axes.where(mask[:, None], -torch.inf).topk(2 * most, dim=2)[0]
    ranks = torch.stack([k, 2 * k], dim=1)[:, None] - 1
    near, far = ends.gather(2, ranks.expand(-1, ends.shape[1], -1)).unbind(dim=2)
    low, high = (near + _BEYOND * (near - far)).chunk(2, dim=1)
    return -low, high


def masked_quantile(values: Tensor, mask: Tensor, q: float) -> Tensor:
    """The q-quantile (nearest rank) of each row's used values; inf where a row has none.

    Args:
        values: ``[B, N]``.
        mask: which to use, ``[B, N]``.
        q: between 0 and 1.

    Returns:
        ``[B]``.

    Example:
        >>> masked_quantile(torch.tensor([[3.0, 1.0, 9.0, 2.0]]), torch.tensor([[True, True, False, True]]), 0.5)
        tensor([2.])
    """
    ranked = values.where(mask, torch.inf).sort(dim=1)[0]
    rank = ((mask.sum(dim=1) - 1).clamp(min=0) * q).round().long()
    return ranked.gather(1, rank[:, None])[:, 0]


def spread(values: Tensor, mask: Tensor, strays: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest of each row's values ``[B]``, as :func:`extents` finds them for the axes; NaN without any."""
    low, high = extents(values[..., None], mask, strays)
    empty = ~mask.any(dim=1)
    return low[:, 0].masked_fill(empty, torch.nan), high[:, 0].masked_fill(empty, torch.nan)


def histogram(fractions: Tensor, mask: Tensor, bins: int) -> Tensor:
    """How many of the used fractions fall in each of equally many parts of [0, 1]; the outer parts take what is beyond.

    Args:
        fractions: ``[B, N]``.
        mask: which to use, ``[B, N]``.
        bins: number of parts.

    Returns:
        ``[B, bins]`` float32.

    Example:
        >>> histogram(torch.tensor([[0.1, 0.2, 0.9, 7.0]]), torch.ones(1, 4, dtype=torch.bool), 2)
        tensor([[2., 2.]])
    """
    index = (fractions * bins).nan_to_num(0.0).long().clamp(0, bins - 1)
    return torch.zeros(len(index), bins, device=index.device).scatter_add_(1, index, mask.float())
