"""What determines a procedural airplane: its attributes and its style."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "AirplaneParams", "style"]

from dataclasses import dataclass
from math import radians, tan
from typing import Any

import numpy as np

from pcgen.data.procedural.family import log_uniform
from pcgen.data.procedural.law import Quantiles
from pcgen.data.procedural.primitives import Array


@dataclass(frozen=True)
class AirplaneParams:
    """Everything that determines an airplane's surface; its overall length (z) is 1 and the unit of every length.

    The first twelve are the attributes: they can be set freely and nothing else about the airplane's style changes.
    Engines come in pairs, on the wings or, two of them, at the rear; an odd one is a propeller on the nose.

    Attributes:
        span: from wing tip to wing tip.
        fuselage: its greatest width.
        chord: of the wing, halfway between its middle and its tip.
        taper: chord at the tip over that in the middle.
        sweep: how far the leading edge is farther back at the tip than in the middle.
        dihedral: by how many degrees the wings rise outwards.
        wing_height: where the wing meets the fuselage, from 0 (its underside) to 1 (its top).
        tail_span: of the tailplane.
        fin: height of the fin above the fuselage.
        engines: how many.
        t_tail: the tailplane is on top of the fin.
        gear: the landing gear is down.
        depth: height of the fuselage over its width.
        roundness: exponent of its section (2 an ellipse).
        nose: length of the nose.
        nose_shape: exponent of its profile; smaller is blunter.
        droop: how far the nose's tip is below the axis, over half the height.
        tail: length of the tapering tail.
        tail_shape: exponent of its profile; greater stays thick for longer.
        tail_end: its last radius over the first.
        rise: how straight its upper side is, from 0 (a cone) to 1.
        bubble: half the length of a canopy, none if 0.
        overhang: how far the fin's tip is farther back than the fuselage.
        fin_root: its chord at the fuselage.
        fin_tip: its chord at the top.
        cross: height of a low tailplane, over that of the fin.
        tail_chord: of the tailplane in its middle.
        tail_taper: its chord at the tip over that.
        tail_sweep: how far its trailing edge is farther back at the tip.
        wing_middle: z of the middle of the chord halfway out.
        thickness: of the wing over its chord.
        winglet: height of the winglets over half the span, none if 0.
        rear: two engines are at the rear of the fuselage.
        turboprop: engines on the wings have propellers.
        engine: radius of an engine over that of the fuselage.
        engine_length: over its radius.
        engine_place: how far out the first pair is, over half the span.
        blades: of a propeller.
        leg: how far the wheels are below the fuselage.
        wheel: radius of a wheel.
    """

    span: float
    fuselage: float
    chord: float
    taper: float
    sweep: float
    dihedral: float
    wing_height: float
    tail_span: float
    fin: float
    engines: int
    t_tail: bool
    gear: bool
    depth: float
    roundness: float
    nose: float
    nose_shape: float
    droop: float
    tail: float
    tail_shape: float
    tail_end: float
    rise: float
    bubble: float
    overhang: float
    fin_root: float
    fin_tip: float
    cross: float
    tail_chord: float
    tail_taper: float
    tail_sweep: float
    wing_middle: float
    thickness: float
    winglet: float
    rear: bool
    turboprop: bool
    engine: float
    engine_length: float
    engine_place: float
    blades: int
    leg: float
    wheel: float

    @property
    def half_height(self) -> float:
        """Of the fuselage where it is thickest."""
        return self.fuselage / 2 * self.depth

    @property
    def front(self) -> float:
        """Where the fuselage begins; a propeller on the nose is ahead of it."""
        return -0.47 if self.engines % 2 else -0.5

    @property
    def end(self) -> float:
        """Where the fuselage ends."""
        return 0.5 - self.overhang

    @property
    def tail_axis(self) -> float:
        """Height of the axis at the end of the tail."""
        return float(self.rise * (1 - self.tail_end) * self.half_height)

    @property
    def engine_radius(self) -> float:
        """Within what the wing carries."""
        return min(max(self.engine * self.fuselage / 2, 0.018), 0.1 * self.span / 2)

    @property
    def track(self) -> float:
        """How far from the middle the main wheels are."""
        return self.fuselage / 2 + 0.02

    def tail_radius(self, t: Array) -> Array:
        """Radius along the tail, from 0 (its beginning) to 1, over the greatest one."""
        return 1 - (1 - self.tail_end) * t**self.tail_shape

    def chord_at(self, share: Any) -> Any:
        """Chord of the wing at a distance from the middle, over half the span."""
        return 2 * self.chord / (1 + self.taper) * (1 - (1 - self.taper) * share)

    def edge_at(self, share: float) -> Array:
        """Point of the leading edge at +x, at a distance from the middle over half the span."""
        x = share * self.span / 2
        root = (2 * self.wing_height - 1) * self.half_height
        ahead = self.wing_middle - self.chord / 2
        return np.array([x, root + x * tan(radians(self.dihedral)), ahead + self.sweep * (share - 0.5)])


ATTRIBUTES: Quantiles = {
    "span": lambda u: 0.55 * 4 ** (u**1.6),
    "fuselage": log_uniform(0.065, 0.16),
    "chord": log_uniform(0.07, 0.24),
    "taper": lambda u: 0.2 + 0.8 * u**1.3,
    "sweep": lambda u: 0.3 * u**1.2,
    "dihedral": lambda u: -2 + 10 * u,
    "wing_height": lambda u: 0.1 + 0.8 * u**1.6,
    "tail_span": lambda u: 0.2 + 0.26 * u,
    "fin": lambda u: 0.07 + 0.13 * u,
    "engines": lambda u: int(np.searchsorted([0.12, 0.35, 0.8, 0.85], u)),
    "t_tail": lambda u: bool(u > 0.75),
    "gear": lambda u: bool(u > 0.55),
}


def style(drawn: dict[str, Any], rng: np.random.Generator) -> AirplaneParams:
    """Everything that is not an attribute."""
    return AirplaneParams(
        **drawn,
        depth=rng.uniform(0.95, 1.3),
        roundness=rng.uniform(1.9, 2.8),
        nose=rng.uniform(0.08, 0.24),
        nose_shape=rng.uniform(0.4, 0.8),
        droop=rng.uniform(0.0, 0.35),
        tail=rng.uniform(0.3, 0.5),
        tail_shape=rng.uniform(1.2, 2.2),
        tail_end=rng.uniform(0.08, 0.3),
        rise=rng.uniform(0.4, 1.0),
        bubble=rng.uniform(0.05, 0.1) if drawn["fuselage"] < 0.11 and rng.random() < 0.5 else 0.0,
        overhang=rng.uniform(0.0, 0.05),
        fin_root=rng.uniform(0.13, 0.24),
        fin_tip=rng.uniform(0.05, 0.11),
        cross=rng.uniform(0.15, 0.45) if rng.random() < 0.15 else 0.0,
        tail_chord=rng.uniform(0.075, 0.13),
        tail_taper=rng.uniform(0.35, 1.0),
        tail_sweep=rng.uniform(0.0, 0.05),
        wing_middle=rng.uniform(-0.08, 0.03),
        thickness=rng.uniform(0.09, 0.15),
        winglet=rng.uniform(0.06, 0.16) if rng.random() < 0.25 else 0.0,
        rear=bool(rng.random() < 0.3),
        turboprop=bool(rng.random() < 0.3),
        engine=rng.uniform(0.35, 0.65),
        engine_length=rng.uniform(2.6, 4.0),
        engine_place=rng.uniform(0.28, 0.4),
        blades=int(rng.integers(2, 5)),
        leg=rng.uniform(0.04, 0.07),
        wheel=rng.uniform(0.013, 0.02),
    )
