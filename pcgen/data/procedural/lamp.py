"""Procedural lamps: table, floor and hanging lamps with one shade or several; attributes known exactly."""

from __future__ import annotations

__all__ = ["LAMP", "LampParams"]

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.family import Family, assemble, log_uniform
from pcgen.data.procedural.law import Quantiles
from pcgen.data.procedural.primitives import SQUARE, Array, X, Y, Z, circle, loop, rod, superellipse, sweep

PARTS = ("base", "stem", "shade", "arm")

Base = Literal["disc", "dome", "block", "steps"]
Stem = Literal["straight", "waisted", "vase", "turned", "tray"]


@dataclass(frozen=True)
class LampParams:
    """Everything that determines a lamp's surface; the total height is 1 and the unit of every length.

    The first eight are the attributes: they can be set freely and nothing else about the lamp's style changes.

    Attributes:
        shade_width: overall width (x) of the shades together, over the height.
        shade_height: of a shade, over the height.
        taper: width of a shade at its top over that at its bottom.
        base_width: width of the foot, or of the plate at the ceiling, over that of the shades.
        stem: widest thickness of what joins base and shades, over the width of the shades.
        pendant: hangs from the ceiling.
        square: square shades instead of round ones.
        shades: how many there are, in a ring if there are several.
        base: shape of the foot.
        base_height: over the height.
        stem_style: profile of the stem; a thick one is thin where it enters the shade.
        belly: where the stem is widest, from base to shade.
        wire: shades are cages of rods.
        curve: how far the sides of a shade bulge, over its width.
        closed: a lid on the shade's top.
        bulb: radius of the bulb over that of the shade; none if 0.
        ring: size of one of several shades compared with the largest that leaves a gap.
    """

    shade_width: float
    shade_height: float
    taper: float
    base_width: float
    stem: float
    pendant: bool
    square: bool
    shades: int
    base: Base
    base_height: float
    stem_style: Stem
    belly: float
    wire: bool
    curve: float
    closed: bool
    bulb: float
    ring: float


_ATTRIBUTES: Quantiles = {
    "shade_width": lambda u: 0.2 * 5 ** (u / 0.9) if u < 0.9 else 4 ** ((u - 0.9) / 0.1),  # a tenth lie flat
    "shade_height": lambda u: 0.18 + 0.32 * u,
    "taper": lambda u: 0.4 + 0.6 * u,
    "base_width": lambda u: 0.3 + 0.65 * u,
    "stem": log_uniform(0.04, 0.5),
    "pendant": lambda u: bool(u > 0.72),
    "square": lambda u: bool(u > 0.7),
    "shades": lambda u: 1 + int(np.searchsorted([0.62, 0.7, 0.82, 0.92], u)),
}


def _style(drawn: dict[str, Any], rng: np.random.Generator) -> LampParams:
    """Everything that is not an attribute."""
    bases: tuple[Base, ...] = ("disc", "dome", "block", "steps")
    thick = drawn["stem"] > 0.28
    stems: tuple[Stem, ...] = (
        ("vase", "vase", "tray") if thick else ("straight", "straight", "vase", "turned", "waisted")
    )
    return LampParams(
        **drawn,
        base=bases[rng.integers(len(bases))],
        base_height=rng.uniform(0.015, 0.1),
        stem_style=stems[rng.integers(len(stems))],
        belly=rng.uniform(0.2, 0.7),
        wire=bool(rng.random() < 0.1),
        curve=rng.uniform(-0.06, 0.12) if rng.random() < 0.5 else 0.0,
        closed=bool(rng.random() < 0.35),
        bulb=rng.uniform(0.2, 0.4) if rng.random() < 0.5 else 0.0,
        ring=rng.uniform(0.6, 1.0),
    )


def lamp_surface(params: LampParams) -> tuple[Array, NDArray[np.uint8]]:
    """The whole surface of a lamp from y = 0 to y = 1, its stem on the y axis.

    A hanging lamp is built standing and turned over.

    Args:
        params: what to build.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to.
    """
    centres, half = _places(params)
    pieces = {
        "base": _base(params),
        "stem": [_stem(params)],
        "shade": [piece for centre in centres for piece in _shade(params, centre, half)],
    }
    if params.shades > 1:
        pieces["arm"] = [_arm(params, centre) for centre in centres]
    if params.pendant:
        turned = np.array([1.0, -1.0, 1.0])
        pieces = {name: [piece * turned + Y for piece in part] for name, part in pieces.items()}
    return assemble(pieces, PARTS)


def _places(p: LampParams) -> tuple[Array, float]:
    """Centres of the shades (x, 0, z) and half the width of each at its widest."""
    if p.shades == 1:
        return np.zeros((1, 3)), p.shade_width / 2
    angle = np.arange(p.shades) * (2 * np.pi / p.shades)
    # Over the radius of the ring: half a shade, and the overall width.
    size = (0.42 if p.square else 0.6) * p.ring * np.sin(np.pi / p.shades)
    radius = p.shade_width / (1 - np.cos(angle).min() + 2 * size)
    return radius * (np.cos(angle)[:, None] * X + np.sin(angle)[:, None] * Z), size * radius


def _section(p: LampParams) -> Array:
    return superellipse(40.0, 16) if p.square else circle(24 if p.shades == 1 else 12)


def _shade(p: LampParams, centre: Array, half: float) -> list[Array]:
    """A thin wall between two rims, wider below, or a cage of rods; a lid, a bulb."""
    low, high = (1.0, p.taper) if not p.pendant else (p.taper, 1.0)
    t = np.linspace(0, 1, 2 if p.curve == 0 else 6)
    radius = half * np.minimum(low + (high - low) * t + p.curve * np.sin(np.pi * t), 1.0)
    y = 1 - p.shade_height * (1 - t)
    outer = centre + y[:, None, None] * Y + radius[:, None, None] * np.insert(_section(p), 1, 0, axis=1)
    pieces = _cage(outer, 0.04 * half) if p.wire else [_wall(outer, centre + y[:, None, None] * Y)]
    narrow = 0 if p.pendant else -1
    if p.closed:
        lid = centre + y[narrow] * Y
        inwards = 0.01 if p.pendant else -0.01
        pieces.append(
            sweep([lid, lid + inwards * Y], _section(p), 0.98 * radius[narrow] * X, 0.98 * radius[narrow] * Z)
        )
    if p.bulb > 0:
        middle, r = centre + (1 - 0.5 * p.shade_height) * Y, p.bulb * half * p.taper
        level = np.linspace(-1, 1, 7)
        ring = r * np.sqrt(1 - level**2)[:, None]
        tall = min(r, 0.3 * p.shade_height)
        pieces.append(sweep(middle + tall * level[:, None] * Y, circle(), ring * X, ring * Z))
    return pieces


def _wall(outer: Array, axis: Array) -> Array:
    """A thin wall inside outlines ``[P, S, 3]`` around points of the axis ``[P, 1, 3]``."""
    inner = outer - 0.03 * (outer - axis)
    return loop(np.concatenate([outer, inner[::-1]]))


def _cage(outer: Array, thin: float) -> list[Array]:
    """Rods along the first and the last outline of ``[P, S, 3]`` and eight from one to the other."""
    axis = outer.mean(axis=1, keepdims=True)
    path = axis + (outer - axis) * (1 - thin / np.abs(outer - axis).max())
    upright = [sweep(path[:, i], SQUARE, thin * X, thin * Z) for i in range(0, path.shape[1], path.shape[1] // 8)]
    rims = []
    for ring, inwards in ((path[0] + thin * Y, axis[0]), (path[-1] - thin * Y, axis[-1])):
        out = ring - inwards
        out = out * [1, 0, 1] / np.abs(out).max()
        rims.append(loop(np.stack([ring + thin * (a * out + b * Y) for a, b in SQUARE])))
    return [*upright, *rims]


def _base(p: LampParams) -> list[Array]:
    """A foot whose widest outline lies on the floor."""
    r, h = p.base_width * p.shade_width / 2, p.base_height
    profile = {
        "disc": ([0, 1], [1, 1]),
        "block": ([0, 1], [1, 1]),
        "dome": ([0, 0.2, 0.5, 0.8, 1], [1, 0.97, 0.8, 0.5, 0.2]),
        "steps": ([0, 0.4, 0.4, 0.7, 0.7, 1], [1, 1, 0.75, 0.75, 0.5, 0.5]),
    }[p.base]
    y, radius = h * np.array(profile[0], dtype=float)[:, None], r * np.array(profile[1], dtype=float)[:, None]
    return [sweep(y * Y, superellipse(40.0, 16) if p.base == "block" else circle(24), radius * X, radius * Z)]


def _stem(p: LampParams) -> Array:
    """A turned body from the base to the shades, somewhere as thick as stated; thin where it enters them."""
    widest = p.stem * p.shade_width / 2
    t = np.linspace(0, 1, 17)
    bump = np.exp(-(((t - p.belly) / 0.22) ** 2))
    profile = {
        "straight": np.ones_like(t),
        "waisted": 1 - 0.7 * bump,
        "vase": 0.2 + 0.8 * bump,
        "turned": 0.7 + 0.3 * np.cos(6 * np.pi * t),
        "tray": np.where(np.abs(t - p.belly) < 0.05, 1.0, 0.12),
    }[p.stem_style]
    radius = widest * profile / profile.max()
    bottom, top = 0.8 * p.base_height, 1 - p.shade_height
    y, neck = bottom + (top - bottom) * t, min(0.3 * widest, 0.02)
    y = np.append(y, [top, 1 - 0.45 * p.shade_height])[:, None] * Y
    radius = np.append(radius, [neck, neck])[:, None]
    return sweep(y, circle(12), radius * X, radius * Z)


def _arm(p: LampParams, centre: Array) -> Array:
    """A bar from the stem to a shade, inside the height of the shades."""
    y = 1 - 0.7 * p.shade_height
    thin = 0.02 * p.shade_width
    along = centre / np.linalg.norm(centre)
    return rod(y * Y, centre + y * Y, circle(6), thin * Y, thin * np.cross(along, Y))


LAMP = Family("lamp", PARTS, _ATTRIBUTES, _style, lamp_surface)
