"""Surface pieces that procedural shapes are built from, and uniform sampling of them.

A surface is an array of triangles ``[T, 3, 3]`` (triangle, corner, xyz); surfaces are joined by ``np.concatenate``.
Every piece is a *loft*: rings of equally many corners, joined one to the next and closed at both ends. A leg is a loft
of two squares, a bent tube of many circles, a seat of its outline at several scales.
"""

from __future__ import annotations

__all__ = [
    "SQUARE",
    "Array",
    "X",
    "Y",
    "Z",
    "areas",
    "both_sides",
    "bounds",
    "box",
    "circle",
    "column",
    "loft",
    "loop",
    "normals",
    "outward",
    "plate",
    "rms_radius",
    "rod",
    "rounded",
    "sample",
    "superellipse",
    "sweep",
    "tube",
    "volume",
]

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

X, Y, Z = np.eye(3)

SQUARE: Array = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


@lru_cache(maxsize=64)
def circle(sides: int = 8) -> Array:
    """Corners of the regular polygon in the unit circle ``[sides, 2]``, the first one at (1, 0)."""
    angle = np.arange(sides) * (2 * np.pi / sides)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def superellipse(exponent: float, sides: int = 24) -> Array:
    """Corners on ``|x|^p + |y|^p = 1``: a circle for p = 2, a square with ever sharper corners as p grows.

    Args:
        exponent: p, at least 1.
        sides: number of corners, a multiple of 8 so that the axes and the diagonals are met.

    Returns:
        The outline ``[sides, 2]``, within [-1, 1]² and touching all four sides of it.
    """
    direction = circle(sides)
    magnitude = np.abs(direction)
    return direction / ((magnitude**exponent).sum(axis=1, keepdims=True) ** (1 / exponent))


def rms_radius(section: Array) -> float:
    """Root mean square distance of an outline ``[S, 2]`` from the origin: 1 for the unit circle, √(4/3) for SQUARE."""
    ends = np.roll(section, -1, axis=0)
    length = np.sqrt(((ends - section) ** 2).sum(axis=1))
    square = ((section**2).sum(axis=1) + (ends**2).sum(axis=1) + (section * ends).sum(axis=1)) / 3
    return float(np.sqrt((square * length).sum() / length.sum()))


@lru_cache(maxsize=256)
def _loft_corners(rings: int, sides: int) -> NDArray[np.int64]:
    """Which ring vertices (numbered ring by ring) each triangle of a closed loft joins, ``[T, 3]``."""
    ring, side = np.mgrid[: rings - 1, :sides]
    here, there = ring * sides + side, ring * sides + (side + 1) % sides
    walls = np.stack([here, there, here + sides, there, there + sides, here + sides], axis=-1).reshape(-1, 3)
    fan = np.arange(1, sides - 1)
    cap = np.stack([np.zeros_like(fan), fan + 1, fan], axis=1)
    return np.concatenate([walls, cap, cap[:, ::-1] + (rings - 1) * sides])


def loft(rings: Array) -> Array:
    """The closed surface through successive rings.

    Args:
        rings: ``[P, S, 3]``, P rings of S corners each; first and last ring are closed by flat caps.

    Returns:
        Triangles ``[T, 3, 3]``.

    Example:
        >>> cube = box([0, 0, 0], [1, 1, 1])
        >>> cube.shape, float(areas(cube).sum())
        ((12, 3, 3), 6.0)
    """
    return rings.reshape(-1, 3)[_loft_corners(rings.shape[0], rings.shape[1])]


def loop(rings: Array) -> Array:
    """The closed surface through successive rings ``[P, S, 3]`` of which the last joins the first, as in a torus."""
    closed = np.concatenate([rings, rings[:1]])
    return closed.reshape(-1, 3)[_loft_corners(*closed.shape[:2])[: 2 * rings.shape[0] * rings.shape[1]]]


def plate(outline: Array, low: float, high: float) -> Array:
    """An upright body with the same outline ``[S, 2]`` (x and z) from one height to another."""
    rings = np.empty((2, len(outline), 3))
    rings[..., ::2], rings[:, :, 1] = outline, [[low], [high]]
    return loft(rings)


def sweep(path: ArrayLike, section: Array, u: ArrayLike, v: ArrayLike) -> Array:
    """The surface that a section leaves when moved along a path.

    Args:
        path: centres ``[P, 3]``.
        section: outline ``[S, 2]`` in the coordinates (u, v).
        u: first axis of the section, ``[3]`` or one for each centre ``[P, 3]``; its length scales the section.
        v: second axis, likewise.

    Returns:
        Triangles ``[T, 3, 3]``.
    """
    path = np.asarray(path, dtype=float)
    axes = np.empty((2, *path.shape))
    axes[0], axes[1] = u, v
    return loft(path[:, None] + np.einsum("sk,kpd->psd", section, axes))


def rod(start: ArrayLike, end: ArrayLike, section: Array, u: ArrayLike, v: ArrayLike) -> Array:
    """A straight bar between two points ``[3]``, with the same section in the axes u and v at both ends."""
    return sweep(np.array([start, end], dtype=float), section, u, v)


def column(foot: ArrayLike, top: ArrayLike, foot_radius: float, top_radius: float, section: Array) -> Array:
    """An upright or slanting post whose ends are horizontal, so that its height is exact."""
    radius = np.array([foot_radius, top_radius])[:, None]
    return sweep(np.array([foot, top], dtype=float), section, radius * X, radius * Z)


def both_sides(surface: Array) -> list[Array]:
    """A surface and its mirror image in the plane x = 0."""
    return [surface, surface * np.array([-1.0, 1.0, 1.0])]


def box(low: ArrayLike, high: ArrayLike) -> Array:
    """The axis-parallel box between two corners ``[3]``, as 12 triangles."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    centre, half = (low + high) / 2, (high - low) / 2
    return rod(centre - half * Y, centre + half * Y, SQUARE, half * X, half * Z)


def rounded(path: ArrayLike, radius: float, steps: int = 4) -> Array:
    """A polyline whose inner corners are replaced by arcs that begin ``radius`` before them, ``[P', 3]``."""
    path = np.asarray(path, dtype=float)
    before, corner, after = path[:-2], path[1:-1], path[2:]
    start = corner + _shortened(before - corner, radius)
    end = corner + _shortened(after - corner, radius)
    t = np.linspace(0, 1, steps + 1)[None, :, None]
    # A quadratic Bezier curve with the corner as its control point.
    arcs = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * corner[:, None] + t**2 * end[:, None]
    return np.concatenate([path[:1], arcs.reshape(-1, 3), path[-1:]])


def _shortened(vectors: Array, length: float) -> Array:
    """Vectors ``[P, 3]`` cut to a length, or to 0.45 of their own so that two arcs fit on one segment."""
    norm = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return vectors * (np.minimum(length, 0.45 * norm) / norm)


def tube(path: ArrayLike, radius: float, normal: ArrayLike, section: Array | None = None) -> Array:
    """A tube of constant width along a polyline that lies in a plane; joints are mitred.

    Args:
        path: centre line ``[P, 3]``.
        radius: half the width.
        normal: unit normal of the plane ``[3]``.
        section: outline ``[S, 2]`` in units of the radius; a circle unless given.

    Returns:
        Triangles ``[T, 3, 3]``.
    """
    path, normal = np.asarray(path, dtype=float), np.asarray(normal, dtype=float)
    segments = path[1:] - path[:-1]
    segments = segments / np.sqrt((segments**2).sum(axis=1, keepdims=True))
    tangents = np.concatenate([segments[:1], segments[:-1] + segments[1:], segments[-1:]])
    tangents = tangents / np.sqrt((tangents**2).sum(axis=1, keepdims=True))
    mitre = (tangents[:-1] * segments).sum(axis=1, keepdims=True)
    across = np.cross(normal, tangents)
    across[:-1] /= mitre
    return sweep(path, circle() if section is None else section, normal * radius, across * radius)


def _cross(a: Array, b: Array) -> Array:
    """Cross products ``[T, 3]``, several times faster than ``np.cross`` for so few."""
    out = np.empty_like(a)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[:, i] = a[:, j] * b[:, k] - a[:, k] * b[:, j]
    return out


def areas(triangles: Array) -> Array:
    """Area of each triangle ``[T]``."""
    normal = _cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return 0.5 * np.sqrt((normal**2).sum(axis=1))


def normals(triangles: Array) -> Array:
    """Unit normal of each triangle ``[T, 3]``, outward if the surface faces outward; zero where there is no area."""
    normal = _cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    length = np.sqrt((normal**2).sum(axis=1, keepdims=True))
    return normal / np.where(length > 0, length, 1)


def volume(triangles: Array) -> float:
    """Volume that a closed surface encloses; negative if its triangles face inwards."""
    a, b, c = (triangles - triangles[0, 0]).transpose(1, 0, 2)
    return float((a * _cross(b, c)).sum() / 6)


def bounds(triangles: Array) -> tuple[Array, Array]:
    """Lowest and highest corner of the exact bounding box, ``[3]`` each."""
    corners = triangles.reshape(-1, 3)
    return corners.min(axis=0), corners.max(axis=0)


def sample(triangles: Array, count: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Points drawn independently and uniformly by area.

    Args:
        triangles: ``[T, 3, 3]``.
        count: number of points N.
        rng: source of randomness.

    Returns:
        ``points [N, 3]`` and the index ``[N]`` of the triangle each lies on.

    Reference:
        Osada et al., "Shape distributions", 2002, equation 1 (square root for a uniform triangle).
    """
    reach = np.cumsum(areas(triangles))
    draws = rng.random((3, count))
    index = np.searchsorted(reach[:-1], draws[0] * reach[-1], side="right")
    a, b, c = triangles[index].transpose(1, 0, 2)
    root = np.sqrt(draws[1])[:, None]
    return a + root * (b - a + draws[2][:, None] * (c - b)), index


def outward(triangles: Array) -> Array:
    """A closed piece whose corners run counter-clockwise seen from outside."""
    return triangles if volume(triangles) >= 0 else triangles[:, ::-1]
