"""What carries a chair: how many separate uprights there are half way up, and how thick they are."""

from __future__ import annotations

__all__ = ["uprights"]

import torch
from torch import Tensor

from pcgen.attributes.chair_parts import Cloud
from pcgen.attributes.components import components, group_sum
from pcgen.attributes.robust import few

_LOW, _HIGH = 0.38, 0.74  # of the free height: above stretchers and spokes, below whatever hangs under the seat
_CELLS = 24  # of the footprint along each axis
_WIDE, _DEEP = 0.22, 0.1  # of the footprint: what spreads (standard deviation) as far is a body, not a leg
_MOST = 4
_LEAST_SHARE = 0.2  # of the points that the largest upright has; less is a stray


def uprights(cloud: Cloud, top: Tensor) -> tuple[Tensor, Tensor]:
    """Count and measure the uprights between the floor and what they carry.

    Args:
        cloud: points in fractions of the overall box.
        top: height of the underside of what is carried, ``[B]``, as a fraction.

    Returns:
        The number of uprights ``[B]`` (0 for a body that fills the footprint, NaN where there is nothing or too much)
        and their width over the height ``[B]``: twice the root mean square distance of their surface from their axes,
        which is the diameter of round ones (NaN without uprights).
    """
    share = cloud.y / top[:, None]
    slab = cloud.used & (share > _LOW) & (share < _HIGH)
    cells = (torch.stack([cloud.x, cloud.z], dim=-1) * _CELLS).long().clamp(0, _CELLS - 1)
    piece = components(cells, slab, _CELLS)
    held = group_sum(slab.float(), piece, _CELLS**2)
    least = (_LEAST_SHARE * held.amax(dim=1, keepdim=True)).clamp(min=max(2, few(slab.shape[1]) // 2))
    kept = slab & (held >= least).gather(1, piece.clamp(min=0))
    count = (held >= least).sum(dim=1).float()
    body = _is_body(cloud, kept & (piece == held.argmax(dim=1)[:, None]))
    count = torch.where(body, 0, count).where(kept.any(dim=1) & (body | (count <= _MOST)), torch.nan)

    width = 2 * _mean_square_offset(cloud, share, piece.where(kept, -1)).sqrt()
    return count, width.where(count > 0, torch.nan)


def _mean_square_offset(cloud: Cloud, along: Tensor, piece: Tensor) -> Tensor:
    """Mean square distance ``[B]`` of points from the axes of their pieces, straight lines that may lean.

    Unbiased however few the points are: a line fitted to n of them leaves n - 2 degrees of freedom.
    """

    def total(values: Tensor) -> Tensor:
        return group_sum(values, piece, _CELLS**2)

    number = total(torch.ones_like(along))
    n = number.clamp(min=1)
    first = total(along)
    inertia = (total(along * along) - first * first / n).clamp(min=1e-9)
    squares = torch.zeros(len(along), device=along.device)
    for axis, extent in ((cloud.x, cloud.size[:, 0]), (cloud.z, cloud.size[:, 2])):
        level = total(axis)
        lean = total(axis * along) - level * first / n
        rest = total(axis * axis) - level * level / n - lean * lean / inertia
        squares += rest.sum(dim=1) * (extent / cloud.size[:, 1]).square()
    return squares.clamp(min=0) / (number - 2).clamp(min=0).sum(dim=1)


def _is_body(cloud: Cloud, largest: Tensor) -> Tensor:
    """Whether the largest piece ``[B, N]`` is as wide as the footprint ``[B]``: a solid, however thin its outline."""
    count = largest.sum(dim=1).clamp(min=1)
    wide = torch.ones_like(count, dtype=torch.bool)
    for axis, least in ((cloud.x, _WIDE), (cloud.z, _DEEP)):
        mean = axis.where(largest, 0).sum(dim=1) / count
        variance = (axis - mean[:, None]).square().where(largest, 0).sum(dim=1) / count
        wide &= variance > least**2
    return wide
