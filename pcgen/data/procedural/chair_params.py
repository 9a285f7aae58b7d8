"""The parameters of a procedural chair and the attributes they state exactly."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ChairParams", "Layout", "clearance", "exact_attributes", "seat_outline", "side_thickness"]

from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np

from pcgen.data.procedural.primitives import Array, superellipse

Four = Literal["straight", "sled", "rockers"]
Column = Literal["star", "disc"]
Base = Literal["straight", "sled", "rockers", "tripod", "cantilever", "star", "disc", "block"]
Back = Literal["panel", "framed", "slats", "ladder", "spindles", "splat", "lattice", "hoop"]
Arms = Literal["posts", "loops", "tees", "sides"]

ATTRIBUTES = (
    "seat_height",
    "back_height",
    "width",
    "back_tilt",
    "back_width",
    "seat_thickness",
    "leg_thickness",
    "arm_height",
    "armrests",
    "legs",
)
"""Names of the parameters that are attributes, in column order."""

_ROCKER_REACH = 1.25  # of the seat's half depth: where the rails of a rocking chair end


@dataclass(frozen=True)
class ChairParams:
    """Everything that determines a chair's surface; the total height is 1 and the unit of every length.

    The first ten are the attributes. Each can be set freely (``counterfactual(params, armrests=True)``) and nothing
    else about the chair's style changes: the style of armrests, columns and legs is there even where they are not.

    Attributes:
        seat_height: top of the seat, in the middle of the seat, above the floor.
        back_height: height from there to the top, over the overall width.
        width: overall width (x) over overall depth (z).
        back_tilt: how far the top of the back lies behind the back's foot at the seat, over the overall depth.
        back_width: widest part of the back over the overall width.
        seat_thickness: from the seat's underside to its top, in the middle.
        leg_thickness: of a leg, tube or column, half way up: twice the root mean square distance of its surface from
            its axis, which is the diameter of a round one and 1.15 times the side of a square one.
        arm_height: top of the armrests above the seat, over the height of the back.
        armrests: whether there are armrests.
        legs: number of uprights that carry the seat, half way up: four legs (or a sled's tubes), three, a cantilever's
            two, one column, or 0 for a solid body.
        four: what a chair on four uprights looks like.
        column: what a column stands on.
        back: what one leans on.
        arms: what the armrests are, if there are any.
        seat_exponent: superellipse exponent of the seat's outline (2 round, 20 square).
        seat_taper: by what fraction the seat is narrower behind than in front.
        seat_dish: how much its rim lies above the middle (negative: a cushion), over its thickness.
        seat_tilt: fall towards the back, per length.
        back_thickness: of the panel, the slats or the posts.
        back_gap: free height under the panel, over the height of the back.
        back_curve: how far the sides of the back come forward, over its half width.
        back_exponent: superellipse exponent of the upper corners of a panel (2 round, 20 square).
        bars: number of slats, rungs or spindles.
        arm_length: over the depth of the seat.
        arm_thickness: of pads and side panels.
        arm_outset: what the seat is narrower by if there are armrests, over the overall width.
        leg_taper: thickness at the foot over that at the top.
        leg_splay: how far the feet stand outside, over half the extent of the seat.
        leg_round: round legs instead of square ones.
        stretcher: height of the bars that join the legs, over that of the seat's underside; none if 0.
        clearance: free height under a solid body, over the height of the seat.
    """

    seat_height: float
    back_height: float
    width: float
    back_tilt: float
    back_width: float
    seat_thickness: float
    leg_thickness: float
    arm_height: float
    armrests: bool
    legs: int
    four: Four
    column: Column
    back: Back
    arms: Arms
    seat_exponent: float
    seat_taper: float
    seat_dish: float
    seat_tilt: float
    back_thickness: float
    back_gap: float
    back_curve: float
    back_exponent: float
    bars: int
    arm_length: float
    arm_thickness: float
    arm_outset: float
    leg_taper: float
    leg_splay: float
    leg_round: bool
    stretcher: float
    clearance: float

    @property
    def base(self) -> Base:
        """What stands on the floor and carries the seat."""
        return (("block", self.column, "cantilever", "tripod", self.four))[self.legs]

    @property
    def overall_width(self) -> float:
        """Extent in x of the exact bounding box, in units of the total height."""
        return (1 - self.seat_height) / self.back_height

    @property
    def overall_depth(self) -> float:
        """Extent in z of the exact bounding box, in units of the total height."""
        return self.overall_width / self.width


def exact_attributes(params: ChairParams) -> dict[str, float]:
    """The attribute values that the chair has by construction, by name; NaN for those of parts it lacks."""
    values = {name: float(getattr(params, name)) for name in ATTRIBUTES}
    if params.legs == 0:
        values["leg_thickness"] = nan
    if not params.armrests:
        values["arm_height"] = nan
    return values


@dataclass(frozen=True)
class Layout:
    """Lengths that several parts share. Everything is built inside the overall box, so that attributes stay exact."""

    half_width: float  # of the overall box
    half_depth: float
    half_seat: float
    front: float  # of the seat
    rear: float  # of the seat, where the back stands
    underside: float
    back_thickness: float
    half_back: float
    setback: float
    inward: float  # where the seat's corners are, over half its extent
    reach_x: float  # where the feet of legs end, over half the extent of the seat
    reach_z: float

    @classmethod
    def of(cls, p: ChairParams) -> Layout:
        """Place seat and back so that the feet stand inside the overall box."""
        half_width, half_depth = p.overall_width / 2, p.overall_depth / 2
        inward = 2 ** (-1 / p.seat_exponent)
        reach_x = reach_z = inward
        if p.base in ("straight", "tripod", "rockers"):
            reach_x = reach_z = inward + p.leg_splay
        if p.base == "rockers":
            reach_z = _ROCKER_REACH
        half_seat = half_width / max(reach_x, 1)
        if p.armrests:
            beside = side_thickness(p) if p.arms == "sides" else p.arm_outset * half_width
            half_seat = min(half_seat, half_width - beside)
        thickness = min(p.back_thickness, 0.4 * half_depth)
        setback = p.back_tilt * 2 * half_depth
        rear = half_depth - setback - thickness
        # The front feet touch the front of the box: (front + rear) / 2 - out * (rear - front) / 2 = -half_depth.
        out = max(reach_z, 1)
        return cls(
            half_width=half_width,
            half_depth=half_depth,
            half_seat=half_seat,
            front=(-2 * half_depth + rear * (out - 1)) / (1 + out),
            rear=rear,
            underside=p.seat_height - min(p.seat_thickness, 0.6 * p.seat_height),
            back_thickness=thickness,
            half_back=p.back_width * half_width,
            setback=setback,
            inward=inward,
            reach_x=reach_x,
            reach_z=reach_z,
        )

    @property
    def depth(self) -> float:
        """Depth of the seat."""
        return self.rear - self.front

    def along(self, fraction: float) -> float:
        """The z that lies a fraction of the seat's depth behind its front."""
        return self.front + fraction * self.depth


def side_thickness(p: ChairParams) -> float:
    """Thickness of solid sides, which take at most a fifth of the overall width each."""
    return min(p.arm_thickness, 0.2 * p.overall_width)


def clearance(p: ChairParams, at: Layout) -> float:
    """Free height under the body of an armchair."""
    return p.clearance * p.seat_height if p.base == "block" else at.underside


def seat_outline(p: ChairParams, at: Layout) -> Array:
    """The seat seen from above, ``[S, 2]`` (x, z): as wide as the layout says, narrower behind than in front."""
    x, z = superellipse(p.seat_exponent).T
    x = x * (1 - p.seat_taper * (1 + z) / 2)
    return np.stack([x / x.max() * at.half_seat, at.along(0.5) + z * at.depth / 2], axis=1)
