"""Reads a lamp's attributes off any cloud of it, by geometry alone.

Frame: +Y up, -Z front. The shades are where the lamp is wide over the longer way from one of its ends; a lamp whose
shades are at the bottom hangs from the ceiling.
"""

from __future__ import annotations

__all__ = ["LAMP_SPECS", "measure_lamp"]

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.components import group_sum
from pcgen.attributes.robust import extents, few, histogram, masked_quantile, solid
from pcgen.spec import AttributeSpec

LAMP_SPECS = (
    AttributeSpec("shade_width", "continuous", 0.2, 4.0, "of height", "overall width of the shades together"),
    AttributeSpec("shade_height", "continuous", 0.18, 0.5, "of height", "height of a shade"),
    AttributeSpec("taper", "continuous", 0.4, 1.0, "of the bottom", "width of a shade at its top"),
    AttributeSpec("base_width", "continuous", 0.3, 0.95, "of shade width", "width of the foot or the ceiling plate"),
    AttributeSpec("stem", "continuous", 0.04, 0.5, "of shade width", "widest thickness between foot and shades"),
    AttributeSpec("pendant", "binary", 0, 1, "", "hangs from the ceiling"),
    AttributeSpec("square", "binary", 0, 1, "", "square shades instead of round ones"),
    AttributeSpec("shades", "count", 1, 5, "", "number of shades"),
)

_LEVELS = 48  # of height
_WIDE = 0.36  # of the largest distance from the stem: what is farther belongs to a shade or the base
_LEAST_SHADE = 0.12  # of height
_END = 0.1  # of height: what a base takes at most
_SECTORS = 36  # of the circle around the stem
_OUTER = 0.45  # of the largest distance from the stem: several shades are apart there
_RIM = 0.15  # of a shade's height: the parts in which its ends are measured
_CORNER = 0.75  # of half a shade's width: a round one has nothing that far out both ways


class _Lamp(NamedTuple):
    """A lamp turned so that its shades are at the top, in units of the height."""

    x: Tensor  # [B, N], from the stem
    y: Tensor
    z: Tensor
    used: Tensor  # [B, N] bool
    pendant: Tensor  # [B] bool
    bottom: Tensor  # [B], lower end of the shades; inf where there are none

    @property
    def shade(self) -> Tensor:
        """Which points are as high as the shades ``[B, N]``."""
        return self.used & (self.y >= self.bottom[:, None])


def measure_lamp(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`LAMP_SPECS`.

    A lamp without a wide part at either end (a tube, a bare bulb) has no shade, and nothing of it is measurable.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``; NaN and infinite points and isolated strays are ignored. The numbers are
            reliable from about 2000 points on.

    Returns:
        ``values [B, K]`` float32, NaN where not measurable, and ``measurable [B, K]`` bool (``[K]`` each for a single
        cloud).

    Raises:
        InputTypeError: the points are not floating-point numbers.
        InputError: the shape is another one.

    Example:
        >>> values, measurable = measure_lamp(torch.rand(2, 1000, 3))
        >>> values.shape, measurable.dtype
        (torch.Size([2, 8]), torch.bool)
    """
    return measure_clouds(points, len(LAMP_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    lamp = _upright(clouds)
    width = _width(lamp.x, lamp.shade)
    base = _width(lamp.x, lamp.used & (lamp.y < _END))
    stem_zone = lamp.used & (lamp.y > 1.2 * _END) & (lamp.y < lamp.bottom[:, None] - 0.02)
    stem = 2 * masked_quantile(torch.hypot(lamp.x, lamp.z), stem_zone, 0.95)
    group, shades = _rings(lamp)
    taper, square = _shape(lamp, group)
    found = lamp.bottom.isfinite()
    columns = [width, 1 - lamp.bottom, taper, base / width, stem / width, lamp.pendant.float(), square, shades]
    return torch.stack(columns, dim=1).where(found[:, None], torch.nan)


def _width(x: Tensor, mask: Tensor) -> Tensor:
    """Extent ``[B]`` of the used coordinates, the outermost ones included."""
    return x.where(mask, -torch.inf).amax(dim=1) - x.where(mask, torch.inf).amin(dim=1)


def _upright(clouds: Tensor) -> _Lamp:
    """Find the stem and the end at which the shades are."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    height = (high - low)[:, 1, None]
    count = used.sum(dim=1, keepdim=True)
    centre = clouds.where(used[..., None], 0).sum(dim=1) / count
    x, z = ((clouds[..., axis] - centre[:, axis, None]) / height for axis in (0, 2))
    y = (clouds[..., 1] - low[:, 1, None]) / height
    x, y, z = (coordinate.nan_to_num(-1.0, -1.0, -1.0) for coordinate in (x, y, z))
    distance = torch.hypot(x, z)
    reach = masked_quantile(distance, used, 0.98)[:, None]
    wide = used & (distance > _WIDE * reach)
    held = histogram(y, wide, _LEVELS) > few(clouds.shape[1]) / 2
    held = max_pool1d(held[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0  # one empty level is no gap
    from_top, from_bottom = (ends.cumprod(dim=1).sum(dim=1) for ends in (held.flip(1).long(), held.long()))
    pendant = from_bottom > from_top
    y = torch.where(pendant[:, None], 1 - y, y)
    levels = torch.maximum(from_top, from_bottom)
    zone = wide & (y > 1 - (levels[:, None] + 0.5) / _LEVELS)
    bottom = masked_quantile(y, zone, 0.0)
    usual = (1 - bottom > _LEAST_SHADE) & (bottom > 1.5 * _END) & (height[:, 0] > 0)
    # The base, being alone there, tells where the stem stands.
    foot = used & (y < 0.5 * _END)
    middle = [
        (a.where(foot, -torch.inf).amax(dim=1) + a.where(foot, torch.inf).amin(dim=1)).nan_to_num(0.0, 0.0, 0.0) / 2
        for a in (x, z)
    ]
    return _Lamp(x - middle[0][:, None], y, z - middle[1][:, None], used, pendant, bottom.where(usual, torch.inf))


def _rings(lamp: _Lamp) -> tuple[Tensor, Tensor]:
    """Which shade each point belongs to ``[B, N]`` (-1 for none), and how many there are ``[B]``.

    Several shades leave gaps when looked at from the stem; around a single one there is no gap.
    """
    distance = torch.hypot(lamp.x, lamp.z)
    reach = masked_quantile(distance, lamp.shade, 0.98)[:, None]
    turn = (torch.atan2(lamp.z, lamp.x) / (2 * math.pi)) % 1.0
    outer = lamp.shade & (distance > _OUTER * reach)
    sector = (turn * _SECTORS).long().clamp(0, _SECTORS - 1)
    counts = histogram(turn, outer, _SECTORS)
    held = counts > 0.15 * counts.mean(dim=1, keepdim=True)
    begins = held & ~held.roll(1, dims=1)
    arcs = begins.sum(dim=1)
    # Sectors before the first beginning belong to the last shade.
    number = begins.cumsum(dim=1) - 1
    number = torch.where(number < 0, arcs[:, None] - 1, number).clamp(min=0)
    group = number.gather(1, sector).where(lamp.shade & held.gather(1, sector), -1)
    single = arcs == 0
    group = torch.where(single[:, None], torch.where(lamp.shade, 0, -1), group)
    return group, torch.where(single, 1, arcs).float()


def _shape(lamp: _Lamp, group: Tensor) -> tuple[Tensor, Tensor]:
    """Width of the shades at the top over that at the bottom, and whether they are square (0 or 1), ``[B]`` each."""
    share = (lamp.y - lamp.bottom[:, None]) / (1 - lamp.bottom[:, None])
    share = torch.where(lamp.pendant[:, None], 1 - share, share)  # turned back: the bottom is the bottom
    several = (group > 0).any(dim=1)
    offsets = []
    for a in (lamp.x, lamp.z):
        count = group_sum(torch.ones_like(a), group, _SECTORS).clamp(min=1)
        mean = (group_sum(a, group, _SECTORS) / count).gather(1, group.clamp(min=0))
        offsets.append((a - mean.where(several[:, None], 0)).abs())
    larger, smaller = torch.maximum(*offsets), torch.minimum(*offsets)
    ends = []
    for place in (share < _RIM, share > 1 - _RIM):
        mask = (group >= 0) & place
        ends.append(
            (masked_quantile(larger, mask, 0.85), group_sum(share, torch.where(mask, 0, -1), 1)[:, 0] / mask.sum(1))
        )
    (low, at_low), (high, at_high) = ends
    slope = (high - low) / (at_high - at_low)
    bottom, top = low - slope * at_low, high + slope * (1 - at_high)
    size = bottom[:, None] + (top - bottom)[:, None] * share
    wall = (group >= 0) & (larger > 0.8 * size)
    corner = wall & (smaller > _CORNER * size)
    return top / bottom, (corner.sum(dim=1) > 0.1 * wall.sum(dim=1)).float()
