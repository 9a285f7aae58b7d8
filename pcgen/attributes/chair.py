"""Reads a chair's attributes off any cloud of it, by geometry alone.

Frame: +Y up, -Z front. Position, unit, order and number of points do not matter. Seen from above, the middle of a chair
from its front to its back shows first the seat, all at one height, then the back rising from it: that height is found
first, and the other attributes are measured from there.
"""

from __future__ import annotations

__all__ = ["CHAIR_SPECS", "measure_chair"]

import torch
from torch import Tensor

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.chair_parts import Cloud, back_width, find_arms, find_back, find_seat, seat_thickness
from pcgen.attributes.uprights import uprights
from pcgen.spec import AttributeSpec

CHAIR_SPECS = (
    AttributeSpec("seat_height", "continuous", 0.25, 0.75, "of height", "top of the seat above the floor"),
    AttributeSpec("back_height", "continuous", 0.35, 1.7, "of width", "top of the chair above the seat"),
    AttributeSpec("width", "continuous", 0.6, 1.4, "of depth", "overall width"),
    AttributeSpec("back_tilt", "continuous", 0.0, 0.4, "of depth", "how far the back's top lies behind its foot"),
    AttributeSpec("back_width", "continuous", 0.45, 1.0, "of width", "widest part of the back above the armrests"),
    AttributeSpec("seat_thickness", "continuous", 0.02, 0.16, "of height", "from the seat's underside to its top"),
    AttributeSpec(
        "leg_thickness",
        "continuous",
        0.02,
        0.09,
        "of height",
        "of a leg or column, half way up",
    ),
    AttributeSpec("arm_height", "continuous", 0.25, 0.7, "of the back", "top of the armrests above the seat"),
    AttributeSpec("armrests", "binary", 0, 1, "", "a rest for either arm beside the seat"),
    AttributeSpec("legs", "count", 0, 4, "", "uprights that carry the seat, half way up; 0 for a solid body"),
)

_SHEET = 0.02  # of height: below a seat without an underside of its own
_LEAST_BACK = 0.05  # of height: less than this above the seat is no back


def measure_chair(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`CHAIR_SPECS`.

    What a chair lacks is not measurable: the back of a stool, the height of armrests that are not there, the thickness
    of the legs of a solid body. A cloud with too few points, or without anything level to sit on, has no seat, and of
    its attributes only the width may be measurable. Of a chair whose back is turned by more than 5 degrees from facing
    -Z, or stands beside its middle, nothing is.

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
    return measure_clouds(points, len(CHAIR_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    cloud = Cloud.of(clouds)
    seat = find_seat(cloud)
    arms = find_arms(cloud, seat)
    back = find_back(cloud, seat, arms)
    thickness = seat_thickness(seat)
    legs, leg_thickness = uprights(cloud, seat.height - thickness.nan_to_num(_SHEET))
    width, height, depth = cloud.size.unbind(dim=1)
    backed = 1 - seat.height > _LEAST_BACK
    usable = (cloud.size > 0).all(dim=1) & (back.straight | ~backed)
    seated = usable & seat.height.isfinite()
    leaning = seated & backed
    columns = {
        "width": (width / depth, usable),
        "seat_height": (seat.height, seated),
        "seat_thickness": (thickness, seated),
        "leg_thickness": (leg_thickness, seated),
        "armrests": (arms.there.float(), seated),
        "legs": (legs, seated),
        "back_height": ((1 - seat.height) * height / width, leaning),
        "back_tilt": (back.tilt, leaning),
        "back_width": (back_width(cloud, seat, arms, back), leaning),
        "arm_height": (arms.height, leaning),
    }
    values, known = zip(*(columns[spec.name] for spec in CHAIR_SPECS), strict=True)
    return torch.stack(values, dim=1).where(torch.stack(known, dim=1), torch.nan)
