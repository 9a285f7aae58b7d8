"""What a procedural chair stands on, from four legs to a solid block, each a surface ``[T, 3, 3]``.

Frame: +Y up, -Z front. The lowest point of every base lies exactly on the floor, y = 0.
"""

from __future__ import annotations

__all__ = ["base_surface"]

from collections.abc import Callable

import numpy as np

from pcgen.data.procedural.chair_params import ChairParams, Layout, clearance
from pcgen.data.procedural.primitives import (
    SQUARE,
    Array,
    X,
    Y,
    Z,
    both_sides,
    circle,
    column,
    loft,
    rod,
    rounded,
    superellipse,
    sweep,
    tube,
)


def base_surface(p: ChairParams, at: Layout) -> Array:
    """What stands on the floor and carries the seat."""
    return np.concatenate(_BASES[p.base](p, at))


def _corners(p: ChairParams, at: Layout) -> list[tuple[float, float]]:
    """Where the right-hand legs meet the seat, (x, z) in front and behind: its outline's corners, less the leg."""
    inward = 2 ** (-1 / p.seat_exponent)
    half_x, half_z = at.half_seat * inward - p.leg_thickness / 2, at.depth / 2 * inward - p.leg_thickness / 2
    taper = p.seat_taper * (1 + inward) / 2
    return [(half_x, at.along(0.5) - half_z), (half_x * (1 - taper), at.along(0.5) + half_z)]


def _leg_section(p: ChairParams) -> Array:
    return circle() if p.leg_round else SQUARE


def _legs(p: ChairParams, at: Layout, floor: float = 0.0) -> list[Array]:
    """Four legs, straight, tapered or splayed, with stretchers in the shape of an H if wanted."""
    r, spread = p.leg_thickness / 2, p.leg_splay * at.half_seat
    top = (at.underside + p.seat_height) / 2
    pieces, levels = [], []
    for (x, z), outward in zip(_corners(p, at), (-1, 1), strict=True):
        foot, head = np.array([x + spread, floor, z + outward * spread]), np.array([x, top, z])
        pieces += both_sides(column(foot, head, r * p.leg_taper, r, _leg_section(p)))
        levels.append(foot + 0.35 * (head - foot))
    if p.stretchers:
        (x0, y, z0), (x1, _, z1) = levels
        thin = 0.5 * r
        pieces += both_sides(rod([x0, y, z0], [x1, y, z1], circle(6), thin * X, thin * Y))
        x, z = (x0 + x1) / 2, (z0 + z1) / 2
        pieces.append(rod([-x, y, z], [x, y, z], circle(6), thin * Y, thin * Z))
    return pieces


def _rockers(p: ChairParams, at: Layout) -> list[Array]:
    """Four legs on two curved rails that touch the floor in the middle."""
    r = p.leg_thickness / 2
    (x0, z0), (x1, z1) = _corners(p, at)
    z = np.linspace(-1, 1, 11)
    rise = 0.08
    x = (x0 + x1) / 2 + p.leg_splay * at.half_seat
    middle, reach = (z0 + z1) / 2, 0.8 * (z1 - z0)
    path = np.stack([np.full(11, x), r + rise * z**2, middle + reach * z], axis=1)
    return [*_legs(p, at, floor=r + 0.3 * rise), *both_sides(sweep(path, circle(), r * X, r * Y))]


def _star(p: ChairParams, at: Layout) -> list[Array]:
    """A column on five spokes with castors."""
    reach, wheel, middle = _pedestal_reach(at), 0.03, at.along(0.5)
    pieces = [column([0, 0.06, middle], [0, at.underside, middle], 0.03, 0.7 * p.leg_thickness, circle(12))]
    for angle in np.arange(5) * (2 * np.pi / 5) - np.pi / 2:
        out, side = np.array([np.cos(angle), 0, np.sin(angle)]), np.array([-np.sin(angle), 0, np.cos(angle)])
        hub, tip = middle * Z + 0.1 * Y, middle * Z + reach * out + 0.065 * Y
        pieces.append(rod(hub, tip, SQUARE, 0.02 * side, 0.012 * Y))
        axle = middle * Z + reach * out + wheel * Y
        pieces.append(rod(axle - 0.018 * side, axle + 0.018 * side, circle(), wheel * Y, wheel * out))
    return pieces


def _disc(p: ChairParams, at: Layout) -> list[Array]:
    """A column on a round foot."""
    reach = _pedestal_reach(at)
    radius = np.array([reach, reach, 0.25 * reach, 0.6 * p.leg_thickness, 0.6 * p.leg_thickness])[:, None]
    path = np.zeros((5, 3))
    path[:, 1] = 0, 0.015, 0.04, 0.07, at.underside
    path[:, 2] = at.along(0.5)
    return [sweep(path, circle(16), radius * X, radius * Z)]


def _pedestal_reach(at: Layout) -> float:
    return 0.85 * min(at.half_seat, at.depth / 2)


def _runner(p: ChairParams, at: Layout, side: list[tuple[float, float]]) -> list[Array]:
    """A tube bent in the plane of either side, through points (y, z)."""
    r = p.leg_thickness / 2
    x = at.half_seat - r
    return both_sides(tube(rounded([[x, y, z] for y, z in side], 0.07), r, X))


def _sled(p: ChairParams, at: Layout) -> list[Array]:
    """Two tubes that go down in front, along the floor and up again behind."""
    r, y = p.leg_thickness / 2, at.underside
    front, rear = at.along(0.08), at.along(0.92)
    return _runner(p, at, [(y, front + 0.05 * at.depth), (r, front), (r, rear), (y, rear - 0.1 * at.depth)])


def _cantilever(p: ChairParams, at: Layout) -> list[Array]:
    """Two tubes that run under the seat, down in front and back along the floor, joined behind."""
    r, y = p.leg_thickness / 2, at.underside
    front, rear = at.along(0.05), at.along(0.95)
    x = at.half_seat - r
    joint = rod([-x, r, rear], [x, r, rear], circle(), r * Y, r * Z)
    return [*_runner(p, at, [(y - r, rear), (y - r, front), (r, front), (r, rear)]), joint]


def _block(p: ChairParams, at: Layout) -> list[Array]:
    """A solid body under the seat, on four short feet or on the floor."""
    low = clearance(p, at)
    outline = superellipse(p.seat_exponent)
    x = outline[:, 0] * (1 - p.seat_taper * (1 + outline[:, 1]) / 2) * at.half_seat
    z = at.along(0.5) + outline[:, 1] * at.depth / 2
    body = loft(np.stack([np.stack([x, np.full_like(x, y), z], axis=1) for y in (low, at.underside)]))
    if low == 0:
        return [body]
    r = p.leg_thickness
    feet = [column([x, 0, z], [x, low, z], r * p.leg_taper, r, _leg_section(p)) for x, z in _corners(p, at)]
    return [body, *(side for foot in feet for side in both_sides(foot))]


_BASES: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "legs": _legs,
    "star": _star,
    "disc": _disc,
    "sled": _sled,
    "cantilever": _cantilever,
    "rockers": _rockers,
    "block": _block,
}
