"""Procedural airplanes, from gliders to airliners; attributes known exactly."""

from __future__ import annotations

__all__ = ["AIRPLANE", "AirplaneParams"]

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.airplane_params import ATTRIBUTES, AirplaneParams, style
from pcgen.data.procedural.airplane_parts import (
    canopy,
    fin,
    fuselage,
    gear,
    nacelle,
    panel,
    propeller,
    pylon,
    winglet,
)
from pcgen.data.procedural.family import Family, assemble
from pcgen.data.procedural.primitives import Array, X, Y, Z, both_sides, bounds

PARTS = ("fuselage", "wing", "tail", "engine", "gear")

_MIRROR = np.array([-1.0, 1.0, 1.0])


def airplane_surface(params: AirplaneParams) -> tuple[Array, NDArray[np.uint8]]:
    """The whole surface of an airplane from y = 0 to y = 1, its nose towards -z and its middle at z = 0.

    Args:
        params: what to build.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to.
    """
    pieces = {
        "fuselage": [fuselage(params), *([canopy(params)] if params.bubble else [])],
        "wing": [_wing(params), *(both_sides(winglet(params)) if params.winglet else [])],
        "tail": [_tailplane(params), fin(params)],
        "engine": _engines(params),
        "gear": gear(params) if params.gear else [],
    }
    triangles, part = assemble(pieces, PARTS)
    low, high = bounds(triangles)
    return (triangles - low[1] * Y) / (high - low)[1], part


def _wing(p: AirplaneParams) -> Array:
    """From tip to tip."""
    shares = np.array([1.0, 0.0, 1.0])
    edge = np.stack([p.edge_at(share) for share in shares])
    edge[0] *= _MIRROR
    return panel(edge, p.chord_at(shares), p.thickness, Y)


def _tailplane(p: AirplaneParams) -> Array:
    """From tip to tip, at the fuselage, somewhere up the fin or on top of it."""
    share = 1.0 if p.t_tail else p.cross
    y = p.tail_axis + share * (p.half_height + p.fin - p.tail_axis)
    half, tip, back = p.tail_span / 2, p.tail_chord * p.tail_taper, 0.5 - 0.1 * p.overhang
    edge = np.array([[-half, y, back - tip], [0, y, back - p.tail_sweep - p.tail_chord], [half, y, back - tip]])
    # On top its upper side is the fin's.
    return panel(edge - (0.05 * p.tail_chord * Y if p.t_tail else 0), [tip, p.tail_chord, tip], 0.1, Y)


def _engines(p: AirplaneParams) -> list[Array]:
    """A propeller on the nose if their number is odd, and pairs."""
    pieces = []
    if p.engines % 2:
        nose = -p.droop * p.half_height * Y
        hub = 0.35 * p.fuselage / 2
        pieces += [nacelle(nose - 0.5 * Z, hub, 0.05), *propeller(nose - 0.485 * Z, 1.5 * p.fuselage / 2, p.blades)]
    pairs = p.engines // 2
    sides = _rear_engine(p) if p.rear and pairs == 1 else [x for i in range(pairs) for x in _wing_engine(p, i)]
    return pieces + [mirrored for piece in sides for mirrored in both_sides(piece)]


def _wing_engine(p: AirplaneParams, number: int) -> list[Array]:
    """Under the wing at +x and ahead of it, or on its leading edge with a propeller."""
    r = p.engine_radius
    length = p.engine_length * r
    x = max(p.engine_place * p.span / 2, p.fuselage / 2 + 1.3 * r + 0.01) + number * max(0.12 * p.span, 2.6 * r)
    edge = p.edge_at(2 * x / p.span)
    axis = edge - (0.4 if p.turboprop else 1.25) * r * Y
    front = axis - (0.05 + 0.25 * length) * Z
    pieces = [nacelle(front, r, length)]
    if p.turboprop:
        return [*pieces, *propeller(front, 1.9 * r, p.blades)]
    chord = 0.6 * p.chord_at(2 * x / p.span)
    return [*pieces, pylon(axis + 0.4 * chord * Z, edge + 0.4 * chord * Z, chord)]


def _rear_engine(p: AirplaneParams) -> list[Array]:
    """On a pylon beside the fuselage at +x, ahead of the tail."""
    r = p.engine_radius
    axis = (p.fuselage / 2 + 1.2 * r) * X + 0.3 * p.half_height * Y + 0.16 * Z
    inner = axis * [0, 1, 1]
    length = min(p.engine_length * r, 0.13)
    return [nacelle(axis, r, length), pylon(inner + 0.5 * length * Z, axis + 0.5 * length * Z, 0.5 * length)]


AIRPLANE = Family("airplane", PARTS, ATTRIBUTES, style, airplane_surface)
