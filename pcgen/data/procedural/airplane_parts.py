"""The pieces of procedural airplanes, in lengths of the airplane: nose at z = -0.5, fuselage's axis on the z axis."""

from __future__ import annotations

__all__ = ["canopy", "fin", "fuselage", "gear", "nacelle", "panel", "propeller", "pylon", "winglet"]

import numpy as np
from numpy.typing import ArrayLike

from pcgen.data.procedural.airplane_params import AirplaneParams
from pcgen.data.procedural.primitives import SQUARE, Array, X, Y, Z, circle, loft, rod, superellipse, sweep

_FOIL: Array = np.array(
    [[0, 0], [0.06, 0.3], [0.3, 0.5], [0.65, 0.36], [1, 0.03], [1, -0.03], [0.65, -0.36], [0.3, -0.5], [0.06, -0.3]]
)
"""A wing's section: along the chord from 0 to 1, and across in units of its thickness."""


def panel(edge: ArrayLike, chord: ArrayLike, thickness: float, across: Array) -> Array:
    """A wing, tailplane or fin: sections along z between a leading and a trailing edge.

    Args:
        edge: points of the leading edge ``[P, 3]``.
        chord: length of the section at each of them ``[P]``.
        thickness: of the section over its chord.
        across: in which direction it is thick ``[3]``.

    Returns:
        Triangles ``[T, 3, 3]``.
    """
    section = _FOIL[:, :1] * Z + thickness * _FOIL[:, 1:] * across
    return loft(np.asarray(edge)[:, None] + np.asarray(chord)[:, None, None] * section)


def fuselage(p: AirplaneParams) -> Array:
    """A body of revolution with a nose, a straight middle and a tail whose underside rises."""
    nose, tail = np.linspace(0.04, 1, 7), np.linspace(0, 1, 7)
    radius = np.concatenate([(1 - (1 - nose) ** 2) ** p.nose_shape, p.tail_radius(tail)])
    z = np.concatenate([p.front + p.nose * (nose - 0.04) / 0.96, p.end - p.tail * (1 - tail)])
    y = np.concatenate([-p.droop * (1 - radius[:7]), p.rise * (1 - radius[7:])]) * p.half_height
    size = radius[:, None] * p.fuselage / 2
    return sweep(z[:, None] * Z + y[:, None] * Y, superellipse(p.roundness, 16), size * X, size * p.depth * Y)


def canopy(p: AirplaneParams) -> Array:
    """A glazed bulge on top of the front, half sunk into it."""
    t = np.linspace(-1, 1, 7)
    size = np.sqrt(np.maximum(1 - t**2, 0.01))[:, None]
    centre = (p.front + p.nose + 0.05 + p.bubble * t)[:, None] * Z + 0.8 * p.half_height * Y
    return sweep(centre, circle(10), 0.7 * size * p.fuselage / 2 * X, 0.8 * size * p.half_height * Y)


def fin(p: AirplaneParams) -> Array:
    """From the axis of the tail up; its tip's trailing edge is the rearmost point of the airplane."""
    foot, top = p.tail_axis, p.half_height + p.fin
    edge = [[0, foot, p.end - p.fin_root], [0, top, 0.5 - p.fin_tip]]
    return panel(edge, [p.fin_root, p.fin_tip], 0.1, X)


def winglet(p: AirplaneParams) -> Array:
    """A blade that stands on the tip of the wing at +x."""
    x, chord = p.span / 2, p.chord_at(1.0)
    foot = p.edge_at(1.0)
    height = p.winglet * p.span / 2
    edge = [
        [x - 0.06 * chord, foot[1], foot[2]],
        [x - 0.06 * chord, foot[1] + height, foot[2] + 0.5 * chord],
    ]
    return panel(edge, [chord, 0.45 * chord], 0.1, X)


def nacelle(front: Array, radius: float, length: float) -> Array:
    """An engine's housing, its axis along z, from its front ``[3]`` backwards."""
    t = np.array([0, 0.12, 0.55, 1.0])
    size = radius * np.array([0.82, 1.0, 0.98, 0.55])[:, None]
    return sweep(front + length * t[:, None] * Z, circle(12), size * X, size * Y)


def pylon(inner: Array, outer: Array, chord: float) -> Array:
    """A thin plate along z that joins an engine's axis to what carries it."""
    along = (outer - inner) / np.linalg.norm(outer - inner)
    return rod(inner, outer, SQUARE, 0.006 * np.cross(along, Z), 0.5 * chord * Z)


def propeller(hub: Array, reach: float, blades: int) -> list[Array]:
    """Blades around a hub ``[3]`` in a plane across the z axis."""
    angle = 0.5 + np.arange(blades) * (2 * np.pi / blades)
    directions = np.cos(angle)[:, None] * X + np.sin(angle)[:, None] * Y
    return [rod(hub, hub + reach * d, SQUARE, 0.11 * reach * np.cross(d, Z), 0.004 * Z) for d in directions]


def gear(p: AirplaneParams) -> list[Array]:
    """A leg with a wheel under the nose, and one on either side under the wing."""
    ground = -p.half_height - p.leg
    places = [(0.0, p.front + 0.13), (p.track, p.wing_middle + 0.03), (-p.track, p.wing_middle + 0.03)]
    return [piece for x, z in places for piece in _leg(np.array([x, 0.0, z]), ground, p.wheel)]


def _leg(top: Array, ground: float, wheel: float) -> list[Array]:
    axle = top + (ground + wheel - top[1]) * Y
    thin = 0.3 * wheel
    tyre = rod(axle - 0.4 * wheel * X, axle + 0.4 * wheel * X, circle(12), wheel * Y, wheel * Z)
    return [rod(axle, top, circle(6), thin * X, thin * Z), tyre]
