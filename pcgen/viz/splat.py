"""Pictures of point clouds without OpenGL: every point a small matte sphere, under a soft sky, on white paper.

Deterministic numpy: the same cloud gives the same bytes. :func:`splat` finds the sphere that each pixel sees, the sky
(:mod:`pcgen.viz.light`) and the spheres' roundness give the light, and the picture is averaged down from
twice its size.
"""

from __future__ import annotations

__all__ = ["point_spacing", "render", "splat"]

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgen.errors import InputError
from pcgen.viz.camera import Camera, as_points, project, three_quarter_view
from pcgen.viz.color import PAPER, colors_of, rgb, to_linear, to_srgb
from pcgen.viz.light import ground_light, sky_over, sky_shade

SUPERSAMPLE = 2
FRAGMENTS = 2_000_000  # pixels considered at once, which bounds the memory
NOTHING = np.uint64(2**64 - 1)
Array = NDArray[np.float64]


def render(
    points: Any,
    *,
    colors: ArrayLike | None = None,
    camera: Camera | None = None,
    size: tuple[int, int] = (512, 512),
    radius: float | None = None,
    background: str = PAPER,
    shadow: bool = True,
) -> NDArray[np.uint8]:
    """A picture of a point cloud.

    Args:
        points: ``[N, 3]``, or an object with such ``points`` (a ``PointCloud``). Non-finite points are not drawn.
        colors: sRGB in 0..1, ``[N, 3]`` or one ``[3]``; the cloud's channel ``color``, else by height.
        camera: defaults to :func:`three_quarter_view` of the points.
        size: width and height in pixels.
        radius: of the spheres in world units; defaults to what suits the cloud's own spacing.
        background: ``#rrggbb``.
        shadow: a soft shadow on the ground, the horizontal plane that the lowest point touches.

    Returns:
        ``[height, width, 3]`` uint8 sRGB.

    Raises:
        InputError: points, colours, size or radius cannot be used.

    Example:
        >>> render([[0, 0, 0], [0, 1, 0]], size=(64, 48)).shape
        (48, 64, 3)
    """
    albedo = colors_of(points) if colors is None else colors
    points = as_points(points)
    albedo = _as_colors(albedo, len(points))
    if min(size) < 1 or (radius is not None and not radius > 0):
        raise InputError(f"size and radius must be positive, got size={size}, radius={radius}")
    finite = np.isfinite(points).all(axis=1)
    points, albedo = points[finite], albedo[finite]
    width, height = size
    paper = to_linear(rgb(background))
    if not len(points):
        return _to_bytes(np.broadcast_to(paper, (height, width, 3)))
    camera = camera or three_quarter_view(points, aspect=width / height)
    radius = 1.1 * point_spacing(points) if radius is None else radius

    large = (width * SUPERSAMPLE, height * SUPERSAMPLE)
    pixels, depth, scale = project(camera, points, large)
    owner, surface = splat(pixels, depth, scale, radius, large)
    row, column = np.nonzero(owner >= 0)
    who = owner[row, column]

    sky = sky_over(camera)
    light = sky_shade(points, radius, sky)[who]
    light *= _roundness(pixels[who], radius * scale[who], row, column)
    light *= _eye_dome(surface, 6 * radius)[row, column]
    picture = np.zeros((large[1], large[0], 4))  # light and coverage: blank pixels count as nothing, not as black
    picture[row, column, :3] = to_linear(albedo)[who] * light[:, None]
    picture[row, column, 3] = 1
    picture = _average_down(picture)

    ground = ground_light(points, radius, sky, camera, size) if shadow else np.ones((height, width))
    return _to_bytes(picture[..., :3] + (1 - picture[..., 3:]) * ground[..., None] * paper)


def splat(
    pixels: Array, depth: Array, scale: Array, radius: float, size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest sphere at every pixel, exactly: a z-buffer over spheres, ties to the lower index.

    Args:
        pixels: ``[N, 2]`` centres in the picture, as :func:`~pcgen.viz.camera.project` gives them.
        depth: ``[N]`` depth of the centres; spheres that reach behind the eye are not drawn.
        scale: ``[N]`` pixels per world unit at the centres.
        radius: of the spheres in world units.
        size: width and height in pixels.

    Returns:
        ``owner [H, W]``, the visible sphere's index or −1, and ``surface [H, W]``, the depth of its surface or inf.
    """
    width, height = size
    nearest = np.full(width * height, NOTHING)
    pixel_radius = _pixel_radius(radius * scale, limit=max(size) / 2)
    drawn = np.flatnonzero(depth > radius)
    drawn = drawn[np.argsort(pixel_radius[drawn], kind="stable")]
    step = max(1, int(FRAGMENTS / (2 * pixel_radius.max(initial=1) + 3) ** 2))
    for start in range(0, len(drawn), step):
        who = drawn[start : start + step]
        reach = int(np.ceil(pixel_radius[who[-1]]))
        square = np.indices((2 * reach + 1, 2 * reach + 1)).reshape(2, 1, -1) - reach
        column, row = np.floor(pixels[who].T[..., None]).astype(np.int64) + square
        _, _, facing = _normal(pixels[who, :, None], pixel_radius[who, None], row, column)
        inside = (facing >= 0) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
        front = (depth[who, None] - radius * facing).astype(np.float32)
        # Positive floats sort like their bits, so one integer minimum decides by depth and then by index.
        key = front.view(np.uint32).astype(np.uint64) << 32 | who[:, None].astype(np.uint64)
        np.minimum.at(nearest, (row * width + column)[inside], key[inside])
    empty = nearest == NOTHING
    owner = np.where(empty, -1, (nearest & 0xFFFFFFFF).astype(np.int64))
    surface = np.where(empty, np.float32(np.inf), (nearest >> 32).astype(np.uint32).view(np.float32))
    return owner.reshape(height, width), surface.reshape(height, width)


def point_spacing(points: Any) -> float:
    """How far apart a cloud's points are: half the median distance to the fourth nearest neighbour.

    On an evenly sampled surface that is 0.56 of the edge of one point's share of the area. At least a thousandth of
    the cloud's size, so that repeated points still show. Measured at no more than 512 points.

    Args:
        points: ``[N, 3]``, finite, N ≥ 1.

    Returns:
        The spacing in world units, unsquared.

    Example:
        >>> grid = np.stack(np.meshgrid(range(20), range(20), [0]), -1).reshape(-1, 3)
        >>> round(point_spacing(grid), 3)
        0.5
    """
    points = as_points(points)
    points = points - points.mean(axis=0)
    some = points[:: max(1, len(points) // 512)]
    dist2 = (some**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * some @ points.T
    neighbour = min(4, len(points) - 1)
    spacing = np.median(np.sqrt(np.maximum(np.partition(dist2, neighbour, axis=1)[:, neighbour], 0))) / 2
    return float(max(spacing, 1e-3 * (np.ptp(points, axis=0).max() or 10.0)))


def _pixel_radius(pixel_radius: Array, limit: float = np.inf) -> Array:
    """Radii that cover at least the nearest pixel's centre, and never so much that memory suffers."""
    return np.clip(pixel_radius, 0.75, limit)


def _normal(centre: Array, pixel_radius: Array, row: NDArray[Any], column: NDArray[Any]) -> tuple[Array, Array, Array]:
    """A sphere's unit normal at pixels (x right, y up, z to the viewer); z is −1 outside its disc."""
    x = (column + 0.5 - centre[:, 0]) / pixel_radius
    y = (centre[:, 1] - row - 0.5) / pixel_radius
    z2 = 1 - x * x - y * y
    return x, y, np.where(z2 >= 0, np.sqrt(np.maximum(z2, 0)), -1.0)


def _roundness(centre: Array, pixel_radius: Array, row: NDArray[Any], column: NDArray[Any]) -> Array:
    """Wrapped Lambert shading of one sphere, lit from the viewer's upper left."""
    x, y, z = _normal(centre, _pixel_radius(pixel_radius), row, column)
    return 0.75 + 0.33 * (-0.4 * x + 0.6 * y + 0.7 * z)


def _eye_dome(surface: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """Eye-dome lighting: pixels just behind their neighbours are darker, which draws outlines and creases.

    After C. Boucheny's thesis (Grenoble, 2009), with depth differences that count up to ``reach``, so that what is far
    behind gets no black halo.
    """
    height, width = surface.shape
    surface = np.minimum(surface, np.finfo(np.float32).max)  # differences of infinities would be NaN
    shade = np.zeros_like(surface)
    for ring in {max(1, round(height / 512)), max(1, round(height / 205))}:
        padded = np.pad(surface, ring, mode="edge")
        for down, across in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
            top, left = ring * (1 + down), ring * (1 + across)
            neighbour = padded[top : top + height, left : left + width]
            shade += np.where(neighbour < surface, np.minimum(surface - neighbour, reach), 0)
    return np.exp(-1.2 / 16 / reach * shade)


def _average_down(picture: Array) -> Array:
    height, width, channels = picture.shape
    blocks = (height // SUPERSAMPLE, SUPERSAMPLE, width // SUPERSAMPLE, SUPERSAMPLE, channels)
    return picture.reshape(blocks).mean(axis=(1, 3))


def _to_bytes(linear: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.round(to_srgb(linear) * 255).astype(np.uint8)


def _as_colors(colors: ArrayLike, count: int) -> Array:
    rows = np.asarray(colors, np.float64)
    if rows.shape not in ((3,), (count, 3)):
        raise InputError(f"colors must have shape [3] or [{count}, 3], one row per point, got {list(rows.shape)}")
    return np.broadcast_to(rows, (count, 3))
