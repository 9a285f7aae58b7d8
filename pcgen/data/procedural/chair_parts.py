"""The upper parts of a procedural chair: seat, back and armrests, each a surface ``[T, 3, 3]``.

Frame: +Y up, -Z front, the floor at y = 0, the top at y = 1. Heights are exact as built.
"""

from __future__ import annotations

__all__ = ["arms_surface", "back_surface", "seat_surface"]

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pcgen.data.procedural.chair_params import ChairParams, Layout, clearance, seat_outline, side_thickness
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

# Seat ---------------------------------------------------------------------------------------------------------------


def seat_surface(p: ChairParams, at: Layout) -> Array:
    """A plate whose rim is raised or lowered and whose middle (half of its extent) lies at the seat's height."""
    outline, middle = seat_outline(p, at), np.array([0.0, at.along(0.5)])
    dish = p.seat_dish * (p.seat_height - at.underside)
    rim = p.seat_height + dish
    edge = min(0.01, 0.3 * (rim - at.underside))
    scale = np.array([0.97, 1.0, 1.0, 0.97, 0.75, 0.5])
    height = np.array([at.underside, at.underside + edge, rim - edge, rim, p.seat_height + 0.3 * dish, p.seat_height])
    rings = np.empty((6, len(outline), 3))
    rings[..., ::2] = middle + (outline - middle) * scale[:, None, None]
    rings[..., 1] = height[:, None] - p.seat_tilt * (rings[..., 2] - middle[1])
    return loft(rings)


# Back ---------------------------------------------------------------------------------------------------------------


def back_surface(p: ChairParams, at: Layout) -> Array:
    """The back: built flat, then leant backwards and bent round the sitter without changing any height."""
    flat = np.concatenate(_BACKS[p.back](p, at))
    rise = (np.maximum(flat[..., 1], at.underside) - p.seat_height) / (1 - p.seat_height)
    bend = p.back_curve * at.half_back * (flat[..., 0] / at.half_back) ** 2
    flat[..., 2] += at.rear + at.back_thickness / 2 + at.setback * rise - bend
    return flat


def _panel(p: ChairParams, at: Layout) -> list[Array]:
    """A board or cushion with rounded upper corners, on two posts or a spine if it starts above the seat."""
    bottom = p.seat_height + p.back_gap * (1 - p.seat_height) if p.back_gap > 0 else clearance(p, at)
    across = superellipse(8.0)
    corner = superellipse(p.back_exponent)[:7]  # from (1, 0) to (0, 1)
    width = np.concatenate([[1.0, 1.0], corner[:, 0]]) * at.half_back
    # Below the seat the back is upright: it begins to lean at the second ring.
    height = np.concatenate([[bottom, max(bottom, at.underside)], bottom + (1 - bottom) * (0.65 + 0.35 * corner[:, 1])])
    rings = np.empty((len(height), len(across), 3))
    rings[..., 0] = across[:, 0] * width[:, None]
    rings[..., 1] = height[:, None]
    rings[..., 2] = across[:, 1] * at.back_thickness / 2
    pieces = [loft(rings)]
    if p.back_gap > 0:
        low, high = at.underside, bottom + 0.3 * (1 - bottom)
        if p.legs == 1:
            pieces.append(rod([0, low, 0], [0, high, 0], SQUARE, 0.035 * X, 0.3 * at.back_thickness * Z))
        else:
            x, r = 0.7 * at.half_back, min(p.leg_thickness / 3, at.back_thickness / 2)
            pieces += both_sides(column([x, low, 0], [x, high, 0], r, r, circle()))
    return pieces


def _posts(p: ChairParams, at: Layout) -> list[Array]:
    radius = at.back_thickness / 2
    section = circle() if p.leg_round else SQUARE
    x = at.half_back - radius
    return both_sides(column([x, at.underside, 0], [x, 1, 0], radius, radius, section))


def _rail(p: ChairParams, at: Layout, low: float, high: float, thickness: float = 1.0) -> Array:
    """A board across the back between two heights given as fractions of the back's height."""
    span = 1 - p.seat_height
    path = np.zeros((7, 3))
    path[:, 0] = np.linspace(-1, 1, 7) * at.half_back
    path[:, 1] = p.seat_height + span * (low + high) / 2
    return sweep(path, SQUARE, span * (high - low) / 2 * Y, thickness * at.back_thickness / 2 * Z)


def _slats(p: ChairParams, at: Layout) -> list[Array]:
    """Posts, an upper and a lower rail, and flat bars between them."""
    xs = np.linspace(-1, 1, p.bars + 2)[1:-1] * at.half_back
    half = 0.35 * at.half_back / p.bars
    low, high = p.seat_height + 0.15 * (1 - p.seat_height), 1 - 0.1 * (1 - p.seat_height)
    bars = [rod([x, low, 0], [x, high, 0], SQUARE, half * X, 0.005 * Z) for x in xs]
    return [*_posts(p, at), _rail(p, at, 0.84, 1.0), _rail(p, at, 0.1, 0.2), *bars]


def _ladder(p: ChairParams, at: Layout) -> list[Array]:
    """Posts and boards across, as on a kitchen chair."""
    count = 2 + p.bars % 3
    tops = np.linspace(1.0, 0.35, count)
    return [*_posts(p, at), *(_rail(p, at, top - 0.5 / (count + 1), top) for top in tops)]


def _spindles(p: ChairParams, at: Layout) -> list[Array]:
    """Thin round sticks from the seat to a top rail, as on a Windsor chair."""
    xs = np.linspace(-1, 1, p.bars + 2)[1:-1] * at.half_back
    sticks = [column([0.85 * x, at.underside, 0], [x, 0.97, 0], 0.008, 0.008, circle(6)) for x in xs]
    return [*_posts(p, at), _rail(p, at, 0.85, 1.0), *sticks]


def _hoop(p: ChairParams, at: Layout) -> list[Array]:
    """A bent bar and one board across."""
    r = at.back_thickness / 2
    x, low, top = at.half_back - r, at.underside, 1 - r
    path = rounded([[-x, low, 0], [-x, top, 0], [0, top, 0], [x, top, 0], [x, low, 0]], 0.8 * x)
    return [tube(path, r, Z, SQUARE), _rail(p, at, 0.45, 0.65)]


def _framed(p: ChairParams, at: Layout) -> list[Array]:
    """Posts and rails round a thin board."""
    low = 0.1 + 0.5 * p.back_gap
    return [*_posts(p, at), _rail(p, at, 0.88, 1.0), _rail(p, at, low, low + 0.1), _rail(p, at, low, 0.95, 0.3)]


def _splat(p: ChairParams, at: Layout) -> list[Array]:
    """One broad board in the middle, between two posts."""
    half, low = 0.3 * at.half_back, at.underside
    board = rod([0, low, 0], [0, 0.97, 0], SQUARE, half * X, 0.25 * at.back_thickness * Z)
    return [*_posts(p, at), _rail(p, at, 0.85, 1.0), board]


def _lattice(p: ChairParams, at: Layout) -> list[Array]:
    """Crossing diagonals between posts and rails."""
    span, x = 1 - p.seat_height, 0.9 * at.half_back
    low, high = p.seat_height + 0.15 * span, p.seat_height + 0.9 * span
    count = 1 + p.bars % 3
    levels = np.linspace(low, high, count + 1)
    thin = min(0.012, 0.3 * at.back_thickness)
    crosses = [
        bar
        for y0, y1 in pairwise(levels)
        for bar in both_sides(sweep(np.linspace([-x, y0, 0], [x, y1, 0], 7), SQUARE, thin * Y, thin * Z))
    ]
    return [*_posts(p, at), _rail(p, at, 0.86, 1.0), _rail(p, at, 0.1, 0.2), *crosses]


_BACKS: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "panel": _panel,
    "slats": _slats,
    "ladder": _ladder,
    "spindles": _spindles,
    "hoop": _hoop,
    "framed": _framed,
    "splat": _splat,
    "lattice": _lattice,
}


# Armrests -----------------------------------------------------------------------------------------------------------


def arms_surface(p: ChairParams, at: Layout) -> Array:
    """Both armrests; their outer faces lie on the sides of the overall box."""
    return np.concatenate([side for piece in _ARMS[p.arms](p, at) for side in both_sides(piece)])


def _arm_top(p: ChairParams) -> float:
    return p.seat_height + p.arm_height * (1 - p.seat_height)


def _arm_radius(p: ChairParams, limit: float) -> float:
    """Half the thickness of an armrest, which leaves most of the height above the seat free."""
    return min(p.arm_thickness, limit, 0.4 * (_arm_top(p) - p.seat_height)) / 2


def _arm_rear(p: ChairParams, at: Layout) -> float:
    """Where the back stands at the height of the armrests."""
    return at.rear + at.setback * p.arm_height + at.back_thickness / 2


def _post_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A bar from the back forwards, carried by a post at the side of the seat."""
    r = _arm_radius(p, 0.1 * p.overall_width)
    x, y, front = at.half_width - r, _arm_top(p) - 0.7 * r, at.along(1 - p.arm_length) + r
    rear = _arm_rear(p, at)
    path = rounded([[min(at.half_back, x), y, rear], [x, y, rear - 0.2 * at.depth], [x, y, front]], 0.1)
    bar = tube(path, r, Y, superellipse(4.0, 8) * np.array([0.7, 1.0]))
    foot = [min(x, at.half_seat - 0.8 * r), at.underside, front + 0.1 * at.depth]
    return [bar, column(foot, [x, y, front + r], 0.8 * r, 0.8 * r, circle() if p.leg_round else SQUARE)]


def _loop_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A bent tube that rises from the seat, runs forwards and returns to the seat."""
    r = _arm_radius(p, p.leg_thickness)
    x, y, low = at.half_width - r, _arm_top(p) - r, (at.underside + p.seat_height) / 2
    front, rear = at.along(1 - p.arm_length) + r, at.along(0.95)
    path = [[x, low, rear - 0.1 * at.depth], [x, y, rear], [x, y, front], [x, low, front + 0.1 * at.depth]]
    return [tube(rounded(path, 0.08), r, X)]


def _tee_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A pad on one post, as on an office chair."""
    r = _arm_radius(p, 0.2 * p.overall_width)
    x, y = at.half_width - 1.5 * r, _arm_top(p) - 0.7 * r
    half = 0.45 * p.arm_length * at.depth
    middle = at.along(0.55)
    pad = rod([x, y, middle - half], [x, y, middle + half], superellipse(4.0, 16), 1.5 * r * X, 0.7 * r * Y)
    foot = [0.9 * min(x, at.half_seat), at.underside, middle]
    return [pad, sweep([foot, [x, y, middle]], SQUARE, 0.5 * r * X, r * Z)]


def _side_arms(p: ChairParams, at: Layout) -> list[Array]:
    """A solid side, as on an armchair."""
    half, low, high = side_thickness(p) / 2, clearance(p, at), _arm_top(p)
    x, y = at.half_width - half, (low + high) / 2
    front, rear = at.along(0.3 * (1 - p.arm_length)), _arm_rear(p, at)
    return [rod([x, y, front], [x, y, rear], superellipse(8.0, 16), half * X, (high - low) / 2 * Y)]


_ARMS: dict[str, Callable[[ChairParams, Layout], list[Array]]] = {
    "posts": _post_arms,
    "loops": _loop_arms,
    "tees": _tee_arms,
    "sides": _side_arms,
}
