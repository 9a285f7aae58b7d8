"""What a procedural table stands on and the board between its legs, as closed pieces ``[T, 3, 3]``.

The outer faces of the supports lie at ``x = ±reach_x`` on the floor; halfway up, the thinner side of each is twice
``half_leg``. Supports are told apart between their feet and the apron, where they do not touch one another.
"""

from __future__ import annotations

__all__ = ["shelf", "supports"]

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.primitives import (
    SQUARE,
    Array,
    X,
    Y,
    Z,
    both_sides,
    box,
    circle,
    column,
    plate,
    rod,
    rounded,
    superellipse,
    sweep,
    tube,
)
from pcgen.data.procedural.table_params import Layout, TableParams

_BOARD = 0.025  # thickness of boards and bars


def supports(p: TableParams, at: Layout) -> list[Array]:
    """Everything that stands on the floor, with the bars that join it."""
    if p.legs == 1:
        return _pedestal(p, at)
    if p.legs == 2:
        return _PAIRS[p.pair](p, at)
    if p.legs == 4 and p.hoops:
        return _hoops(p, at)
    return _legs(p, at)


def shelf(p: TableParams, at: Layout) -> Array:
    """A second board, with the top's outline, as large as the legs allow."""
    half_x, half_z = at.reach_x, min(at.reach_z, at.outline_z(p, 0.7 * at.reach_x))
    if p.legs == 1:
        half_x, half_z = 0.7 * at.half_width, 0.7 * at.half_depth
    elif p.legs == 3 or (p.legs == 4 and _on_axes(p)):
        half_x, half_z = 0.9 * half_x, 0.9 * at.reach_z
    outline = superellipse(p.outline) * np.array([half_x, half_z])
    return plate(outline, p.shelf_height - _BOARD, p.shelf_height)


# One support --------------------------------------------------------------------------------------------------------


def _pedestal(p: TableParams, at: Layout) -> list[Array]:
    """A column, straight or waisted, on a foot as wide as the stance."""
    r = at.half_leg
    section = circle(12) if p.leg_round else superellipse(8.0, 8)
    reach_z = min(at.reach_x, 0.9 * at.half_depth)
    widen = 1 + p.leg_splay * 4
    levels = np.array([0.0, 0.25, 0.5, 0.75, 1.0]) * at.underside
    radius = r * np.array([widen, (1 + widen) / 2, 1.0, 1.0, (1 + widen) / 2])[:, None]
    pieces = [sweep(levels[:, None] * Y, section, radius * X, radius * Z), *_FEET[p.foot](p, at, reach_z)]
    head = min(0.5 * at.half_depth, 4 * r)
    return [*pieces, box([-head, at.underside - _BOARD, -head], [head, at.underside, head])]


def _disc(p: TableParams, at: Layout, reach_z: float) -> list[Array]:
    outline = circle(24) * np.array([at.reach_x, reach_z])
    return [plate(outline, 0, 0.04)]


def _cone(p: TableParams, at: Layout, reach_z: float) -> list[Array]:
    scale = np.array([1.0, 1.0, 0.6, 0.3])[:, None]
    path = np.array([0.0, 0.03, 0.1, 0.25])[:, None] * Y
    return [sweep(path, circle(24), scale * at.reach_x * X, scale * reach_z * Z)]


def _block(p: TableParams, at: Layout, reach_z: float) -> list[Array]:
    outline = superellipse(20.0) * np.array([at.reach_x, reach_z])
    return [plate(outline, 0, 0.06)]


def _feet(p: TableParams, at: Layout, reach_z: float, angles: NDArray[np.floating]) -> list[Array]:
    """Curved feet that spring from the column; the outermost one touches the stance."""
    thin = min(0.03, at.half_leg)
    furthest = np.abs(np.cos(angles)).max()
    pieces = []
    for angle in angles:
        tip = np.array([(at.reach_x - thin) * np.cos(angle) / furthest, 0, (reach_z - thin) * np.sin(angle)])
        path = np.stack([0 * tip + 0.2 * Y, 0.5 * tip + 0.15 * Y, tip + 0.05 * Y, tip])
        pieces.append(sweep(path, circle(), thin * X, thin * Z))
    return pieces


def _spider(p: TableParams, at: Layout, reach_z: float) -> list[Array]:
    return _feet(p, at, reach_z, np.arange(3) * (2 * np.pi / 3) - np.pi / 2)


def _cross(p: TableParams, at: Layout, reach_z: float) -> list[Array]:
    return _feet(p, at, reach_z, np.arange(4) * (np.pi / 2) + np.pi / 4)


_FEET: dict[str, Callable[[TableParams, Layout, float], list[Array]]] = {
    "disc": _disc,
    "cone": _cone,
    "block": _block,
    "spider": _spider,
    "cross": _cross,
}


# Two supports -------------------------------------------------------------------------------------------------------


def _pair_x(at: Layout) -> float:
    """Where the middle of the right-hand support stands."""
    return at.reach_x - at.half_leg


def _pair_z(p: TableParams, at: Layout) -> float:
    """Half the extent of either support in z, under the top's outline."""
    return min(at.reach_z, max(at.outline_z(p, _pair_x(at)), 0.3 * at.half_depth))


def _beam(p: TableParams, at: Layout, y: float) -> list[Array]:
    """A bar from one support to the other."""
    if p.stretcher == 0:
        return []
    x = _pair_x(at)
    return [rod([-x, y, 0], [x, y, 0], SQUARE, 0.03 * Y, 0.02 * Z)]


def _panels(p: TableParams, at: Layout) -> list[Array]:
    """Solid sides."""
    x, r, z = _pair_x(at), at.half_leg, _pair_z(p, at)
    return [*both_sides(box([x - r, 0, -z], [x + r, at.underside, z])), *_beam(p, at, p.stretcher)]


def _trestles(p: TableParams, at: Layout) -> list[Array]:
    """A post on a runner on either side, as on a monastery table."""
    x, r, z = _pair_x(at), at.half_leg, _pair_z(p, at)
    half = min(z, 0.15 * z + 0.05) if p.leg_round else 0.4 * z
    low, high = 0.07, at.underside - 0.05
    parts = [
        box([x - r, 0, -z], [x + r, low, z]),
        box([x - r, low, -half], [x + r, high, half]),
        box([x - r, high, -0.8 * z], [x + r, at.underside, 0.8 * z]),
    ]
    return [side for part in parts for side in both_sides(part)] + _beam(p, at, p.stretcher + 0.1)


def _frames(p: TableParams, at: Layout) -> list[Array]:
    """Two crossing bars on either side."""
    x, r, z = _pair_x(at), at.half_leg, _pair_z(p, at)
    reach, top = z - 0.04, (-0.9 * z if p.cross else -0.5 * z)
    bar = column([x, 0, reach], [x, at.underside, top], 0.04, 0.04, SQUARE * np.array([r / 0.04, 1.0]))
    bars = [bar, bar * np.array([1.0, 1.0, -1.0])]
    return [side for piece in bars for side in both_sides(piece)] + _beam(p, at, 0.5)


_PAIRS: dict[str, Callable[[TableParams, Layout], list[Array]]] = {
    "panels": _panels,
    "trestles": _trestles,
    "frames": _frames,
}


# Three and four legs ------------------------------------------------------------------------------------------------


def _on_axes(p: TableParams) -> bool:
    """Whether four legs stand in the middles of the sides: the corners of a wide stance would stick out of a circle."""
    return p.round and (p.cross or p.stance > 0.72)


def _feet_places(p: TableParams, at: Layout) -> Array:
    """Directions (x, z) of the legs, such that the outermost stand at x = ±1."""
    if p.legs == 3:
        return np.array([[0.0, -1.0], [1.0, 0.6], [-1.0, 0.6]])
    if _on_axes(p):
        return np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    return np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])


def _hoops(p: TableParams, at: Layout) -> list[Array]:
    """Legs that are the ends of bent tubes, one on either side, which run along the floor."""
    r, z, y = at.half_leg, _pair_z(p, at) - at.half_leg, at.underside
    x = _pair_x(at)
    path = rounded([[x, y, -0.9 * z], [x, r, -z], [x, r, z], [x, y, 0.9 * z]], 0.1)
    section = circle() if p.leg_round else SQUARE
    return [*both_sides(tube(path, r, X, section)), *_beam(p, at, r)]


def _legs(p: TableParams, at: Layout) -> list[Array]:
    """Upright, tapered, splayed or bowed legs, with bars between them if wanted."""
    places = _feet_places(p, at)
    top_r = 2 * at.half_leg / (1 + p.leg_taper)
    foot_r = p.leg_taper * top_r
    corner_z = np.array([at.reach_z, *(at.outline_z(p, abs(x) * at.reach_x) for x, _ in places[1:])])
    z = np.minimum(at.reach_z, np.maximum(corner_z, 0.35 * at.half_depth)) * places[:, 1]
    x = at.reach_x * places[:, 0]
    feet = np.stack([x - foot_r * np.sign(x), np.zeros(len(x)), z - foot_r * np.sign(z)], axis=1)
    section = circle() if p.leg_round else SQUARE
    levels = np.linspace(0, 1, 9 if p.leg_bow else 2)
    radius = (foot_r + (top_r - foot_r) * levels)[:, None]
    gather = (p.leg_splay * levels + p.leg_bow * np.sin(np.pi * levels))[:, None] * [1, 0, 1]
    pieces = []
    for foot in feet:
        # The outer face of a tapered leg stays upright.
        upright = (foot_r - radius) * np.sign(foot) * [1, 0, 1]
        path = foot * (1 - gather) + upright + levels[:, None] * at.underside * Y
        pieces.append(sweep(path, section, radius * X, radius * Z))
    return pieces + _stretchers(p, at, feet, 0.5 * foot_r)


def _stretchers(p: TableParams, at: Layout, feet: Array, thin: float) -> list[Array]:
    """Bars from leg to leg at one height: a frame, or an H between the short sides."""
    if p.stretcher == 0:
        return []
    y = p.stretcher
    at_height = feet * (1 - p.leg_splay * y / at.underside * np.array([1, 0, 1])) + y * Y
    if p.legs == 3 or _on_axes(p):
        centre = at_height.mean(axis=0)
        return [_bar(foot, centre, thin) for foot in at_height]
    rear_right, rear_left, front_right, front_left = at_height
    sides = [_bar(rear_right, front_right, thin), _bar(rear_left, front_left, thin)]
    if p.cross:
        return [*sides, _bar((rear_right + front_right) / 2, (rear_left + front_left) / 2, thin)]
    return [*sides, _bar(rear_right, rear_left, thin), _bar(front_right, front_left, thin)]


def _bar(start: Array, end: Array, thin: float) -> Array:
    along = end - start
    side = np.array([-along[2], 0, along[0]]) / np.hypot(along[0], along[2])
    return rod(start, end, SQUARE, thin * side, thin * Y)
