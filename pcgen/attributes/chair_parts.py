"""Seat, back and armrests of a chair, found in a cloud whose overall box is known.

The box is divided into slices from front to back and levels from floor to top.
"""

from __future__ import annotations

__all__ = [
    "Cloud",
    "Seat",
    "armrest_cover",
    "armrest_height",
    "back_tilt",
    "back_width",
    "find_seat",
    "seat_thickness",
]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pcgen.attributes.robust import few, masked_quantile, spread

_SLICES, _LEVELS = 16, 64
_MIDDLE = 0.2  # half width of the strip in which one sits, over the overall width
_FLATNESS = 0.013  # of height: how far points of the seat's top may lie from its level
_LEAST_SEAT = 3  # slices

_BESIDE = 0.28  # of width from the middle: where armrests begin
_ABOVE = 0.06  # of height above the seat: where armrests begin
_BELOW = 0.8  # of the back's height: where armrests end

_UPPER = 0.7  # of the back's height: where no armrest is in the way
_THICKEST = 0.2  # of height: the thickest seat


class Cloud(NamedTuple):
    """Clouds in fractions of their overall boxes."""

    box: Tensor  # [B, N, 3]
    used: Tensor  # [B, N] bool
    size: Tensor  # [B, 3], of the boxes


class Seat(NamedTuple):
    """Where one sits, in fractions of the overall box."""

    height: Tensor  # [B], inf where there is none
    slices: Tensor  # [B, _SLICES], which slices from front to back have the seat on top
    central: Tensor  # [B, N], which points lie over or under the middle of the seat


def find_seat(cloud: Cloud) -> Seat:
    """The level that is on top in most slices of the middle strip, then the exact height of its surface."""
    x, y, z = cloud.box.unbind(dim=-1)
    strip = cloud.used & ((x - 0.5).abs() < _MIDDLE)
    top, counts = _skyline(y, z, strip)
    level = _commonest_level(top, counts)
    slices = (top - level[:, None]).abs() <= 2  # a deep seat that slopes spans several levels
    # The rim of a seat may be raised or rounded: only the middle half of its depth counts.
    number = torch.arange(_SLICES, device=y.device)
    front = torch.where(slices, number, _SLICES).amin(dim=1) / _SLICES
    rear = torch.where(slices, number + 1, 0).amax(dim=1) / _SLICES
    central = strip & ((z - (front + rear)[:, None] / 2).abs() < (rear - front)[:, None] / 4)
    around = central & ((y * _LEVELS - level[:, None] - 0.5).abs() < 2.5)
    # The upper quartile lies on the top side even where a thin seat's underside is within reach.
    height = masked_quantile(y, around, 0.75)
    for _ in range(2):
        height = masked_quantile(y, around & ((y - height[:, None]).abs() < _FLATNESS), 0.5)
    return Seat(height.where(slices.sum(dim=1) >= _LEAST_SEAT, torch.inf), slices, central)


def seat_thickness(cloud: Cloud, seat: Seat) -> Tensor:
    """Thickness of the seat in its middle ``[B]``: twice the mean depth of its points below its top.

    Top and underside have the same area there, so the mean lies half way between them, and slopes and noise cancel.
    """
    depth = seat.height[:, None] - cloud.box[..., 1]
    thickness = torch.full_like(seat.height, _THICKEST)
    for _ in range(4):
        # What hangs under the seat must not count: columns, stretchers.
        near = seat.central & (depth > -0.03) & (depth < 1.2 * thickness[:, None] + 0.012)
        thickness = 2 * depth.where(near, 0).sum(dim=1) / near.sum(dim=1)
        thickness = thickness.clamp(0, _THICKEST)
    return thickness


def back_tilt(cloud: Cloud, seat: Seat) -> tuple[Tensor, Tensor]:
    """How far the top of the back lies behind its foot, over the depth ``[B]``, and which points are the back's.

    Fits ``z = a + b y + c x²`` (leaning, and bent round the sitter), first to what is higher than armrests can be, then
    to everything above the seat that lies near.
    """
    x, y, z = cloud.box.unbind(dim=-1)
    x, rise = 2 * x - 1, (y - seat.height[:, None]) / (1 - seat.height)[:, None]
    design = torch.stack([torch.ones_like(x), rise, x * x], dim=-1)
    above, near = cloud.used & (rise > 0.12), cloud.used & (rise > _UPPER)
    tilt, residual = torch.zeros_like(seat.height), torch.zeros_like(x)
    for _ in range(5):
        weight = near.float()[..., None]
        gram = design.transpose(1, 2) @ (design * weight)
        # A little inertia decides what two posts alone leave open: they are not bent.
        gram = gram + torch.diag(torch.tensor([1e-3, 1e-3, 1.0], device=x.device))
        solution = torch.linalg.solve(gram, design.transpose(1, 2) @ (z[..., None] * weight))
        tilt = solution[:, 1, 0]
        residual = (z - (design @ solution)[..., 0]).nan_to_num(1.0)
        deviation = (residual.abs().where(near, 0).sum(dim=1) / near.sum(dim=1).clamp(min=1)).clamp(0.02, 0.08)
        near = above & (residual.abs() < 2.5 * deviation[:, None])
    return tilt.where(near.sum(dim=1) > 4 * few(x.shape[1]), torch.nan), near


def back_width(cloud: Cloud, seat: Seat, on_back: Tensor, arm_height: Tensor) -> Tensor:
    """Widest part of the back above the armrests, over the overall width ``[B]``."""
    rise = (cloud.box[..., 1] - seat.height[:, None]) / (1 - seat.height)[:, None]
    clear = arm_height.nan_to_num(0.1)[:, None] + 0.05
    low, high = spread(cloud.box[..., 0], on_back & (rise > clear))
    return high - low


def armrest_cover(cloud: Cloud, seat: Seat) -> Tensor:
    """Share of the seat's slices ``[B]`` that have something to the left and to the right, higher than the seat."""
    beside, side, index = _beside(cloud, seat)
    count = cloud.box.shape[1]
    held = torch.zeros(len(beside), 2 * _SLICES, device=side.device).scatter_add_(1, index, beside.float())
    covered = (held >= max(1, few(count) // 3)).view(-1, 2, _SLICES).all(dim=1) & seat.slices
    return covered.sum(dim=1) / seat.slices.sum(dim=1).clamp(min=1)


def armrest_height(cloud: Cloud, seat: Seat) -> Tensor:
    """Top of the armrests above the seat, over the height of the back ``[B]``: what most slices beside it show."""
    beside, side, index = _beside(cloud, seat)
    y = cloud.box[..., 1].where(beside, 0)
    top = torch.zeros(len(beside), 2 * _SLICES, device=side.device).scatter_reduce_(1, index, y, "amax")
    shown = (top > 0) & seat.slices.repeat(1, 2)
    return (masked_quantile(top, shown, 0.5) - seat.height) / (1 - seat.height)


def _beside(cloud: Cloud, seat: Seat) -> tuple[Tensor, Tensor, Tensor]:
    """Points where armrests can be, on which side all points are, and in which of the slices of either side."""
    x, y, z = cloud.box.unbind(dim=-1)
    height = seat.height[:, None]
    side = x - 0.5
    beside = cloud.used & (side.abs() > _BESIDE) & (y > height + _ABOVE) & (y < height + _BELOW * (1 - height))
    return beside, side, _bins(z, _SLICES) + _SLICES * (side > 0)


def _bins(fractions: Tensor, count: int) -> Tensor:
    """Which of equally many parts of [0, 1] each fraction falls in; the outer parts take what lies beyond."""
    return (fractions * count).long().clamp(0, count - 1)


def _skyline(y: Tensor, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The highest level that holds more than chance in each slice.

    Returns:
        ``top [B, slices]``, far below 0 where a slice is empty, and how many points each level holds
        ``[B, slices, levels]``.
    """
    index = _bins(z, _SLICES) * _LEVELS + _bins(y, _LEVELS)
    counts = torch.zeros(len(y), _SLICES * _LEVELS, device=y.device).scatter_add_(1, index, mask.float())
    counts = counts.view(-1, _SLICES, _LEVELS)
    # A sloping or sparse surface may be split between levels and slices, so its neighbours count too.
    around = avg_pool2d(counts[:, None], 3, stride=1, padding=1)[:, 0] * 9
    held = (counts > 0) & (around > few(y.shape[1]) + 0.5)
    number = torch.arange(_LEVELS, device=y.device)
    return torch.where(held, number, -_LEVELS).amax(dim=-1), counts


def _commonest_level(top: Tensor, counts: Tensor) -> Tensor:
    """The level ``[B]`` at or next to which most slices end; between equals, the one with more points."""
    number = torch.arange(_LEVELS, device=top.device)
    votes = ((top[..., None] - number).abs() <= 1).sum(dim=1)
    mass = counts.sum(dim=1)
    return (votes + mass / (2 * mass.amax(dim=1, keepdim=True) + 1)).argmax(dim=1)
