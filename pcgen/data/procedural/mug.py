"""Procedural mugs, cups and beakers with none, one or two handles; attributes known exactly."""

from __future__ import annotations

__all__ = ["MUG", "MugParams"]

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.family import Family, assemble, log_uniform
from pcgen.data.procedural.law import Quantiles
from pcgen.data.procedural.primitives import Array, Y, Z, bounds, circle, loft, plate, rounded, superellipse, tube

PARTS = ("body", "handle", "lid")


@dataclass(frozen=True)
class MugParams:
    """Everything that determines a mug's surface; the height of its rim is 1 and the unit of every length.

    The first ten are the attributes: they can be set freely and nothing else about the mug's style changes. The style
    of a handle is there even when there is none.

    Attributes:
        width: diameter of the rim, over the height.
        taper: diameter at the bottom over that at the rim, the sides taken as straight lines.
        bulge: by how much the sides are wider halfway up than those lines, over the radius there.
        wall: thickness of the wall, over the diameter of the rim.
        floor: thickness of the bottom, over the height.
        handles: none, one at +x, or two.
        handle_height: from the lowest to the highest point of a handle, over the height.
        handle_reach: how far a handle stands out beyond the rim, over the rim's diameter.
        handle_middle: height of its middle, over the height.
        lid: whether the mug is covered.
        edge: rounding of the lower edge, over the height.
        corner: rounding of the handle's corners, over its height.
        strap: thickness of the handle, over the diameter.
        flat: exponent of the handle's cross section (2 round, 8 a band).
        slant: how much nearer to the mug the handle's lower corner is, over its reach.
        corners: sides of a faceted body; a round one has 48.
    """

    width: float
    taper: float
    bulge: float
    wall: float
    floor: float
    handles: int
    handle_height: float
    handle_reach: float
    handle_middle: float
    lid: bool
    edge: float
    corner: float
    strap: float
    flat: float
    slant: float
    corners: int

    def radius(self, level: Any) -> Any:
        """Outer radius at a level from 0 (bottom) to 1 (rim)."""
        line = self.taper + (1 - self.taper) * level
        return self.width / 2 * line * (1 + self.bulge * np.sin(np.pi * level))


_ATTRIBUTES: Quantiles = {
    "width": log_uniform(0.6, 1.5),
    "taper": lambda u: 1 - 0.45 * (1 - u) ** 1.3,
    "bulge": lambda u: -0.05 + 0.2 * u,
    "wall": log_uniform(0.025, 0.09),
    "floor": log_uniform(0.03, 0.14),
    "handles": lambda u: int(np.searchsorted([0.15, 0.9], u)),
    "handle_height": lambda u: 0.35 + 0.3 * u,
    "handle_reach": lambda u: 0.2 + 0.3 * u,
    "handle_middle": lambda u: 0.42 + 0.16 * u,
    "lid": lambda u: bool(u > 0.8),
}


def _absent(params: MugParams) -> Set[str]:
    """What a mug without handles has no value of."""
    return {"handle_height", "handle_reach", "handle_middle"} if params.handles == 0 else set()


def _style(drawn: dict[str, Any], rng: np.random.Generator) -> MugParams:
    """Everything that is not an attribute."""
    return MugParams(
        **drawn,
        edge=rng.uniform(0.01, 0.12),
        corner=rng.uniform(0.15, 0.45),
        strap=rng.uniform(0.05, 0.12),
        flat=float(rng.choice([2.0, 4.0, 8.0])),
        slant=rng.uniform(0.0, 0.5) if rng.random() < 0.6 else 0.0,
        corners=48 if rng.random() < 0.9 else 12,
    )


def mug_surface(params: MugParams) -> tuple[Array, NDArray[np.uint8]]:
    """The whole surface of a mug, standing on y = 0 with its rim at y = 1, its axis the y axis.

    Args:
        params: what to build.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to.
    """
    pieces = {"body": [_body(params)]}
    if params.handles:
        handle = _handle(params)
        pieces["handle"] = [handle, handle * np.array([-1.0, 1.0, 1.0])][: params.handles]
    if params.lid:
        inner = params.width / 2 * (1 - 1.5 * params.wall)
        pieces["lid"] = [plate(inner * circle(params.corners), 0.955, 0.985)]
    return assemble(pieces, PARTS)


def _body(p: MugParams) -> Array:
    """Bottom, outer side, rim, inner side and inner floor, in one piece."""
    thickness = p.wall * p.width
    up = np.linspace(p.edge, 1, 12)
    down = np.linspace(1, p.floor, 12)
    y = np.concatenate([[0.0, 0.3 * p.edge], up, down])
    radius = np.concatenate(
        [np.array([1 - 0.6 * p.edge, 1 - 0.2 * p.edge]) * p.radius(p.edge), p.radius(up), p.radius(down) - thickness]
    )
    outline = np.insert(circle(p.corners), 1, 0, axis=1)
    return loft(y[:, None, None] * Y + radius[:, None, None] * outline)


def _handle(p: MugParams) -> Array:
    """A bent strap at +x, from the wall out, down and back to the wall."""
    r = p.strap * p.width / 2
    half = p.handle_height / 2 - r
    out = p.width / 2 + p.handle_reach * p.width - r
    high, low = p.handle_middle + half, p.handle_middle - half
    back = out - p.slant * (out - p.radius(low))
    # The ends stay inside the wall.
    ends = [p.radius(y) - 0.5 * p.wall * p.width for y in (high, low)]
    corners = [[ends[0], high, 0], [out, high, 0], [back, low, 0], [ends[1], low, 0]]
    path = rounded(corners, p.corner * p.handle_height, 5)
    strap = tube(path, r, Z, superellipse(p.flat, 16) * np.array([1.4, 1.0]))
    # Rounded corners cut the extents short; the ends stay where they are.
    low_corner, high_corner = bounds(strap)
    start, reach = min(ends), p.width * (0.5 + p.handle_reach)
    strap[..., 0] = start + (strap[..., 0] - start) * ((reach - start) / (high_corner[0] - start))
    middle, extent = (high_corner + low_corner)[1] / 2, (high_corner - low_corner)[1]
    strap[..., 1] = p.handle_middle + (strap[..., 1] - middle) * (p.handle_height / extent)
    return strap


MUG = Family("mug", PARTS, _ATTRIBUTES, _style, mug_surface, _absent)
