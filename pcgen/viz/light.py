"""Light from a soft sky: how much of it a point sees, and the shadow that a cloud leaves on the ground."""

from __future__ import annotations

__all__ = ["Sky", "ground_light", "sky_over", "sky_shade", "sky_visibility"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pcgen.viz.camera import Camera, look_at, rays

DIRECTIONS = 96
GROUND_CELLS = 64
Array = NDArray[np.float64]


class Sky(NamedTuple):
    """Light that comes from above: ``directions [K, 3]`` are unit vectors, ``weights [K]`` their brightness, sum 1."""

    directions: Array
    weights: Array


def sky_over(camera: Camera) -> Sky:
    """An even sky with a broad bright part over the viewer's left shoulder, as in a studio."""
    right, _, backward = look_at(camera.eye, camera.target, camera.up)[:3, :3]
    key = np.array([0.0, 0.9, 0.0]) - 0.5 * right + 0.5 * backward
    directions = _half_sphere(DIRECTIONS)
    weights = 0.35 + np.maximum(directions @ key / np.linalg.norm(key), 0) ** 3
    return Sky(directions, weights / weights.sum())


def _half_sphere(count: int) -> Array:
    """Unit vectors spread evenly, by area, over the upper half sphere: a Fibonacci spiral."""
    index = np.arange(count) + 0.5
    height, turn = index / count, np.pi * (1 + 5**0.5) * index
    level = np.sqrt(1 - height**2)
    return np.stack([level * np.cos(turn), height, level * np.sin(turn)], axis=1)


def sky_visibility(points: Array, places: Array, cell: float, sky: Sky) -> Array:
    """The share of the sky's light that reaches places past points.

    One coarse height map per direction: a place is hidden where its cell holds a point clearly nearer to the light.
    "Clearly" is two cells, so that a surface does not shade itself unless the light grazes it (below 27 degrees).

    Args:
        points: ``[N, 3]``, what casts shadows.
        places: ``[M, 3]``, where the light is wanted.
        cell: edge of a map's cell, world units; four radii of touching spheres leave no holes in a sampled surface.
        sky: where the light comes from.

    Returns:
        ``[M]`` in 0..1.
    """
    everything = np.concatenate([points, places]).T
    light = np.zeros(len(places))
    for direction, weight in zip(*sky, strict=True):
        across, up, towards = look_at(direction, (0, 0, 0), up=(1, 0, 0))[:3, :3] @ everything
        row, column = (((axis - axis.min()) / cell).astype(np.int64) for axis in (up, across))
        index = row * (column.max() + 1) + column
        top = np.full(index.max() + 1, -np.inf)
        np.maximum.at(top, index[: len(points)], towards[: len(points)])
        light += weight * (towards[len(points) :] >= top[index[len(points) :]] - 2 * cell)
    return light


def sky_shade(points: Array, radius: float, sky: Sky) -> Array:
    """The brightness ``[N]`` of a cloud's points, from 0.4 in the dark to 1.1 under the open sky.

    Args:
        points: ``[N, 3]``.
        radius: of the spheres drawn at the points, world units.
        sky: where the light comes from.
    """
    return 0.4 + 0.7 * sky_visibility(points, points, 4 * radius, sky)


def ground_light(points: Array, radius: float, sky: Sky, camera: Camera, size: tuple[int, int]) -> Array:
    """The light ``[H, W]`` in 0..1 on the ground that a cloud stands on, as a camera sees it.

    The ground is the horizontal plane that touches the lowest sphere; where a camera sees none, the light is 1.

    Args:
        points: ``[N, 3]``, what casts the shadow.
        radius: of the spheres drawn at the points, world units.
        sky: where the light comes from.
        camera: who looks.
        size: width and height of the picture.
    """
    floor = points[:, 1].min() - radius
    low, high = points.min(axis=0)[[0, 2]], points.max(axis=0)[[0, 2]]
    around = 0.5 * np.ptp(points, axis=0).max() + radius
    low, high = low - around, high + around
    x, z = np.linspace(low, high, GROUND_CELLS).T
    places = np.stack(np.broadcast_arrays(x[:, None], floor, z), axis=-1).reshape(-1, 3)
    shadow = 1 - sky_visibility(points, places, 4 * radius, sky).reshape(GROUND_CELLS, GROUND_CELLS)
    # The power and the window end the shadow softly inside the map: far from the shape the paper stays white.
    window = np.minimum(1, 1.5 * np.sin(np.linspace(0, np.pi, GROUND_CELLS)))
    shadow = 0.75 * (_blur(shadow) * np.outer(window, window)) ** 1.4

    origin, direction = rays(camera, size)
    downward = np.minimum(direction[..., 1], -1e-9)
    hit = origin + ((floor - origin[..., 1]) / downward)[..., None] * direction
    seen = _bilinear(shadow, (hit[..., [0, 2]] - low) / (high - low) * (GROUND_CELLS - 1))
    return 1 - seen * np.outer(_fade(size[1]), _fade(size[0]))


def _fade(length: int, border: float = 0.15) -> Array:
    """A window that rises smoothly from 0 at both ends of a side to 1: no shadow is cut by the picture's border."""
    at = (np.arange(length) + 0.5) / length
    rise = np.minimum(1, np.minimum(at, 1 - at) / border)
    return rise * rise * (3 - 2 * rise)


def _blur(image: Array, sigma: float = 1.8) -> Array:
    """A Gaussian blur of a square image, as one matrix on either side."""
    index = np.arange(len(image))
    kernel = np.exp(-((index[:, None] - index) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    return kernel @ image @ kernel.T


def _bilinear(image: Array, at: Array) -> Array:
    """Values of a square image at fractional indices ``at [..., 2]``; outside, the value at its border."""
    at = np.clip(at, 0, len(image) - 1)
    corner = np.minimum(at.astype(np.int64), len(image) - 2)
    (row, column), (down, across) = np.moveaxis(corner, -1, 0), np.moveaxis(at - corner, -1, 0)
    upper = image[row, column] * (1 - across) + image[row, column + 1] * across
    lower = image[row + 1, column] * (1 - across) + image[row + 1, column + 1] * across
    return upper * (1 - down) + lower * down
