"""Reads a chair's attributes off any cloud of it, by geometry alone.

Frame: +Y up, -Z front. Position, unit, order and number of points do not matter. Seen from above, the middle of a chair
from its front to its back shows first the seat, all at one height, then the back rising from it: that height is found
first, and the other attributes are measured from there.
"""

from __future__ import annotations

__all__ = ["CHAIR_SPECS", "measure_chair"]

import torch
from torch import Tensor

from pcgen.attributes.chair_parts import (
    Cloud,
    armrest_cover,
    armrest_height,
    back_tilt,
    back_width,
    find_seat,
    seat_thickness,
)
from pcgen.attributes.robust import extents, solid
from pcgen.attributes.uprights import uprights
from pcgen.errors import InputError, InputTypeError
from pcgen.spec import AttributeSpec

CHAIR_SPECS = (
    AttributeSpec("seat_height", "continuous", 0.25, 0.75, "of height", "top of the seat above the floor"),
    AttributeSpec("back_height", "continuous", 0.35, 1.7, "of width", "top of the chair above the seat"),
    AttributeSpec("width", "continuous", 0.6, 1.4, "of depth", "overall width"),
    AttributeSpec("back_tilt", "continuous", 0.0, 0.4, "of depth", "how far the back's top lies behind its foot"),
    AttributeSpec("back_width", "continuous", 0.45, 1.0, "of width", "widest part of the back above the armrests"),
    AttributeSpec("seat_thickness", "continuous", 0.02, 0.16, "of height", "from the seat's underside to its top"),
    AttributeSpec("leg_thickness", "continuous", 0.02, 0.09, "of height", "width of a leg or column half way up"),
    AttributeSpec("arm_height", "continuous", 0.25, 0.7, "of the back", "top of the armrests above the seat"),
    AttributeSpec("armrests", "binary", 0, 1, "", "a rest for either arm beside the seat"),
    AttributeSpec("legs", "count", 0, 4, "", "uprights that carry the seat, half way up; 0 for a solid body"),
)

_FEWEST_POINTS = 64
_CHUNK = 256  # clouds measured at once, which bounds the memory
_LEAST_BACK = 0.05  # of height: less than this above the seat is no back
_LEAST_ARMS = 0.35  # of the seat's slices: a back bent round the sitter covers less, armrests more


@torch.no_grad()
def measure_chair(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`CHAIR_SPECS`.

    What a chair lacks is not measurable: the back of a stool, the height of armrests that are not there, the thickness
    of the legs of a solid body. A cloud with too few points, or without anything level to sit on, has no seat, and of
    its attributes only the width may be measurable.

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
        (torch.Size([2, 10]), torch.bool)
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
    cloud = Cloud(((clouds - low[:, None]) / size[:, None]).nan_to_num(-1.0, -1.0, -1.0), used, size)
    seat = find_seat(cloud)
    found = seat.height.isfinite()
    back = found & (1 - seat.height > _LEAST_BACK)
    armrests = armrest_cover(cloud, seat) > _LEAST_ARMS
    arm_height = armrest_height(cloud, seat).where(armrests, torch.nan)
    tilt, on_back = back_tilt(cloud, seat)
    thickness = seat_thickness(cloud, seat)
    legs, leg_thickness = uprights(cloud.box, used, size, seat.height - thickness)
    nothing = torch.full_like(tilt, torch.nan)
    values = {
        "seat_height": seat.height.where(found, nothing),
        "back_height": ((1 - seat.height) * size[:, 1] / size[:, 0]).where(back, nothing),
        "width": size[:, 0] / size[:, 2],
        "back_tilt": tilt.where(back, nothing),
        "back_width": back_width(cloud, seat, on_back, arm_height).where(back, nothing),
        "seat_thickness": thickness.where(found, nothing),
        "leg_thickness": leg_thickness.where(found, nothing),
        "arm_height": arm_height.where(back, nothing),
        "armrests": armrests.float().where(found, nothing),
        "legs": legs.where(found, nothing),
    }
    stacked = torch.stack([values[spec.name] for spec in CHAIR_SPECS], dim=1)
    return stacked.where(stacked.isfinite() & (size > 0).all(dim=1, keepdim=True), torch.nan)
