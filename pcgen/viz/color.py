"""Colours of points and of paper: by height, by a number, by how far a point moved, by label.

Every ``by_*`` function returns ``[N, 3]`` float32 sRGB in 0..1, one row per point. Continuous palettes are polylines
in the OKLab colour space, walked at constant speed: equal steps in value look like equal steps in colour.
"""

from __future__ import annotations

__all__ = [
    "ACCENT",
    "CLAY",
    "INK",
    "MUTED",
    "PAPER",
    "RULE",
    "by_displacement",
    "by_height",
    "by_label",
    "by_scalar",
    "colors_of",
    "from_oklab",
    "mix_palette",
    "rgb",
    "to_linear",
    "to_oklab",
    "to_srgb",
]

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgen.errors import InputError
from pcgen.viz.camera import as_points

PAPER = "#ffffff"
INK = "#20262e"
MUTED = "#77808c"
RULE = "#dfe3e8"
ACCENT = "#e4572e"
CLAY = "#a9b4c2"  # a shape without colours of its own

HEIGHT = ("#4a5fb0", "#4f9cc4", "#6fc2ad", "#b9d99a", "#f6dc9c")
DISPLACEMENT = (CLAY, "#f0b67f", ACCENT)
LABELS = ("#4c78b5", "#f0a04b", "#57a773", "#d1605e", "#8b6fb0", "#5bb5b8", "#c98b5f", "#d884b0", "#a3a847", "#8d949e")

# Björn Ottosson, "A perceptual color space for image processing" (2020): linear sRGB -> cone response -> Lab.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def rgb(color: str) -> NDArray[np.float32]:
    """A ``#rrggbb`` colour as ``[3]`` float32 in 0..1.

    Example:
        >>> rgb("#ff0000").tolist()
        [1.0, 0.0, 0.0]
    """
    try:
        channels = bytes.fromhex(color.removeprefix("#"))
    except ValueError:
        channels = b""
    if len(channels) != 3:
        raise InputError(f"a colour must be written '#rrggbb', got {color!r}")
    return np.divide(np.frombuffer(channels, np.uint8), 255, dtype=np.float32)


def to_linear(srgb: ArrayLike) -> NDArray[np.floating]:
    """Display values 0..1 to amounts of light 0..1 (IEC 61966-2-1)."""
    value = np.asarray(srgb)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: ArrayLike) -> NDArray[np.floating]:
    """Amounts of light to display values 0..1, the inverse of :func:`to_linear`; out-of-range light is clipped."""
    light = np.clip(np.asarray(linear), 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def to_oklab(srgb: ArrayLike) -> NDArray[np.floating]:
    """Display values ``[..., 3]`` to OKLab ``[..., 3]``, where Euclidean distance is perceived difference."""
    return np.cbrt(to_linear(srgb) @ _TO_CONES.T) @ _TO_LAB.T


def from_oklab(lab: ArrayLike) -> NDArray[np.floating]:
    """The inverse of :func:`to_oklab`; colours that a display cannot show are clipped."""
    cones = np.asarray(lab) @ np.linalg.inv(_TO_LAB).T
    return to_srgb(cones**3 @ np.linalg.inv(_TO_CONES).T)


def mix_palette(values: ArrayLike, palette: Sequence[str] = HEIGHT) -> NDArray[np.float32]:
    """Colours at positions 0..1 along a palette.

    Args:
        values: ``[N]``; clipped to 0..1, NaN counts as 0.
        palette: two or more ``#rrggbb`` control colours, different from one another.

    Returns:
        ``[N, 3]`` float32 sRGB.

    Example:
        >>> np.round(mix_palette([0, 1], ["#000000", "#ffffff"]), 3).tolist()
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    knots = to_oklab([rgb(color) for color in palette])
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    at = np.nan_to_num(np.clip(np.asarray(values, np.float64), 0, 1)) * arc[-1]
    lab = np.stack([np.interp(at, arc, knots[:, axis]) for axis in range(3)], axis=-1)
    return from_oklab(lab).astype(np.float32)


def by_scalar(
    values: ArrayLike, low: float | None = None, high: float | None = None, palette: Sequence[str] = HEIGHT
) -> NDArray[np.float32]:
    """Colours for numbers, from ``low`` (start of the palette) to ``high`` (end of it).

    Args:
        values: ``[N]``.
        low: defaults to the smallest finite value.
        high: defaults to the largest finite value.
        palette: ``#rrggbb`` control colours.

    Returns:
        ``[N, 3]`` float32 sRGB.
    """
    numbers = np.asarray(values, np.float64)
    finite = numbers[np.isfinite(numbers)]
    start = float(finite.min(initial=np.inf)) if low is None else low
    end = float(finite.max(initial=-np.inf)) if high is None else high
    return mix_palette((numbers - start) / ((end - start) or 1.0), palette)


def by_height(points: Any, low: float | None = None, high: float | None = None) -> NDArray[np.float32]:
    """Colours for points ``[N, 3]`` by their height y; give ``low`` and ``high`` to colour several shapes alike.

    Example:
        >>> colors = by_height([[0, 0, 0], [0, 1, 0]])
        >>> np.allclose(colors, [rgb(HEIGHT[0]), rgb(HEIGHT[-1])], atol=1e-3)
        True
    """
    return by_scalar(as_points(points)[:, 1], low, high)


def colors_of(cloud: Any) -> NDArray[np.float32]:
    """The colours ``[N, 3]`` that a ``PointCloud`` brings (uint8 channel ``color``); else colours by height."""
    own = getattr(cloud, "channels", {}).get("color")
    return by_height(as_points(cloud)) if own is None else np.divide(own, 255, dtype=np.float32)


def by_displacement(moved: ArrayLike, limit: float | None = None) -> NDArray[np.float32]:
    """Colours for how far points moved: ``CLAY`` at 0, ``ACCENT`` at ``limit`` and beyond.

    Args:
        moved: ``[N]`` distances, unsquared.
        limit: distance of the full colour; defaults to the largest one.

    Returns:
        ``[N, 3]`` float32 sRGB.
    """
    return by_scalar(moved, 0.0, limit, DISPLACEMENT)


def by_label(labels: ArrayLike) -> NDArray[np.float32]:
    """Colours for whole numbers ``[N]``: label k always has the same colour; they repeat after ten.

    Example:
        >>> bool((by_label([0, 10]) == rgb(LABELS[0])).all())
        True
    """
    return np.stack([rgb(color) for color in LABELS])[np.asarray(labels, np.int64) % len(LABELS)]
