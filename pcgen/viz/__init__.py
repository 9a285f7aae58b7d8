"""Pictures of point clouds: cameras, colours, a software renderer, page layouts, and Open3D in `pcgen.viz.open3d`.

Example:
    >>> from pcgen import viz
    >>> viz.render([[0, 0, 0], [0, 1, 0]], size=(64, 64)).shape
    (64, 64, 3)
"""

from __future__ import annotations

__all__ = [
    "Camera",
    "before_after",
    "by_displacement",
    "by_height",
    "by_label",
    "by_scalar",
    "grid",
    "render",
    "samples",
    "save_png",
    "table",
    "three_quarter_view",
]

from pcgen.viz.camera import Camera, three_quarter_view
from pcgen.viz.color import by_displacement, by_height, by_label, by_scalar
from pcgen.viz.layout import before_after, grid, samples, save_png, table
from pcgen.viz.splat import render
