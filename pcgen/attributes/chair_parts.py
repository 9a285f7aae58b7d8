"""Seat, back and armrests of a chair, found in a cloud whose overall box is known.

The box is divided into slices from front to back and levels from floor to top.
"""

from __future__ import annotations

__all__ = ["Arms", "Back", "Cloud", "Seat", "back_width", "find_arms", "find_back", "find_seat", "seat_thickness"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pcgen.attributes.profile import Profile
from pcgen.attributes.robust import extents, few, masked_quantile, solid, spread

_SLICES, _LEVELS = 16, 64
_MIDDLE = 0.2  # half width of the strip in which one sits, over the overall width
_FLATNESS = 0.013  # of height: how far points of the seat's top may lie from its level
_LEAST_SEAT = 3  # slices

_THINNEST, _THICKEST = 0.02, 0.18  # of height: seats
_FACE = 0.024  # of height: how far points of the seat's underside may lie from one another

_BESIDE = 0.28  # of width from the middle: where armrests begin
_ABOVE = 0.06  # of height above the seat: where armrests begin
_BELOW = 0.8  # of the back's height: where armrests end
_LEAST_ARMS = 0.35  # of the seat's slices: a back bent round the sitter covers less, armrests more

_UPPER = 0.7  # of the back's height: where no armrest is in the way
_FOOT = 0.12  # of the back's height: below this the seat's rim may be in the way
_TURNED = 0.09  # tangent of the angle (5 degrees) at which a cloud is turned too far to tell width from depth
_ASKEW = 0.1  # of half the width: how far beside the middle a back may be
_CLEAR = 0.05  # of the back's height: how far above the armrests the back stands alone


class Cloud(NamedTuple):
    """Clouds in fractions of their overall boxes, ``[B, N]`` each, which points to use, and the boxes' sizes."""

    x: Tensor
    y: Tensor
    z: Tensor
    used: Tensor
    slice: Tensor  # which slice from front to back; the outer ones take what lies beyond
    size: Tensor  # [B, 3]

    @classmethod
    def of(cls, points: Tensor) -> Cloud:
        """Of clouds ``[B, N, 3]``."""
        used = solid(points)
        low, high = extents(points, used)
        size = high - low
        box = ((points - low[:, None]) / size[:, None]).nan_to_num(-1.0, -1.0, -1.0)
        x, y, z = box.unbind(dim=2)
        return cls(x, y, z, used, (z * _SLICES).long().clamp(0, _SLICES - 1), size)


class Seat(NamedTuple):
    """Where one sits, in fractions of the overall box."""

    height: Tensor  # [B], inf where there is none
    slices: Tensor  # [B, _SLICES], which slices from front to back have the seat on top
    profile: Profile  # heights of what lies over and under its middle


class Arms(NamedTuple):
    """Armrests, and from where on the back stands alone."""

    there: Tensor  # [B] bool
    height: Tensor  # [B], of their tops above the seat over the height of the back, NaN without armrests
    clear: Tensor  # [B], over the height of the back


class Back(NamedTuple):
    """What one leans on."""

    points: Tensor  # [B, N] bool
    tilt: Tensor  # [B], how far its top lies behind its foot, over the depth
    straight: Tensor  # [B] bool: it faces forward, in the middle; otherwise the cloud is turned or leans sideways


def find_seat(cloud: Cloud) -> Seat:
    """The level that is on top in most slices of the middle strip, then the exact height of its surface."""
    strip = cloud.used & ((cloud.x - 0.5).abs() < _MIDDLE)
    top, counts = _skyline(cloud.y, cloud.slice, strip)
    level = _commonest_level(top, counts)
    slices = (top - level[:, None]).abs() <= 2  # a deep seat that slopes spans several levels
    # The rim of a seat may be raised or rounded: only the middle half of its depth counts.
    number = torch.arange(_SLICES, device=top.device)
    front = torch.where(slices, number, _SLICES).amin(dim=1) / _SLICES
    rear = torch.where(slices, number + 1, 0).amax(dim=1) / _SLICES
    central = strip & ((cloud.z - (front + rear)[:, None] / 2).abs() < (rear - front)[:, None] / 4)
    profile = Profile.of(cloud.y, central)
    # The upper quartile lies on the top side even where a thin seat's underside is within reach.
    height = profile.quantile((level - 2) / _LEVELS, (level + 3) / _LEVELS, 0.75)
    for _ in range(2):
        height = profile.quantile(height - _FLATNESS, height + _FLATNESS, 0.5)
    return Seat(height.where(slices.sum(dim=1) >= _LEAST_SEAT, torch.inf), slices, profile)


def seat_thickness(seat: Seat) -> Tensor:
    """Thickness of the seat in its middle ``[B]``: how far the densest level under its top lies below it."""
    depth = torch.linspace(_THINNEST, _THICKEST, 67, device=seat.height.device)
    level = seat.height[:, None] - depth
    thickness = depth[seat.profile.held(level - _FACE / 2, level + _FACE / 2).argmax(dim=1)]
    for _ in range(3):
        # What is nearer to the top than to the underside is the top's, where noise blurs a thin seat.
        low = seat.height - thickness - _FACE / 2
        high = seat.height - torch.maximum(thickness - _FACE / 2, thickness / 2)
        thickness = seat.height - seat.profile.mean(low, high)
    return thickness


def find_arms(cloud: Cloud, seat: Seat) -> Arms:
    """Armrests are there if enough of the seat's slices have something on both sides, higher than the seat.

    Their height is that of the upper side of whatever most slices show.
    """
    height, side = seat.height[:, None], cloud.x - 0.5
    beside = cloud.used & (side.abs() > _BESIDE)
    beside &= (cloud.y > height + _ABOVE) & (cloud.y < height + _BELOW * (1 - height))
    place = cloud.slice + _SLICES * (side > 0)
    held, top = torch.zeros(2, len(side), 2 * _SLICES, device=side.device)
    held.scatter_add_(1, place, beside.float())
    top.scatter_reduce_(1, place, cloud.y.where(beside, 0), "amax")
    covered = (held >= max(1, few(side.shape[1]) // 3)).view(-1, 2, _SLICES).all(dim=1) & seat.slices
    there = covered.sum(dim=1) > _LEAST_ARMS * seat.slices.sum(dim=1)
    shown = (top > 0) & seat.slices.repeat(1, 2)
    level = masked_quantile(top, shown, 0.5)
    level = Profile.of(cloud.y, beside).quantile(level - _FACE, level + _FACE, 0.9)
    above = (level - seat.height) / (1 - seat.height)
    return Arms(there, above.where(there, torch.nan), (above + _CLEAR).where(there, _FOOT))


def find_back(cloud: Cloud, seat: Seat, arms: Arms) -> Back:
    """Fits ``z = a + b y + c x² + d x``: leaning, bent round the sitter, and turned if the cloud is.

    First to what is higher than armrests can be, then to everything above the seat that lies near.
    """
    x, rise = 2 * cloud.x - 1, (cloud.y - seat.height[:, None]) / (1 - seat.height)[:, None]
    terms = torch.stack([torch.ones_like(x), rise, x * x, x, cloud.z], dim=1)
    inside = (x.abs() < 2 * _BESIDE) | (rise > arms.clear[:, None])
    above, points = cloud.used & (rise > _FOOT) & inside, cloud.used & (rise > _UPPER)
    # A little inertia decides what two posts alone leave open: they are not bent.
    inertia = torch.diag(torch.tensor([1e-3, 1e-3, 1.0, 1e-3], device=x.device))
    for _ in range(4):
        weight = points.float()
        moments = torch.bmm(terms * weight[:, None], terms.mT)
        solution = torch.linalg.solve(moments[:, :4, :4] + inertia, moments[:, :4, 4])
        distance = (torch.bmm(solution[:, None], terms[:, :4])[:, 0] - cloud.z).abs()
        typical = (distance * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        points = above & (distance < 2.5 * typical.clamp(0.02, 0.08)[:, None])
    weight = points.float()
    held = weight.sum(dim=1)
    tilt = solution[:, 1].where(held > 4 * few(x.shape[1]), torch.nan)
    middle = (x * weight).sum(dim=1) / held.clamp(min=1)
    turn = 2 * solution[:, 3] * cloud.size[:, 2] / cloud.size[:, 0]
    return Back(points, tilt, (turn.abs() < _TURNED) & (middle.abs() < _ASKEW))


def back_width(cloud: Cloud, seat: Seat, arms: Arms, back: Back) -> Tensor:
    """Widest part of the back above the armrests, over the overall width ``[B]``."""
    clear = cloud.y > (seat.height + arms.clear * (1 - seat.height))[:, None]
    low, high = spread(cloud.x, back.points & clear, (~cloud.used).sum(dim=1) / 2)
    return high - low


def _skyline(y: Tensor, slices: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The highest level that holds more than chance in each slice.

    Returns:
        ``top [B, slices]``, far below 0 where a slice is empty, and how many points each level holds
        ``[B, slices, levels]``.
    """
    index = slices * _LEVELS + (y * _LEVELS).long().clamp(0, _LEVELS - 1)
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
