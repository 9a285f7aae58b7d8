"""The parameters of a procedural chair, how they are drawn, and the attributes they state exactly."""

from __future__ import annotations

__all__ = ["ChairParams", "Layout", "clearance", "exact_attributes", "sample_params", "side_thickness"]

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

Base = Literal["legs", "star", "disc", "sled", "cantilever", "rockers", "block"]
Back = Literal["panel", "slats", "ladder", "spindles", "hoop"]
Arms = Literal["posts", "loops", "tees", "sides"]
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class ChairParams:
    """Everything that determines a chair's surface; the total height is 1 and the unit of every length.

    The first four are the attributes: they can be set freely (``dataclasses.replace(params, armrests=True)``) and
    nothing else about the chair's style changes. The style of the armrests is there even when they are not.

    Attributes:
        seat_height: top of the seat, in the middle of the seat, above the floor.
        back_height: height from there to the top, over the overall width.
        width: overall width (x) over overall depth (z).
        armrests: whether there are armrests.
        base: what carries the seat.
        back: what one leans on.
        arms: what the armrests are, if there are any.
        seat_thickness: from the seat's underside to its top.
        seat_exponent: superellipse exponent of its outline (2 round, 20 square).
        seat_taper: by what fraction the seat is narrower behind than in front.
        seat_dish: how much its rim lies above the middle (negative: a cushion).
        seat_tilt: fall towards the back, per length.
        back_width: width of the back over that of the seat.
        back_thickness: of the panel, the slats or the posts.
        back_gap: free height under the panel, over the height of the back.
        back_setback: how far the top lies behind the seat's rear, over the depth.
        back_curve: how far the sides of the back come forward, over its half width.
        back_exponent: superellipse exponent of the upper corners of a panel (2 round, 20 square).
        bars: number of slats, rungs or spindles.
        arm_height: of the armrests above the seat, over the height of the back.
        arm_length: over the depth of the seat.
        arm_thickness: of pads and side panels.
        arm_outset: what the seat is narrower by if there are armrests, over the overall width.
        leg_thickness: of legs and tubes at the top.
        leg_taper: thickness at the foot over that at the top.
        leg_splay: how far the feet stand outside, over the half width of the seat.
        leg_round: round legs instead of square ones.
        stretchers: whether bars join the legs.
        clearance: free height under a block, over the height of the seat.
    """

    seat_height: float
    back_height: float
    width: float
    armrests: bool
    base: Base
    back: Back
    arms: Arms
    seat_thickness: float
    seat_exponent: float
    seat_taper: float
    seat_dish: float
    seat_tilt: float
    back_width: float
    back_thickness: float
    back_gap: float
    back_setback: float
    back_curve: float
    back_exponent: float
    bars: int
    arm_height: float
    arm_length: float
    arm_thickness: float
    arm_outset: float
    leg_thickness: float
    leg_taper: float
    leg_splay: float
    leg_round: bool
    stretchers: bool
    clearance: float

    @property
    def overall_width(self) -> float:
        """Extent in x of the exact bounding box, in units of the total height."""
        return (1 - self.seat_height) / self.back_height

    @property
    def overall_depth(self) -> float:
        """Extent in z of the exact bounding box, in units of the total height."""
        return self.overall_width / self.width


def exact_attributes(params: ChairParams) -> dict[str, float]:
    """The attribute values that the chair has by construction, by name."""
    return {
        "seat_height": params.seat_height,
        "back_height": params.back_height,
        "width": params.width,
        "armrests": float(params.armrests),
    }


@dataclass(frozen=True)
class Layout:
    """Lengths that several parts share, derived from the parameters."""

    half_width: float
    half_seat: float
    front: float
    rear: float
    underside: float
    back_thickness: float
    half_back: float
    setback: float

    @classmethod
    def of(cls, p: ChairParams) -> Layout:
        """Place seat and back inside the overall box."""
        half_width, depth = p.overall_width / 2, p.overall_depth
        half_seat = half_width
        if p.armrests:
            half_seat -= side_thickness(p) if p.arms == "sides" else p.arm_outset * half_width
        thickness = min(p.back_thickness, 0.25 * depth)
        setback = p.back_setback * depth
        return cls(
            half_width=half_width,
            half_seat=half_seat,
            front=-depth / 2,
            rear=depth / 2 - setback - thickness,
            underside=p.seat_height - min(p.seat_thickness, 0.6 * p.seat_height),
            back_thickness=thickness,
            half_back=p.back_width * (1 - p.seat_taper) * half_seat,
            setback=setback,
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


@dataclass(frozen=True)
class _Style:
    """A kind of chair: which parts it may have and the ranges of what makes it look like its kind."""

    weight: float
    bases: tuple[Base, ...]
    backs: tuple[Back, ...]
    arms: tuple[Arms, ...]
    seat_exponents: tuple[float, ...] = (2.0, 4.0, 8.0, 20.0, 20.0)
    seat_thickness: tuple[float, float] = (0.025, 0.06)
    seat_dish: tuple[float, float] = (-0.015, 0.015)
    back_thickness: tuple[float, float] = (0.02, 0.04)
    back_gap: tuple[float, float] = (0.0, 0.3)
    arm_thickness: tuple[float, float] = (0.025, 0.05)
    arm_outset: tuple[float, float] = (0.0, 0.15)


_STYLES = (
    _Style(0.42, ("legs",), ("panel", "panel", "slats", "ladder", "spindles", "hoop"), ("posts", "posts", "loops")),
    _Style(
        0.17,
        ("star", "star", "star", "disc"),
        ("panel",),
        ("tees", "loops"),
        seat_thickness=(0.04, 0.09),
        seat_dish=(-0.03, 0.015),
        back_thickness=(0.03, 0.08),
    ),
    _Style(0.12, ("sled", "cantilever"), ("panel", "panel", "slats"), ("loops", "posts"), seat_thickness=(0.02, 0.06)),
    _Style(0.05, ("rockers",), ("spindles", "slats", "ladder"), ("posts", "loops")),
    _Style(
        0.24,
        ("block", "block", "legs"),
        ("panel",),
        ("sides",),
        seat_exponents=(8.0, 20.0),
        seat_thickness=(0.08, 0.2),
        seat_dish=(-0.03, 0.0),
        back_thickness=(0.07, 0.16),
        back_gap=(0.0, 0.0),
        arm_thickness=(0.05, 0.16),
        arm_outset=(0.0, 0.0),
    ),
)
_WEIGHTS = np.cumsum([style.weight for style in _STYLES])


def sample_params(rng: np.random.Generator) -> ChairParams:
    """A random chair: the attributes independent of each other and of the style, both covering real catalogues."""
    style = _STYLES[int(np.searchsorted(_WEIGHTS, rng.random() * _WEIGHTS[-1], side="right"))]

    def pick(options: tuple[Choice, ...]) -> Choice:
        return options[rng.integers(len(options))]

    def within(low: float, high: float) -> float:
        return low + (high - low) * rng.random()

    def mostly_inner(low: float, high: float) -> float:
        return low + (high - low) * (rng.random() + rng.random()) / 2

    def likely(chance: float) -> bool:
        return bool(rng.random() < chance)

    return ChairParams(
        seat_height=mostly_inner(0.26, 0.72),
        back_height=float(np.exp(mostly_inner(np.log(0.36), np.log(1.65)))),
        width=mostly_inner(0.6, 1.4),
        armrests=likely(0.45),
        base=pick(style.bases),
        back=pick(style.backs),
        arms=pick(style.arms),
        seat_thickness=within(*style.seat_thickness),
        seat_exponent=pick(style.seat_exponents),
        seat_taper=within(0.0, 0.25) if likely(0.5) else 0.0,
        seat_dish=within(*style.seat_dish) if likely(0.6) else 0.0,
        seat_tilt=within(0.0, 0.06) if likely(0.5) else 0.0,
        back_width=within(0.75, 1.0),
        back_thickness=within(*style.back_thickness),
        back_gap=within(*style.back_gap) if likely(0.6) else 0.0,
        back_setback=within(0.0, 0.3),
        back_curve=within(0.0, 0.35) if likely(0.5) else 0.0,
        back_exponent=pick((2.0, 4.0, 20.0, 20.0)),
        bars=int(rng.integers(3, 8)),
        arm_height=within(0.28, 0.55),
        arm_length=within(0.6, 1.0),
        arm_thickness=within(*style.arm_thickness),
        arm_outset=within(*style.arm_outset),
        leg_thickness=within(0.024, 0.05),
        leg_taper=within(0.6, 1.0) if likely(0.5) else 1.0,
        leg_splay=within(0.0, 0.2) if likely(0.5) else 0.0,
        leg_round=likely(0.4),
        stretchers=likely(0.35),
        clearance=within(0.1, 0.4) if likely(0.75) else 0.0,
    )
