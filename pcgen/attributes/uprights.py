"""What carries a shape: how many separate uprights there are half way up, and how thick they are."""

from __future__ import annotations

__all__ = ["uprights"]

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from pcgen.attributes.robust import few, histogram_quantile

_LOW, _HIGH = 0.37, 0.7  # of the free height: above stretchers and spokes, below whatever hangs under the seat
_CELLS = 16  # of the footprint along each axis
_WIDE, _DEEP = 0.22, 0.1  # of the footprint: what spreads (standard deviation) as far is a body, not a leg
_ROUNDS = 8  # of spreading labels, enough for an outline of the whole footprint
_MOST = 4
_LEAST_SHARE = 0.2  # of the points that the largest upright has; less is a stray
_WIDEST = 0.15  # of height: half the width of the thickest upright


def uprights(box: Tensor, used: Tensor, size: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
    """Count and measure the uprights between the floor and what they carry.

    Args:
        box: ``[B, N, 3]`` in fractions of the overall box, +Y up.
        used: which points to use, ``[B, N]``.
        size: of the overall boxes, ``[B, 3]``.
        top: height of the underside of what is carried, ``[B]``, as a fraction.

    Returns:
        The number of uprights ``[B]`` (0 for a body that fills the footprint, NaN where there is nothing or too much)
        and their mean width over the height ``[B]`` (NaN without uprights).
    """
    y = box[..., 1] / top[:, None]
    slab = used & (y > _LOW) & (y < _HIGH)
    cell = (box[..., ::2] * _CELLS).long().clamp(0, _CELLS - 1)
    index = cell[..., 0] * _CELLS + cell[..., 1]
    held = _sums(index, slab.float())
    label = _components(held.view(-1, _CELLS, _CELLS) > 0).view(len(box), -1)
    points = torch.zeros_like(held).scatter_add_(1, label, held)  # at each component's label; label 0 is empty floor
    real = points >= (_LEAST_SHARE * points.amax(dim=1, keepdim=True)).clamp(min=max(2, few(box.shape[1]) // 2))
    count = real.sum(dim=1).float()

    mine = label.gather(1, index)
    kept = slab & real.gather(1, mine)
    offset = _offsets(box[..., ::2], y, mine, kept) * (size[:, ::2] / size[:, 1:2])[:, None]
    width = 2 * histogram_quantile(offset.abs().amax(dim=-1), kept, 0.8, _WIDEST)

    body = _is_body(box[..., ::2], mine, points, kept)
    none = kept.sum(dim=1) == 0
    count = torch.where(body, 0, count).where(~none & (body | (count <= _MOST)), torch.nan)
    return count, width.where(count > 0, torch.nan)


def _sums(index: Tensor, values: Tensor) -> Tensor:
    """Sums of values ``[B, N]`` in cells ``[B, cells]``."""
    return torch.zeros(len(index), _CELLS * _CELLS, device=index.device).scatter_add_(1, index, values)


def _components(occupied: Tensor) -> Tensor:
    """Connected components of cells ``[B, cells, cells]``: each gets the largest index among its own, the rest 0."""
    number = torch.arange(1, occupied[0].numel() + 1, device=occupied.device).view(occupied[0].shape)
    label = torch.where(occupied, number, 0)
    for _ in range(_ROUNDS):
        around = max_pool2d(label[:, None].float(), 3, stride=1, padding=1)[:, 0].long()
        flat = torch.where(occupied, around, 0).flatten(1)
        # A label names a cell; taking over that cell's label halves the way with every round.
        label = torch.where(flat > 0, flat.gather(1, (flat - 1).clamp(min=0)), 0).view_as(label)
    return (label - 1).clamp(min=0)


def _offsets(floor: Tensor, y: Tensor, label: Tensor, kept: Tensor) -> Tensor:
    """Horizontal offsets ``[B, N, 2]`` of points from the axis of their upright, which may lean."""
    count = _sums(label, kept.float()).clamp(min=1)
    mean_y = (_sums(label, y.where(kept, 0)) / count).gather(1, label)
    dy = (y - mean_y).where(kept, 0)
    inertia = _sums(label, dy * dy) + 1e-6
    offsets = []
    for axis in (floor[..., 0], floor[..., 1]):
        mean = (_sums(label, axis.where(kept, 0)) / count).gather(1, label)
        slope = (_sums(label, (axis - mean) * dy) / inertia).gather(1, label)
        offsets.append(axis - mean - slope * dy)
    return torch.stack(offsets, dim=-1)


def _is_body(floor: Tensor, mine: Tensor, points: Tensor, kept: Tensor) -> Tensor:
    """Whether the largest component ``[B]`` is as wide as the footprint: a solid, however thin its outline."""
    largest = kept & (mine == points.argmax(dim=1)[:, None])
    count = largest.sum(dim=1).clamp(min=1)
    wide = torch.ones_like(count, dtype=torch.bool)
    for axis, least in ((floor[..., 0], _WIDE), (floor[..., 1], _DEEP)):
        mean = axis.where(largest, 0).sum(dim=1) / count
        variance = (axis - mean[:, None]).square().where(largest, 0).sum(dim=1) / count
        wide &= variance > least**2
    return wide
