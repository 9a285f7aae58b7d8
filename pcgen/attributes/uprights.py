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
    plan = torch.stack([cloud.x, cloud.z], dim=1)  # as seen from above
    piece = components((plan.mT * _CELLS).long().clamp(0, _CELLS - 1), slab, _CELLS)
    held = group_sum(slab.float(), piece, _CELLS**2)
    # One more than there may be, so that too many are noticed.
    held, number = held.topk(_MOST + 1, dim=1)
    real = held >= (_LEAST_SHARE * held[:, :1]).clamp(min=max(2, few(slab.shape[1]) // 2))
    member = ((piece[:, None] == number[..., None]) & real[..., None]).float()
    count = real.sum(dim=1).float()
    centre = (member @ cloud.x[..., None])[..., 0] / held.clamp(min=1)
    aside = (centre.sum(dim=1) / count - 0.5).abs()
    most = member.sum(dim=(1, 2)) > _MOSTLY * slab.sum(dim=1)
    certain = most & (count <= _MOST) & (aside < _ASIDE)
    count = torch.where(_is_body(plan, slab), 0, count.where(certain, torch.nan))

    metric = plan * (cloud.size[:, ::2] / cloud.size[:, 1:2])[..., None]
    offset, square = _offsets(metric, share, member)
    member = member * (offset < _OUTLYING**2 * square[:, None])[:, None]
    width = 2 * _offsets(metric, share, member)[1].sqrt()
    return count, width.where((count > 0) & (width < _WIDEST), torch.nan)


def _is_body(plan: Tensor, slab: Tensor) -> Tensor:
    """Whether there are points in the middles of all sides ``[B]``, as of a solid, not only in corners or a column."""
    used = slab.float()[..., None]
    count = used.sum(dim=1, keepdim=True).clamp(min=1)
    square = (plan - plan @ used / count).square()
    variance = square @ used / count  # [B, 2, 1]
    x, z = (square < _MIDDLE**2 * variance).unbind(dim=1)
    across, along = ((slab & here & ~there).sum(dim=1) for here, there in ((x, z), (z, x)))
    return (variance[:, 0, 0] > _WIDE**2) & (torch.minimum(across, along) > (_WALL * count[:, 0, 0]).clamp(min=1))


def _offsets(plan: Tensor, along: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Square distances of points from the axes of their pieces, straight lines that may lean.

    Args:
        plan: where points are as seen from above, ``[B, 2, N]``.
        along: how high they are, ``[B, N]``.
        member: which points each piece has, ``[B, P, N]``, 0 or 1.

    Returns:
        Each point's ``[B, N]`` and their mean ``[B]``. The mean is unbiased however few the points are: a line fitted
        to n of them leaves n - 2 degrees of freedom.
    """
    place = torch.cat([along[:, None], plan], dim=1)
    number = member.sum(dim=2)
    offset = place - place @ member.mT / number.clamp(min=1)[:, None] @ member
    rise = offset[:, :1]
    moments = (rise * offset) @ member.mT
    slope = moments[:, 1:] / moments[:, :1].clamp(min=1e-9)
    squares = (offset[:, 1:] - slope @ member * rise).square().sum(dim=1)
    return squares, (squares * member.sum(dim=1)).sum(dim=1) / (number - 2).clamp(min=0).sum(dim=1)
