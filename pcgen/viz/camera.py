"""Where a picture is taken from: a pinhole or orthographic camera, its projection, and views that frame a shape.

World frame: +Y up, −Z front. Camera frame: x right, y up, z towards the viewer, so a visible point has z < 0 and
depth −z. Pixels: x to the right, y down, the top-left pixel has its centre at (0.5, 0.5).
"""

from __future__ import annotations

__all__ = ["Camera", "as_points", "box_corners", "look_at", "project", "rays", "three_quarter_view"]

from dataclasses import dataclass
from math import radians, tan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgen.errors import InputError

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A camera at ``eye`` that looks at ``target``.

    Attributes:
        eye: position in the world.
        target: the point in the middle of the picture.
        up: world direction that points up in the picture.
        fov: vertical field of view in degrees. An orthographic camera shows, at every depth, the height that a
            perspective one shows at the target.
        orthographic: parallel projection, in which equal lengths stay equal.

    Example:
        >>> camera = Camera(eye=(0, 0, -4), target=(0, 0, 0))
        >>> pixels, depth, scale = project(camera, [[0, 0, 0]], size=(200, 100))
        >>> pixels.tolist(), depth.tolist()
        ([[100.0, 50.0]], [4.0])
    """

    eye: Vector
    target: Vector
    up: Vector = (0.0, 1.0, 0.0)
    fov: float = 25.0
    orthographic: bool = False

    @property
    def distance(self) -> float:
        """Distance from the eye to the target, in world units."""
        return float(np.linalg.norm(np.subtract(self.target, self.eye)))

    @property
    def half_height(self) -> float:
        """Half the height of what is seen at the target's depth, in world units."""
        return self.distance * tan(radians(self.fov) / 2)


def as_points(cloud: Any) -> NDArray[np.float64]:
    """The points ``[N, 3]`` of an array, of anything numpy can read as one, or of an object with ``points``.

    Raises:
        InputError: the shape is not ``[N, 3]``.
    """
    points = np.asarray(getattr(cloud, "points", cloud), np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(
            f"points must have shape [N, 3], got {list(points.shape)}; draw one cloud of a batch at a time"
        )
    return points


def look_at(eye: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 1.0, 0.0)) -> NDArray[np.float64]:
    """The rigid transform from the world to the camera frame.

    Args:
        eye: ``[3]``, goes to the origin.
        target: ``[3]``, goes to the negative z axis.
        up: ``[3]``, any length, goes to the half plane x = 0, y > 0.

    Returns:
        ``[4, 4]`` matrix for column vectors ``(x, y, z, 1)``.

    Raises:
        InputError: the eye is the target, or ``up`` is parallel to the line of sight.

    Example:
        >>> (look_at([0, 0, -4], [0, 0, 0]) @ [1, 2, 0, 1]).tolist()
        [-1.0, 2.0, -4.0, 1.0]
    """
    position, aim, above = (np.asarray(vector, np.float64) for vector in (eye, target, up))
    backward = position - aim
    right = np.cross(above, backward)
    if np.linalg.norm(right) <= 1e-9 * np.linalg.norm(above) * np.linalg.norm(backward):
        raise InputError(
            f"cannot look from {position.tolist()} at {aim.tolist()} with up = {above.tolist()}; "
            "the eye must differ from the target and up must not be parallel to the line of sight"
        )
    upward = np.cross(backward, right)
    rotation = np.stack([axis / np.linalg.norm(axis) for axis in (right, upward, backward)])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = -rotation @ position
    return matrix


def project(
    camera: Camera, points: ArrayLike, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where points fall in a picture.

    Args:
        camera: the camera.
        points: ``[N, 3]`` in the world.
        size: width and height of the picture in pixels.

    Returns:
        ``pixels [N, 2]``, ``depth [N]`` along the line of sight (world units) and ``scale [N]``, pixels per world
        unit at that depth. With a perspective camera, points of depth ≤ 0 are behind it and have no meaningful pixel.
    """
    width, height = size
    matrix = look_at(camera.eye, camera.target, camera.up)
    local = np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    depth = -local[:, 2]
    reach = np.full_like(depth, camera.distance) if camera.orthographic else np.where(depth > 0, depth, np.inf)
    scale = height / 2 / (reach * tan(radians(camera.fov) / 2))
    pixels = np.stack([width / 2 + local[:, 0] * scale, height / 2 - local[:, 1] * scale], axis=1)
    return pixels, depth, scale


def rays(camera: Camera, size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The line of sight through every pixel's centre; the inverse of :func:`project`.

    Args:
        camera: the camera.
        size: width and height of the picture in pixels.

    Returns:
        ``origins [H, W, 3]`` and ``directions [H, W, 3]`` in the world; directions have unit *depth*, so
        ``origins + depth * directions`` is the point at that depth.
    """
    width, height = size
    rotation = look_at(camera.eye, camera.target, camera.up)[:3, :3]
    pixel = 2 * camera.half_height / height
    x, y = (np.arange(width) + 0.5 - width / 2) * pixel, (height / 2 - np.arange(height) - 0.5) * pixel
    offset = x[None, :, None] * rotation[0] + y[:, None, None] * rotation[1]
    forward = np.broadcast_to(-rotation[2], offset.shape)
    eye = np.broadcast_to(np.asarray(camera.eye, np.float64), offset.shape)
    return (eye + offset, forward) if camera.orthographic else (eye, forward + offset / camera.distance)


def box_corners(low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """The 8 corners ``[8, 3]`` of the box from ``low [3]`` to ``high [3]``, to frame bounds instead of points."""
    return np.where(np.indices((2, 2, 2)).reshape(3, 8).T == 0, np.asarray(low, float), np.asarray(high, float))


def three_quarter_view(
    points: Any,
    *,
    azimuth: float = 35.0,
    elevation: float = 20.0,
    fov: float = 25.0,
    aspect: float = 1.0,
    margin: float = 0.08,
    orthographic: bool = False,
) -> Camera:
    """The camera that sees points from a given side and frames them: nothing is cut and the picture is filled.

    The fit is exact: given the direction, each of the four sides of the view pyramid is pushed against the points, and
    the eye is where the sides meet; in the narrower direction the points are centred.

    Args:
        points: ``[N, 3]``, or :func:`box_corners` of bounds; give the points of several shapes together to get one
            camera for all. Non-finite points are ignored.
        azimuth: degrees around the up axis; 0 is straight from the front (−Z), positive goes towards +X.
        elevation: degrees above the horizon, between −90 and 90, both excluded.
        fov: vertical field of view in degrees.
        aspect: width of the picture divided by its height.
        margin: fraction of the picture left free on each side.
        orthographic: parallel projection.

    Returns:
        The camera; its target is at the depth of the middle of the points.

    Raises:
        InputError: there is no finite point, or the elevation is straight up or down.

    Example:
        >>> camera = three_quarter_view(box_corners([-1, -1, -1], [1, 1, 1]), azimuth=0, elevation=0)
        >>> camera.eye[2] < -1
        True
    """
    points = as_points(points)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise InputError("cannot frame a shape without finite points; give points [N, 3] with N ≥ 1")
    if not -90 < elevation < 90:
        raise InputError(f"elevation must be between -90 and 90 degrees, both excluded, got {elevation:g}")
    around, above = np.radians([azimuth, elevation])
    backward = np.array([np.sin(around) * np.cos(above), np.sin(above), -np.cos(around) * np.cos(above)])
    rotation = look_at(backward, (0.0, 0.0, 0.0))[:3, :3]
    local = points @ rotation.T

    slope_y = tan(radians(fov) / 2) * (1 - 2 * margin)
    slopes = np.array([slope_y * aspect, slope_y])
    # A point p is inside when |p_xy - eye_xy| <= slope (eye_z - p_z); a parallel projection ignores the depth of p.
    depth = 0.0 if orthographic else local[:, 2:]
    upper = (local[:, :2] / slopes + depth).max(axis=0)
    lower = (-local[:, :2] / slopes + depth).max(axis=0)
    eye_xy = (upper - lower) / 2 * slopes
    middle = (local[:, 2].min() + local[:, 2].max()) / 2
    eye_z = ((upper + lower) / 2).max() + (middle if orthographic else 0.0)
    # A single point, or a line towards the viewer, has no extent to fill the picture with: stand back one unit.
    eye_z = max(eye_z, local[:, 2].max() + 1e-3, middle + 1.0 if np.ptp(local[:, :2]) == 0 else -np.inf)
    eye, target = np.array([*eye_xy, eye_z]) @ rotation, np.array([*eye_xy, middle]) @ rotation
    return Camera(_vector(eye), _vector(target), fov=fov, orthographic=orthographic)


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
