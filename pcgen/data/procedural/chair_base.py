"""What a procedural chair stands on, from four legs to a solid block, each a surface ``[T, 3, 3]``.

Frame: +Y up, -Z front. The lowest point of every base lies exactly on the floor, y = 0.
"""

from __future__ import annotations

__all__ = ["base_surface"]

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from pcgen.data.procedural.chair_params import ChairParams, Layout, clearance, seat_outline
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
    rms_radius,
    rod,
    rounded,
    sweep,
    tube,
)


def base_surface(p: ChairParams, at: Layout) -> Array:
    """What stands on the floor and carries the seat."""
    return np.concatenate(_BASES[p.base](p, at))


def _leg_radii(p: ChairParams) -> tuple[float, float]:
    """Half the width of a leg at the foot and at the top, such that half way up it is what the attribute says."""
    top = 2 * _radius(p, _leg_section(p)) / (1 + p.leg_taper)
    return p.leg_taper * top, top


def _radius(p: ChairParams, section: Array) -> float:
    """What a section must be scaled by to be as thick as the legs are."""
    return p.leg_thickness / 2 / _rms(tuple(map(tuple, section.tolist())))


@lru_cache(maxsize=16)
def _rms(section: tuple[tuple[float, float], ...]) -> float:
    return rms_radius(np.array(section))


def _leg_section(p: ChairParams) -> Array:
    return circle() if p.leg_round else SQUARE


def _leg(p: ChairParams, at: Layout, foot: tuple[float, float], top: tuple[float, float], floor: float) -> Array:
    """One leg between the outer faces (x, z) it has on the floor and under the seat."""
    foot_radius, top_radius = _leg_radii(p)
    head = (at.underside + p.seat_height) / 2
    low = [_within(foot[0], foot_radius), floor, _within(foot[1], foot_radius)]
    high = [_within(top[0], top_radius), head, _within(top[1], top_radius)]
    return column(low, high, foot_radius, top_radius, _leg_section(p))


def _within(face: float, radius: float) -> float:
    """The middle of a leg whose outer face is given; 0 stays in the middle."""
    return np.sign(face) * max(abs(face) - radius, 0.0)


def _stances(p: ChairParams, at: Layout) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Outer faces (x, z) of the right-hand legs on the floor and under the seat, in front and behind."""
    middle, half_z = at.along(0.5), at.depth / 2
    taper = p.seat_taper * (1 + at.inward) / 2
    stances = []
    for side, narrowing in ((-1, 1.0), (1, 1 - taper)):
        foot = at.reach_x * at.half_seat * narrowing, middle + side * min(at.reach_x, at.reach_z) * half_z
        top = at.inward * at.half_seat * narrowing, middle + side * at.inward * half_z
        stances.append(((foot[0], min(foot[1], at.half_depth)), top))
    return stances


def _legs(p: ChairParams, at: Layout, floor: float = 0.0) -> list[Array]:
    """Four legs, straight, tapered or splayed, with stretchers in the shape of an H if wanted."""
    stances = _stances(p, at)
    pieces = [side for foot, top in stances for side in both_sides(_leg(p, at, foot, top, floor))]
    if p.stretcher:
        level, radii = p.stretcher, _leg_radii(p)
        thin = 0.5 * min(radii)
        (x0, z0), (x1, z1) = (
            [_within((1 - level) * f + level * t, sum(radii) / 2) for f, t in zip(foot, top, strict=True)]
            for foot, top in stances
        )
        y = floor + level * (at.underside - floor)
        pieces += both_sides(rod([x0, y, z0], [x1, y, z1], circle(6), thin * X, thin * Y))
        x, z = (x0 + x1) / 2, (z0 + z1) / 2
        pieces.append(rod([-x, y, z], [x, y, z], circle(6), thin * Y, thin * Z))
    return pieces


def _tripod(p: ChairParams, at: Layout) -> list[Array]:
    """Two legs in front, one behind."""
    (foot, top), (rear_foot, rear_top) = _stances(p, at)
    single = _leg(p, at, (0.0, rear_foot[1]), (0.0, rear_top[1]), 0.0)
    return [*both_sides(_leg(p, at, foot, top, 0.0)), single]


def _rockers(p: ChairParams, at: Layout) -> list[Array]:
    """Four legs on two curved rails that touch the floor in the middle."""
    r, rise = min(p.leg_thickness / 2, 0.02), 0.08
    z = np.linspace(-1, 1, 11)
    x = min(at.reach_x * at.half_seat, at.half_width) - r
    front, rear = -at.half_depth, min(at.along(0.5) + at.reach_z * at.depth / 2, at.half_depth)
    path = np.stack([np.full(11, x), r + rise * z**2, (front + rear) / 2 + (rear - front) / 2 * z], axis=1)
    return [*_legs(p, at, floor=r + 0.3 * rise), *both_sides(sweep(path, circle(), r * X, r * Y))]


def _star(p: ChairParams, at: Layout) -> list[Array]:
    """A column on five spokes with castors."""
    room, middle = _pedestal_room(at), at.along(0.5)
    wheel = min(0.03, 0.25 * room)
    reach = room - 1.2 * wheel
    r = _radius(p, circle(12))
    pieces = [column([0, 0.06, middle], [0, at.underside, middle], r, r, circle(12))]
    for angle in np.arange(5) * (2 * np.pi / 5) - np.pi / 2:
        out, side = np.array([np.cos(angle), 0, np.sin(angle)]), np.array([-np.sin(angle), 0, np.cos(angle)])
        hub, tip = middle * Z + 0.1 * Y, middle * Z + reach * out + 0.065 * Y
        pieces.append(rod(hub, tip, SQUARE, 0.02 * side, 0.012 * Y))
        axle = middle * Z + reach * out + wheel * Y
        pieces.append(rod(axle - 0.6 * wheel * side, axle + 0.6 * wheel * side, circle(), wheel * Y, wheel * out))
    return pieces


def _disc(p: ChairParams, at: Layout) -> list[Array]:
    """A column on a round foot."""
    reach = _pedestal_room(at)
    r = _radius(p, circle(16))
    radius = np.array([reach, reach, max(0.25 * reach, r), r, r])[:, None]
    path = np.zeros((5, 3))
    path[:, 1] = 0, 0.015, 0.04, 0.07, at.underside
    path[:, 2] = at.along(0.5)
    return [sweep(path, circle(16), radius * X, radius * Z)]


def _pedestal_room(at: Layout) -> float:
    """How far the foot of a column may reach."""
    return 0.9 * min(at.half_seat, at.depth / 2)


def _runner(p: ChairParams, at: Layout, side: list[tuple[float, float]]) -> list[Array]:
    """A tube bent in the plane of either side, through points (y, z)."""
    r = _radius(p, circle())
    x = at.half_seat - r
    return both_sides(tube(rounded([[x, y, z] for y, z in side], 0.07), r, X))


def _sled(p: ChairParams, at: Layout) -> list[Array]:
    """Two tubes that go down in front, along the floor and up again behind."""
    r, y = _radius(p, circle()), at.underside
    front, rear = max(at.along(0.08), at.front + r), at.along(0.92)
    return _runner(p, at, [(y, front + 0.05 * at.depth), (r, front), (r, rear), (y, rear - 0.1 * at.depth)])


def _cantilever(p: ChairParams, at: Layout) -> list[Array]:
    """Two tubes that run under the seat, down in front and back along the floor, joined behind."""
    r, y = _radius(p, circle()), at.underside
    front, rear = max(at.along(0.05), at.front + r), at.along(0.95)
    x = at.half_seat - r
    joint = rod([-x, r, rear], [x, r, rear], circle(), r * Y, r * Z)
    return [*_runner(p, at, [(y - r, rear), (y - r, front), (r, front), (r, rear)]), joint]


def _block(p: ChairParams, at: Layout) -> list[Array]:
    """A solid body under the seat, on four short feet or on the floor."""
    low = clearance(p, at)
    x, z = seat_outline(p, at).T
    body = loft(np.stack([np.stack([x, np.full_like(x, y), z], axis=1) for y in (low, at.underside)]))
    body = body[: 2 - len(x)]  # without the lid, on which the seat lies
    if low == 0:
        return [body]
    r = min(0.03, 0.2 * at.half_seat)
    places = [(x - r, z - np.sign(z - at.along(0.5)) * r) for _, (x, z) in _stances(p, at)]
    feet = [column([x, 0, z], [x, low, z], r * p.leg_taper, r, _leg_section(p)) for x, z in places]
    return [body, *(side for foot in feet for side in both_sides(foot))]


_BASES: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "straight": _legs,
    "tripod": _tripod,
    "star": _star,
    "disc": _disc,
    "sled": _sled,
    "cantilever": _cantilever,
    "rockers": _rockers,
    "block": _block,
}
