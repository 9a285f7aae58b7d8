"""Reads a chair's attributes off any cloud of it, by geometry alone.

Frame: +Y up, -Z front. Position, unit, order and number of points do not matter. Seen from above, the middle of a chair
from its front to its back shows first the seat, all at one height, then the back rising from it: that height is found
first, and the other attributes are measured from there.
"""

from __future__ import annotations

__all__ = ["CHAIR_SPECS", "measure_chair"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pcgen.attributes.robust import extents, few, masked_quantile, solid
from pcgen.errors import InputError, InputTypeError
from pcgen.spec import AttributeSpec

CHAIR_SPECS = (
    AttributeSpec("seat_height", "continuous", 0.25, 0.75, "of height", "top of the seat above the floor"),
    AttributeSpec("back_height", "continuous", 0.35, 1.7, "of width", "top of the chair above the seat"),
    AttributeSpec("width", "continuous", 0.6, 1.4, "of depth", "overall width"),
    AttributeSpec("armrests", "binary", 0, 1, "", "a rest for either arm beside the seat"),
)

_FEWEST_POINTS = 64
_CHUNK = 256  # clouds measured at once, which bounds the memory

# The overall box is divided into slices from front to back and levels from floor to top.
_SLICES, _LEVELS = 16, 64
_MIDDLE = 0.2  # half width of the strip in which one sits, over the overall width
_FLATNESS = 0.013  # of height: how far points of the seat's top may lie from its level
_LEAST_SEAT = 3  # slices
_LEAST_BACK = 0.05  # of height: less than this above the seat is no back

_BESIDE = 0.28  # of width from the middle: where armrests begin
_ABOVE = 0.06  # of height above the seat: where armrests begin
_BELOW = 0.8  # of the back's height: where armrests end
_LEAST_ARMS = 0.35  # of the seat's slices: a back bent round the sitter covers less, armrests more


class _Seat(NamedTuple):
    """Where one sits, in fractions of the overall box."""

    height: Tensor  # [B], inf where there is none
    slices: Tensor  # [B, _SLICES], which slices from front to back have the seat on top


@torch.no_grad()
def measure_chair(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`CHAIR_SPECS`.

    A stool has no back: its back height is not measurable. A cloud with too few points, or without anything level
    to sit on, has no seat, and of its attributes only the width may be measurable.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``; NaN and infinite points and isolated strays are ignored. The numbers are
            reliable from about 1000 points on.

    Returns:
        ``values [B, K]`` float32, NaN where not measurable, and ``measurable [B, K]`` bool (``[K]`` each for a single
        cloud).

    Raises:
        InputTypeError: the points are not floating-point numbers.
        InputError: the shape is another one.

    Example:
        >>> values, measurable = measure_chair(torch.rand(2, 1000, 3))
        >>> values.shape, measurable.dtype
        (torch.Size([2, 4]), torch.bool)
    """
    if not points.is_floating_point():
        raise InputTypeError(f"points must be floating-point numbers, got {points.dtype}; convert with points.float()")
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise InputError(f"points must have shape [B, N, 3] or [N, 3], got {list(points.shape)}")
    clouds = (points if points.ndim == 3 else points[None]).float()
    if clouds.shape[0] == 0 or clouds.shape[1] < _FEWEST_POINTS:
        values = clouds.new_full((clouds.shape[0], len(CHAIR_SPECS)), torch.nan)
    else:
        values = torch.cat([_measure(chunk) for chunk in clouds.split(_CHUNK)])
    if points.ndim == 2:
        values = values[0]
    return values, ~values.isnan()


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN where not measurable."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    size = high - low
    box = ((clouds - low[:, None]) / size[:, None]).nan_to_num(-1.0, -1.0, -1.0)
    seat = _find_seat(box, used)
    armrests = _armrest_cover(box, used, seat) > _LEAST_ARMS
    values = torch.stack(
        [
            seat.height,
            (1 - seat.height) * size[:, 1] / size[:, 0],
            size[:, 0] / size[:, 2],
            armrests.float(),
        ],
        dim=1,
    )
    found = seat.height.isfinite()
    back = found & (1 - seat.height > _LEAST_BACK)
    measurable = torch.stack([found, back, torch.ones_like(found), found], dim=1) & (size > 0).all(dim=1, keepdim=True)
    return values.where(measurable & values.isfinite(), torch.nan)


def _bins(fractions: Tensor, count: int) -> Tensor:
    """Which of equally many parts of [0, 1] each fraction falls in; the outer parts take what lies beyond."""
    return (fractions * count).long().clamp(0, count - 1)


def _find_seat(box: Tensor, used: Tensor) -> _Seat:
    """The level that is on top in most slices of the middle strip, then the exact height of its surface."""
    x, y, z = box.unbind(dim=-1)
    strip = used & ((x - 0.5).abs() < _MIDDLE)
    top, counts = _skyline(y, z, strip)
    level = _commonest_level(top, counts)
    slices = (top - level[:, None]).abs() <= 2  # a deep seat that slopes spans several levels
    # The rim of a seat may be raised or rounded: only the middle half of its depth counts.
    number = torch.arange(_SLICES, device=box.device)
    front = torch.where(slices, number, _SLICES).amin(dim=1) / _SLICES
    rear = torch.where(slices, number + 1, 0).amax(dim=1) / _SLICES
    central = (z - (front + rear)[:, None] / 2).abs() < (rear - front)[:, None] / 4
    around = strip & central & ((y * _LEVELS - level[:, None] - 0.5).abs() < 2.5)
    # The upper quartile lies on the top side even where a thin seat's underside is within reach.
    height = masked_quantile(y, around, 0.75)
    for _ in range(2):
        height = masked_quantile(y, around & ((y - height[:, None]).abs() < _FLATNESS), 0.5)
    return _Seat(height.where(slices.sum(dim=1) >= _LEAST_SEAT, torch.inf), slices)


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


def _armrest_cover(box: Tensor, used: Tensor, seat: _Seat) -> Tensor:
    """Share of the seat's slices ``[B]`` that have something to the left and to the right, higher than the seat."""
    x, y, z = box.unbind(dim=-1)
    height = seat.height[:, None]
    beside = used & (y > height + _ABOVE) & (y < height + _BELOW * (1 - height))
    index = _bins(z, _SLICES)
    covered = seat.slices
    for side in (x - 0.5, 0.5 - x):
        counts = torch.zeros(len(x), _SLICES, device=x.device).scatter_add_(
            1, index, (beside & (side > _BESIDE)).float()
        )
        covered = covered & (counts >= max(1, few(x.shape[1]) // 3))
    return covered.sum(dim=1) / seat.slices.sum(dim=1).clamp(min=1)
