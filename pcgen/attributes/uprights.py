"""What carries a chair: how many separate uprights there are half way up, and how thick they are."""

from __future__ import annotations

__all__ = ["uprights"]

import torch
from torch import Tensor

from pcgen.attributes.chair_parts import Cloud
from pcgen.attributes.components import components, group_sum
from pcgen.attributes.robust import few

_LOW, _HIGH = 0.38, 0.74  # of the free height: above stretchers and spokes, below whatever hangs under the seat
_SPARSE, _HIGHER = 60, 0.82  # with fewer points than that, others from higher up must help
_CELLS = 24  # of the footprint along each axis
_MIDDLE = 0.4  # of the standard deviation from the mean: where four legs leave the sides open
_WIDE = 0.2  # of the width: the least standard deviation of a body, and more than that of a column
_WALL = 0.06  # of the points: as many in the middles of the sides make a body
_MOST = 4
_LEAST_SHARE = 0.2  # of the points that the largest upright has; less is a stray
_MOSTLY = 0.7  # of the points there: what lies in no upright makes their number doubtful
_ASIDE = 0.06  # of the width: what stands on one side only has lost its counterpart
_OUTLYING = 1.6  # times the root mean square offset: more is no point of the upright
_WIDEST = 0.15  # of height: what is wider is several legs in one piece


def uprights(cloud: Cloud, top: Tensor) -> tuple[Tensor, Tensor]:
    """Count and measure the uprights between the floor and what they carry.

    Args:
        cloud: points in fractions of the overall box.
        top: height of the underside of what is carried, ``[B]``, as a fraction.

    Returns:
        The number of uprights ``[B]`` (0 for a body that fills the footprint, NaN where there is nothing or too much)
        and their width over the height ``[B]``: twice the root mean square distance of their surface from their axes,
        which is the diameter of round ones (NaN without uprights, or where they run together).
    """
    share = cloud.y / top[:, None]
    slab = cloud.used & (share > _LOW) & (share < _HIGH)
    sparse = slab.sum(dim=1, keepdim=True) < _SPARSE
    slab |= sparse & cloud.used & (share > _LOW) & (share < _HIGHER)
    cells = (torch.stack([cloud.x, cloud.z], dim=-1) * _CELLS).long().clamp(0, _CELLS - 1)
    piece = components(cells, slab, _CELLS)
    held = group_sum(slab.float(), piece, _CELLS**2)
    least = (_LEAST_SHARE * held.amax(dim=1, keepdim=True)).clamp(min=max(2, few(slab.shape[1]) // 2))
    real = held >= least
    kept = slab & real.gather(1, piece.clamp(min=0))
    count = real.sum(dim=1).float()
    body = _is_body(cloud, slab)
    centre = group_sum(cloud.x, piece, _CELLS**2) / held
    aside = (centre.where(real, 0).sum(dim=1) / count - 0.5).abs()
    certain = (kept.sum(dim=1) > _MOSTLY * slab.sum(dim=1)) & (count <= _MOST) & (aside < _ASIDE)
    count = torch.where(body, 0, count.where(certain, torch.nan))

    piece = piece.where(kept, -1)
    for last in (False, True):
        offset, square = _offsets(cloud, share, piece)
        if not last:
            piece = piece.where(offset < _OUTLYING**2 * square[:, None], -1)
    width = 2 * square.sqrt()
    return count, width.where((count > 0) & (width < _WIDEST), torch.nan)


def _is_body(cloud: Cloud, slab: Tensor) -> Tensor:
    """Whether there are points in the middles of all sides ``[B]``, as of a solid, not only in corners or a column."""
    count = slab.sum(dim=1).clamp(min=1)
    middles = []
    for axis in (cloud.x, cloud.z):
        offset = axis - (axis.where(slab, 0).sum(dim=1) / count)[:, None]
        square = offset.square()
        variance = square.where(slab, 0).sum(dim=1) / count
        middles.append(square < _MIDDLE**2 * variance[:, None])
        if axis is cloud.x:
            wide = variance > _WIDE**2
    across, along = ((slab & here & ~there).sum(dim=1) for here, there in (middles, middles[::-1]))
    return wide & (torch.minimum(across, along) > (_WALL * count).clamp(min=1))


def _offsets(cloud: Cloud, along: Tensor, piece: Tensor) -> tuple[Tensor, Tensor]:
    """Square distances of points from the axes of their pieces, straight lines that may lean.

    Returns:
        Each point's ``[B, N]`` and their mean ``[B]``. The mean is unbiased however few the points are: a line fitted
        to n of them leaves n - 2 degrees of freedom.
    """

    def total(values: Tensor) -> Tensor:
        return group_sum(values, piece, _CELLS**2)

    place, used = piece.clamp(min=0), piece >= 0
    number = total(torch.ones_like(along))
    n = number.clamp(min=1)
    offset = along - (total(along) / n).gather(1, place)
    inertia = total(offset * offset).clamp(min=1e-9)
    squares = torch.zeros_like(along)
    for axis, extent in ((cloud.x, cloud.size[:, 0]), (cloud.z, cloud.size[:, 2])):
        rest = (axis - (total(axis) / n).gather(1, place)) * (extent / cloud.size[:, 1])[:, None]
        squares += (rest - (total(rest * offset) / inertia).gather(1, place) * offset).square()
    return squares, (squares * used).sum(dim=1) / (number - 2).clamp(min=0).sum(dim=1)
