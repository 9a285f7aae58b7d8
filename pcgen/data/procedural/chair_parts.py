"""The parts of a procedural chair: seat, back, armrests and base, each a surface ``[T, 3, 3]``.

Frame: +Y up, −Z front, the floor at y = 0, the top at y = 1. Heights are exact as built; in x and z the parts keep
to the overall box except for splayed feet, and :func:`pcgen.data.procedural.chair.chair_surface` fits them into it.
"""

from __future__ import annotations

__all__ = ["Layout", "arms_surface", "back_surface", "base_surface", "seat_surface"]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pcgen.data.procedural.chair_params import ChairParams
from pcgen.data.procedural.primitives import SQUARE, Array, circle, loft, rounded, superellipse, sweep, tube

X, Y, Z = np.eye(3)


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
            half_seat -= _side_thickness(p) if p.arms == "sides" else p.arm_outset * half_width
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


def _rod(start: ArrayLike, end: ArrayLike, section: Array, u: ArrayLike, v: ArrayLike) -> Array:
    """A straight bar with the same section, in the axes u and v, at both ends."""
    return sweep([start, end], section, u, v)


def _column(foot: ArrayLike, top: ArrayLike, foot_radius: float, top_radius: float, section: Array) -> Array:
    """An upright or slanting post with horizontal ends, so that its height is exact."""
    radius = np.array([foot_radius, top_radius])[:, None]
    return sweep([foot, top], section, radius * X, radius * Z)


def _both_sides(surface: Array) -> list[Array]:
    """A part of the right-hand side and its mirror image."""
    return [surface, surface * np.array([-1.0, 1.0, 1.0])]


# Seat ---------------------------------------------------------------------------------------------------------------


def seat_surface(p: ChairParams, at: Layout) -> Array:
    """A plate whose rim is raised or lowered and whose middle (half of its extent) lies at the seat's height."""
    outline = superellipse(p.seat_exponent)
    rim = p.seat_height + p.seat_dish
    edge = min(0.01, 0.3 * (rim - at.underside))
    scale = np.array([0.97, 1.0, 1.0, 0.97, 0.75, 0.5])
    height = np.array([at.underside, at.underside + edge, rim - edge, rim, p.seat_height + 0.3 * p.seat_dish, p.seat_height])
    z = outline[:, 1] * scale[:, None]
    x = outline[:, 0] * scale[:, None] * (1 - p.seat_taper * (1 + z) / 2)
    middle = at.along(0.5)
    tilt = p.seat_tilt * at.depth / 2
    return loft(np.stack([x * at.half_seat, height[:, None] - tilt * z, middle + z * at.depth / 2], axis=-1))


# Back ---------------------------------------------------------------------------------------------------------------


def back_surface(p: ChairParams, at: Layout) -> Array:
    """The back: built flat, then leant backwards and bent round the sitter without changing any height."""
    flat = np.concatenate(_BACKS[p.back](p, at))
    rise = np.maximum(flat[..., 1] - p.seat_height, 0) / (1 - p.seat_height)
    bend = p.back_curve * at.half_back * (flat[..., 0] / at.half_back) ** 2
    flat[..., 2] += at.rear + at.back_thickness / 2 + at.setback * rise - bend
    return flat


def _panel(p: ChairParams, at: Layout) -> list[Array]:
    """A board or cushion with rounded upper corners, on two posts or a spine if it starts above the seat."""
    bottom = p.seat_height + p.back_gap * (1 - p.seat_height) if p.back_gap > 0 else _clearance(p, at)
    across = superellipse(8.0)
    corner = superellipse(p.back_exponent)[:7]  # from (1, 0) to (0, 1)
    width = np.concatenate([[1.0], corner[:, 0]]) * at.half_back
    height = np.concatenate([[bottom], bottom + (1 - bottom) * (0.5 + 0.5 * corner[:, 1])])
    rings = np.empty((8, len(across), 3))
    rings[..., 0] = across[:, 0] * width[:, None]
    rings[..., 1] = height[:, None]
    rings[..., 2] = across[:, 1] * at.back_thickness / 2
    pieces = [loft(rings)]
    if p.back_gap > 0:
        low, high = at.underside, bottom + 0.3 * (1 - bottom)
        if p.base in ("star", "disc"):
            pieces.append(_rod([0, low, 0.01], [0, high, 0.01], SQUARE, 0.035 * X, 0.01 * Z))
        else:
            x, r = 0.7 * at.half_back, p.leg_thickness / 3
            pieces += _both_sides(_column([x, low, 0], [x, high, 0], r, r, circle()))
    return pieces


def _posts(p: ChairParams, at: Layout) -> list[Array]:
    radius = min(p.leg_thickness, at.back_thickness) / 2
    section = circle() if p.leg_round else SQUARE
    x = at.half_back - radius
    return _both_sides(_column([x, at.underside, 0], [x, 1, 0], radius, radius, section))


def _rail(p: ChairParams, at: Layout, low: float, high: float) -> Array:
    """A board across the back between two heights given as fractions of the back's height."""
    span = 1 - p.seat_height
    path = np.zeros((7, 3))
    path[:, 0] = np.linspace(-1, 1, 7) * at.half_back
    path[:, 1] = p.seat_height + span * (low + high) / 2
    return sweep(path, SQUARE, span * (high - low) / 2 * Y, 0.3 * at.back_thickness * Z)


def _slats(p: ChairParams, at: Layout) -> list[Array]:
    """Posts, an upper and a lower rail, and flat bars between them."""
    xs = np.linspace(-1, 1, p.bars + 2)[1:-1] * at.half_back
    half = 0.35 * at.half_back / p.bars
    low, high = p.seat_height + 0.15 * (1 - p.seat_height), 1 - 0.1 * (1 - p.seat_height)
    bars = [_rod([x, low, 0], [x, high, 0], SQUARE, half * X, 0.005 * Z) for x in xs]
    return [*_posts(p, at), _rail(p, at, 0.84, 1.0), _rail(p, at, 0.1, 0.2), *bars]


def _ladder(p: ChairParams, at: Layout) -> list[Array]:
    """Posts and boards across, as on a kitchen chair."""
    count = 2 + p.bars % 3
    tops = np.linspace(1.0, 0.35, count)
    return [*_posts(p, at), *(_rail(p, at, top - 0.5 / (count + 1), top) for top in tops)]


def _spindles(p: ChairParams, at: Layout) -> list[Array]:
    """Thin round sticks from the seat to a top rail, as on a Windsor chair."""
    xs = np.linspace(-1, 1, p.bars + 2)[1:-1] * at.half_back
    sticks = [_column([0.85 * x, at.underside, 0], [x, 0.97, 0], 0.008, 0.008, circle(6)) for x in xs]
    return [*_posts(p, at), _rail(p, at, 0.85, 1.0), *sticks]


def _hoop(p: ChairParams, at: Layout) -> list[Array]:
    """A bent tube and one board across."""
    r = p.leg_thickness / 3
    x, low, top = at.half_back - r, at.underside, 1 - r
    path = rounded([[-x, low, 0], [-x, top, 0], [x, top, 0], [x, low, 0]], 0.8 * x)
    return [tube(path, r, Z), _rail(p, at, 0.45, 0.65)]


_BACKS: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "panel": _panel,
    "slats": _slats,
    "ladder": _ladder,
    "spindles": _spindles,
    "hoop": _hoop,
}


# Armrests -----------------------------------------------------------------------------------------------------------


def arms_surface(p: ChairParams, at: Layout) -> Array:
    """Both armrests; their outer faces lie on the sides of the overall box."""
    return np.concatenate([side for piece in _ARMS[p.arms](p, at) for side in _both_sides(piece)])


def _side_thickness(p: ChairParams) -> float:
    return min(p.arm_thickness, 0.2 * p.overall_width)


def _arm_y(p: ChairParams) -> float:
    return p.seat_height + p.arm_height * (1 - p.seat_height)


def _arm_rear(p: ChairParams, at: Layout) -> float:
    """Where the back stands at the height of the armrests."""
    return at.rear + at.setback * p.arm_height + at.back_thickness / 2


def _post_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A bar from the back forwards, carried by a post at the side of the seat."""
    r = min(p.arm_thickness, 0.1 * p.overall_width) / 2
    x, y, front = at.half_width - r, _arm_y(p), at.along(1 - p.arm_length) + r
    rear = _arm_rear(p, at)
    path = rounded([[at.half_back, y, rear], [x, y, rear - 0.2 * at.depth], [x, y, front]], 0.1)
    bar = tube(path, r, Y, superellipse(4.0, 8) * np.array([0.7, 1.0]))
    foot = [min(x, at.half_seat), at.underside, front + 0.1 * at.depth]
    return [bar, _column(foot, [x, y, front + r], 0.8 * r, 0.8 * r, circle() if p.leg_round else SQUARE)]


def _loop_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A bent tube that rises from the seat, runs forwards and returns to the seat."""
    r = min(p.leg_thickness, p.arm_thickness) / 2
    x, y, low = at.half_width - r, _arm_y(p), (at.underside + p.seat_height) / 2
    front, rear = at.along(1 - p.arm_length) + r, at.along(0.95)
    path = [[x, low, rear - 0.1 * at.depth], [x, y, rear], [x, y, front], [x, low, front + 0.1 * at.depth]]
    return [tube(rounded(path, 0.08), r, X)]


def _tee_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A pad on one post, as on an office chair."""
    r = min(p.arm_thickness, 0.12 * p.overall_width)
    x, y = at.half_width - r, _arm_y(p)
    half = 0.45 * p.arm_length * at.depth
    middle = at.along(0.55)
    pad = _rod([x, y - r / 2, middle - half], [x, y - r / 2, middle + half], superellipse(4.0, 16), r * X, r / 2 * Y)
    foot = [0.9 * min(x, at.half_seat), at.underside, middle]
    return [pad, sweep([foot, [x, y - r / 2, middle]], SQUARE, 0.4 * r * X, 0.8 * r * Z)]


def _side_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A solid side, as on an armchair."""
    half, low, high = _side_thickness(p) / 2, _clearance(p, at), _arm_y(p)
    x, y = at.half_width - half, (low + high) / 2
    front, rear = at.along(0.3 * (1 - p.arm_length)), _arm_rear(p, at)
    return [_rod([x, y, front], [x, y, rear], superellipse(8.0, 16), half * X, (high - low) / 2 * Y)]


_ARMS: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "posts": _post_arms,
    "loops": _loop_arms,
    "tees": _tee_arms,
    "sides": _side_arms,
}


# Base ---------------------------------------------------------------------------------------------------------------


def base_surface(p: ChairParams, at: Layout) -> Array:
    """What stands on the floor and carries the seat."""
    return np.concatenate(_BASES[p.base](p, at))


def _clearance(p: ChairParams, at: Layout) -> float:
    """Free height under the body of an armchair."""
    return p.clearance * p.seat_height if p.base == "block" else at.underside


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
        pieces += _both_sides(_column(foot, head, r * p.leg_taper, r, _leg_section(p)))
        levels.append(foot + 0.35 * (head - foot))
    if p.stretchers:
        (x0, y, z0), (x1, _, z1) = levels
        thin = 0.5 * r
        pieces += _both_sides(_rod([x0, y, z0], [x1, y, z1], circle(6), thin * X, thin * Y))
        x, z = (x0 + x1) / 2, (z0 + z1) / 2
        pieces.append(_rod([-x, y, z], [x, y, z], circle(6), thin * Y, thin * Z))
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
    return [*_legs(p, at, floor=r + 0.3 * rise), *_both_sides(sweep(path, circle(), r * X, r * Y))]


def _star(p: ChairParams, at: Layout) -> list[Array]:
    """A column on five spokes with castors."""
    reach, wheel, middle = _pedestal_reach(at), 0.03, at.along(0.5)
    pieces = [_column([0, 0.06, middle], [0, at.underside, middle], 0.03, 0.7 * p.leg_thickness, circle(12))]
    for angle in np.arange(5) * (2 * np.pi / 5) - np.pi / 2:
        out, side = np.array([np.cos(angle), 0, np.sin(angle)]), np.array([-np.sin(angle), 0, np.cos(angle)])
        hub, tip = middle * Z + 0.1 * Y, middle * Z + reach * out + 0.065 * Y
        pieces.append(_rod(hub, tip, SQUARE, 0.02 * side, 0.012 * Y))
        axle = middle * Z + reach * out + wheel * Y
        pieces.append(_rod(axle - 0.018 * side, axle + 0.018 * side, circle(), wheel * Y, wheel * out))
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
    return _both_sides(tube(rounded([[x, y, z] for y, z in side], 0.07), r, X))


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
    joint = _rod([-x, r, rear], [x, r, rear], circle(), r * Y, r * Z)
    return [*_runner(p, at, [(y - r, rear), (y - r, front), (r, front), (r, rear)]), joint]


def _block(p: ChairParams, at: Layout) -> list[Array]:
    """A solid body under the seat, on four short feet or on the floor."""
    low = _clearance(p, at)
    outline = superellipse(p.seat_exponent)
    x = outline[:, 0] * (1 - p.seat_taper * (1 + outline[:, 1]) / 2) * at.half_seat
    z = at.along(0.5) + outline[:, 1] * at.depth / 2
    body = loft(np.stack([np.stack([x, np.full_like(x, y), z], axis=1) for y in (low, at.underside)]))
    if low == 0:
        return [body]
    r = p.leg_thickness
    feet = [_column([x, 0, z], [x, low, z], r * p.leg_taper, r, _leg_section(p)) for x, z in _corners(p, at)]
    return [body, *(side for foot in feet for side in _both_sides(foot))]


_BASES: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "legs": _legs,
    "star": _star,
    "disc": _disc,
    "sled": _sled,
    "cantilever": _cantilever,
    "rockers": _rockers,
    "block": _block,
}
