"""Reads off any cloud what every shape has: proportions, asymmetry, how much space it encloses and how compactly.

Frame: +Y up, -Z front. Position, unit, order and number of points do not matter.
"""

from __future__ import annotations

__all__ = ["GENERIC_SPECS", "measure_generic"]

import math

import torch
from torch import Tensor

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.robust import extents, solid
from pcgen.ops import knn, nearest
from pcgen.spec import AttributeSpec

GENERIC_SPECS = (
    AttributeSpec("extent_width", "continuous", 0.05, 20.0, "of height", "overall width"),
    AttributeSpec("extent_depth", "continuous", 0.05, 20.0, "of height", "overall depth"),
    AttributeSpec("centre_height", "continuous", 0.0, 1.0, "of height", "centre of the surface above the floor"),
    AttributeSpec("asymmetry", "continuous", 0.0, 0.3, "of diagonal", "distance of the mirror image from the shape"),
    AttributeSpec("fullness", "continuous", 0.0, 1.0, "of the box", "space enclosed by the shape"),
    AttributeSpec(
        "compactness", "continuous", 0.0, 1.2, "of a sphere", "radius of that space over that of the surface"
    ),
)

_CELLS = 16  # of the box along each axis, in which enclosed space is counted


def measure_generic(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`GENERIC_SPECS`.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``; NaN and infinite points and isolated strays are ignored. The numbers are
            reliable from about 1000 points on.

    Returns:
        ``values [B, K]`` float32, NaN where not measurable, and ``measurable [B, K]`` bool (``[K]`` each for a single
        cloud).

    Raises:
        InputTypeError: the points are not floating-point numbers.
        InputError: the shape is another one.

    Example:
        >>> direction = torch.randn(4096, 3, generator=torch.Generator().manual_seed(0))
        >>> values, _ = measure_generic(direction / direction.norm(dim=1, keepdim=True))
        >>> [round(value, 1) for value in values.tolist()]
        [1.0, 1.0, 0.5, 0.0, 0.5, 1.0]
    """
    return measure_clouds(points, len(GENERIC_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    size = high - low
    clouds = clouds.where(used[..., None], torch.nan)
    centre = clouds.nanmean(dim=1)
    fullness = _fullness((clouds - low[:, None]) / size[:, None], used)
    columns = [
        size[:, 0] / size[:, 1],
        size[:, 2] / size[:, 1],
        (centre[:, 1] - low[:, 1]) / size[:, 1],
        _asymmetry(clouds, (low + high)[:, 0] / 2) / size.norm(dim=1),
        fullness,
        _compactness(clouds - centre[:, None], fullness * size.prod(dim=1)),
    ]
    return torch.stack(columns, dim=1).where((size > 0).all(dim=1, keepdim=True), torch.nan)


def _asymmetry(clouds: Tensor, middle: Tensor) -> Tensor:
    """Mean distance ``[B]`` from the left-right mirror image to the shape.

    Two samplings of one surface are apart by the distance between neighbours in one of them; that much is subtracted.
    """
    mirrored = clouds * clouds.new_tensor([-1.0, 1.0, 1.0])
    mirrored[..., 0] += 2 * middle[:, None]
    apart = nearest(mirrored, clouds).dist2.sqrt().nanmean(dim=1)
    spacing = knn(clouds, clouds, 2).dist2[..., 1].sqrt().nanmean(dim=1)
    return (apart - spacing).clamp(min=0)


def _fullness(box: Tensor, used: Tensor) -> Tensor:
    """Share ``[B]`` of the bounding box that has the shape on both sides along at least two axes.

    Args:
        box: points in units of the box ``[B, N, 3]``.
        used: which to use, ``[B, N]``.
    """
    # The faces of the box lie in the middle of the outermost cells.
    x, y, z = (box * (_CELLS - 1) + 0.5).nan_to_num(0.0, 0.0, 0.0).long().clamp(0, _CELLS - 1).unbind(dim=-1)
    index = (x * _CELLS + y) * _CELLS + z
    count = torch.zeros(len(box), _CELLS**3, device=box.device).scatter_add_(1, index, used.float())
    held = (count > 0).view(-1, _CELLS, _CELLS, _CELLS).byte()
    between = torch.zeros_like(held)
    for axis in (1, 2, 3):
        before, after = held.cummax(dim=axis)[0], held.flip(axis).cummax(dim=axis)[0].flip(axis)
        between += before * after
    # A cell with the surface in it is on average half inside.
    inside = (between >= 2) & (held == 0)
    return (inside.float() + 0.5 * (held > 0)).flatten(1).sum(dim=1) / (_CELLS - 1) ** 3


def _compactness(offsets: Tensor, volume: Tensor) -> Tensor:
    """Radius of the ball of that volume over the root mean square distance of the surface from its centre ``[B]``."""
    radius = (3 * volume / (4 * math.pi)) ** (1 / 3)
    return radius / (offsets**2).sum(dim=-1).nanmean(dim=1).sqrt()
