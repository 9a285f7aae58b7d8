"""Reads a mug's attributes off any cloud of it, by geometry alone.

Frame: +Y up, handles at +x and -x. Both faces of the wall are seen in slabs between the handles; what is farther from
the axis than the wall is a handle.
"""

from __future__ import annotations

__all__ = ["MUG_SPECS", "measure_mug"]

import math

import torch
from torch import Tensor

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.robust import Ranked, extents, few, masked_quantile, solid, spread
from pcgen.spec import AttributeSpec

MUG_SPECS = (
    AttributeSpec("width", "continuous", 0.6, 1.5, "of height", "diameter of the rim"),
    AttributeSpec("taper", "continuous", 0.55, 1.0, "of the rim", "diameter at the bottom"),
    AttributeSpec("bulge", "continuous", -0.05, 0.15, "of the radius", "how far the sides swell halfway up"),
    AttributeSpec("wall", "continuous", 0.025, 0.09, "of width", "thickness of the wall"),
    AttributeSpec("floor", "continuous", 0.03, 0.14, "of height", "thickness of the bottom"),
    AttributeSpec("handles", "count", 0, 2, "", "number of handles"),
    AttributeSpec(
        "handle_height", "continuous", 0.35, 0.65, "of height", "from a handle's lowest to its highest point"
    ),
    AttributeSpec("handle_reach", "continuous", 0.2, 0.5, "of width", "how far a handle stands out beyond the rim"),
    AttributeSpec("handle_middle", "continuous", 0.42, 0.58, "of height", "middle of a handle above the floor"),
    AttributeSpec("lid", "binary", 0, 1, "", "whether it is covered"),
)

_SLABS = (0.2, 0.5, 0.9)  # of height: where the wall is looked at
_HALF_SLAB = 0.07
_BESIDE = 1.7  # |z| over |x| from where on no handle is in the way
_OUTSIDE = 1.12  # times the wall's radius: what is farther out is a handle
_LEAST_HANDLE = 0.004  # of all points


def measure_mug(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`MUG_SPECS`; a mug without handles has no handle to measure.

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
        >>> values, measurable = measure_mug(torch.rand(2, 1000, 3))
        >>> values.shape, measurable.dtype
        (torch.Size([2, 10]), torch.bool)
    """
    return measure_clouds(points, len(MUG_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    height = (high - low)[:, 1]
    x, y, z = ((clouds - low[:, None]) / height[:, None, None]).nan_to_num(-9.0, -9.0, -9.0).unbind(dim=-1)
    rim = used & (y > 0.92)
    strays = (~used).sum(dim=1) / 2
    x, z = (a - torch.stack(spread(a, rim, strays)).mean(dim=0)[:, None] for a in (x, z))
    distance = torch.hypot(x, z)

    beside = used & (z.abs() > _BESIDE * x.abs())
    # Half of the wall's points lie on either face.
    slab = torch.stack([beside & ((y - level).abs() < _HALF_SLAB) for level in _SLABS])  # [slabs, B, N]
    wall = Ranked.of(distance.expand_as(slab), slab)
    count = slab.sum(dim=2)
    inside = wall.below(0.5 * wall.at(torch.zeros_like(count), count, 0.9), inclusive=True)  # the floor, and handles
    middle = wall.at(inside, count, 0.5)
    half = wall.below(middle)
    outer = wall.at(half, count, 0.5)
    inner = wall.at(wall.below(0.6 * middle, inclusive=True), half, 0.5)
    radius, taper, bulge = _profile(outer)
    width = 2 * radius
    thickness = (outer - inner)[1:].mean(dim=0)

    line = radius[:, None] * (taper[:, None] + (1 - taper)[:, None] * y)
    surface = line * (1 + bulge[:, None] * torch.sin(math.pi * y.clamp(0, 1)))
    outside = used & (distance > _OUTSIDE * surface) & (distance > surface + 0.02)
    least = max(few(clouds.shape[1]), _LEAST_HANDLE * clouds.shape[1])
    sides = [(outside & (side > 0)).sum(dim=1) > least for side in (x, -x)]
    handles = torch.stack(sides).sum(dim=0).float()
    lowest, highest = spread(y, outside, strays)
    _, reach = spread(x.abs(), outside, strays)
    held = handles > 0

    within = used & (distance < 0.45 * (radius * taper)[:, None])
    upper_face = within & (y > 0.015) & (y < 0.3)
    floor = masked_quantile(y, upper_face, 0.5)
    covered = (within & (y > 0.85)).sum(dim=1) > 0.3 * (within & (y < 0.3)).sum(dim=1)
    columns = [
        width,
        taper,
        bulge,
        thickness / width,
        floor,
        handles,
        (highest - lowest).where(held, torch.nan),
        ((reach - radius) / width).where(held, torch.nan),
        ((highest + lowest) / 2).where(held, torch.nan),
        covered.float(),
    ]
    hollow = upper_face.sum(dim=1) > few(clouds.shape[1])
    return torch.stack(columns, dim=1).where((hollow & (height > 0))[:, None], torch.nan)


def _profile(outer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Radius of the rim, taper and bulge ``[B]`` of the sides that have the given radii ``[3, B]`` at the three slabs.

    The sides are a straight line times ``1 + bulge sin(π y)``; given the bulge the line follows from two slabs, and
    given the line the bulge from the third.
    """
    swell = [math.sin(math.pi * level) for level in _SLABS]
    first, middle, last = _SLABS
    bulge = torch.zeros_like(outer[0])
    for _ in range(8):
        low, high = outer[0] / (1 + bulge * swell[0]), outer[2] / (1 + bulge * swell[2])
        slope = (high - low) / (last - first)
        straight = low + slope * (middle - first)
        bulge = (outer[1] / straight - 1) / swell[1]
    return high + slope * (1 - last), (low - slope * first) / (high + slope * (1 - last)), bulge
