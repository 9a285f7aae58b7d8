"""Extents and quantiles of sampled surfaces that a few stray points cannot move.

What the measurers of all categories share. A stray is a point with (almost) no company; ``few`` is how many points
may be somewhere by chance. It grows with the cloud, so that a denser sampling is measured in the same way.
"""

from __future__ import annotations

__all__ = ["Ranked", "extents", "few", "histogram", "masked_quantile", "solid", "spread"]

from typing import NamedTuple

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
    low, high = _corners(_outermost(points, finite, max(1, int(_STRAY_SHARE * count)))[..., -1])
    cell = 1.3 * (high - low).amax(dim=1) / _CELLS
    centre = (low + high) / 2
    place = ((points - centre[:, None]) / cell[:, None, None] + _CELLS / 2).nan_to_num(0.0, 0.0, 0.0)
    x, y, z = place.clamp(0, _CELLS - 1).long().unbind(dim=-1)
    index = (x * _CELLS + y) * _CELLS + z
    company = points.new_zeros(batch, _CELLS**3, dtype=torch.float32).scatter_add_(1, index, finite.float())
    company = company.view(batch, _CELLS, _CELLS, _CELLS)
    for axis in (1, 2, 3):  # a 3 x 3 x 3 box, one axis after the other
        alone, inner = company, _CELLS - 1
        company = alone.clone()
        company.narrow(axis, 1, inner).add_(alone.narrow(axis, 0, inner))
        company.narrow(axis, 0, inner).add_(alone.narrow(axis, 1, inner))
    return finite & (company.view(batch, -1).gather(1, index) > min(few(count), _COMPANY) + 0.5)


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
    ends = _outermost(points, mask, 2 * most)
    ranks = torch.stack([k, 2 * k], dim=1)[:, None] - 1
    near, far = ends.gather(2, ranks.expand(-1, ends.shape[1], -1)).unbind(dim=2)
    return _corners(near + _BEYOND * (near - far))


def _outermost(points: Tensor, mask: Tensor, k: int) -> Tensor:
    """The k outermost used coordinates at either end of each axis ``[B, 2 D, k]``; those of the lower ends negated."""
    axes = torch.cat([-points.mT, points.mT], dim=1)
    return axes.where(mask[:, None], -torch.inf).topk(k, dim=2)[0]


def _corners(ends: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest corner, ``[B, D]`` each, of one coordinate for every end ``[B, 2 D]``."""
    low, high = ends.chunk(2, dim=1)
    return -low, high


class Ranked(NamedTuple):
    """Used values in order: quantiles of those between any limits cost no further sort.

    Attributes:
        values: ``[..., N]`` ascending, inf after the last used one.

    Example:
        >>> ranked = Ranked.of(torch.tensor([3.0, 1.0, 9.0, 2.0]), torch.tensor([True, True, False, True]))
        >>> ranked.values, ranked.below(torch.tensor(3.0)), ranked.at(torch.tensor(1), torch.tensor(3), 1.0)
        (tensor([1., 2., 3., inf]), tensor(2), tensor(3.))
    """

    values: Tensor

    @classmethod
    def of(cls, values: Tensor, mask: Tensor) -> Ranked:
        """The values ``[..., N]`` where the mask is True."""
        return cls(values.where(mask, torch.inf).sort(dim=-1)[0])

    def below(self, limit: Tensor, *, inclusive: bool = False) -> Tensor:
        """How many values are smaller than a limit ``[...]``, or as small."""
        return torch.searchsorted(self.values, limit[..., None].contiguous(), right=inclusive)[..., 0]

    def at(self, first: Tensor, last: Tensor, q: float) -> Tensor:
        """The q-quantile (nearest rank) of the values ranked from ``first`` to before ``last``; inf of none."""
        rank = first + ((last - first - 1).clamp(min=0) * q).round().long()
        found = self.values.gather(-1, rank.clamp(max=self.values.shape[-1] - 1)[..., None])[..., 0]
        return found.where(last > first, torch.inf)


def masked_quantile(values: Tensor, mask: Tensor, q: float) -> Tensor:
    """The q-quantile (nearest rank) of each row's used values; inf where a row has none.

    Args:
        values: ``[..., N]``.
        mask: which to use, ``[..., N]``.
        q: between 0 and 1.

    Returns:
        ``[...]``.

    Example:
        >>> masked_quantile(torch.tensor([[3.0, 1.0, 9.0, 2.0]]), torch.tensor([[True, True, False, True]]), 0.5)
        tensor([2.])
    """
    count = mask.sum(dim=-1)
    return Ranked.of(values, mask).at(torch.zeros_like(count), count, q)


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
