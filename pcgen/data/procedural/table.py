"""Procedural tables: dining, coffee and side tables, desks, pedestals, trestles; attributes known exactly."""

from __future__ import annotations

__all__ = ["TABLE"]

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.family import Family, assemble
from pcgen.data.procedural.primitives import Array, loft, loop, plate, superellipse
from pcgen.data.procedural.table_base import shelf, supports
from pcgen.data.procedural.table_params import TABLE_ATTRIBUTES, Layout, TableParams, table_style

PARTS = ("top", "leg", "shelf", "apron")


def table_surface(params: TableParams) -> tuple[Array, NDArray[np.uint8]]:
    """The whole surface of a table, standing on y = 0 with its top at y = 1, centred in x and z.

    Args:
        params: what to build.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to.
    """
    at = Layout.of(params)
    pieces = {"top": [_top(params, at)], "leg": supports(params, at)}
    if params.shelf:
        pieces["shelf"] = [shelf(params, at)]
    if params.apron:
        pieces["apron"] = [_apron(params, at)]
    return assemble(pieces, PARTS)


def _top(p: TableParams, at: Layout) -> Array:
    """A board with a bevelled rim, flat above and below."""
    outline = superellipse(p.outline) * np.array([at.half_width, at.half_depth])
    bevel = p.edge * p.thickness
    scale = np.array([1 - bevel / at.half_width, 1, 1, 1 - bevel / at.half_width])
    rings = np.empty((4, len(outline), 3))
    rings[..., ::2] = outline * scale[:, None, None]
    rings[..., 1] = np.array([at.underside, at.underside + bevel, 1 - bevel, 1])[:, None]
    return loft(rings)


def _apron(p: TableParams, at: Layout) -> Array:
    """Boards round the underside, or a box of drawers; a deep one on cabinets is open in front, as on a desk."""
    low, scale = at.underside * (1 - p.apron_height), 1 - p.apron_inset
    outline = superellipse(p.outline) * np.array([at.half_width, at.half_depth]) * scale
    if p.drawers:
        return plate(outline, low, at.underside)
    board = 1 - 0.03 / at.half_depth / scale
    heights = (low, at.underside, at.underside, low)
    rings = [np.insert(outline * s, 1, y, axis=1) for s, y in zip((1, 1, board, board), heights, strict=True)]
    return loop(np.stack(rings))


TABLE = Family("table", PARTS, TABLE_ATTRIBUTES, table_style, table_surface)
