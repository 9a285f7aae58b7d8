"""A few real chairs and tables under open licences, for the demo and the tests.

Each is 4096 points sampled uniformly by area from a mesh that somebody modelled by hand, in random order, in our frame
(+Y up, -Z front), bounding box centred on the origin, farthest point of the mesh at distance 1. Authors and licences
are in ``LICENCES.md`` beside the files.
"""

from __future__ import annotations

__all__ = ["load", "names", "path"]

from pathlib import Path

from pcgen.errors import unknown_name
from pcgen.pointcloud import PointCloud

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The shapes' names, sorted; the part before the first underscore is the category.

    Example:
        >>> names()[:2]
        ['chair_bar', 'chair_classic']
    """
    return sorted(file.stem for file in _FOLDER.glob("*.ply"))


def path(name: str) -> Path:
    """Where a shape's PLY file is.

    Raises:
        InputError: there is no shape of that name.

    Example:
        >>> path("table_round").name
        'table_round.ply'
    """
    if name not in names():
        raise unknown_name("shape", name, names())
    return _FOLDER / f"{name}.ply"


def load(name: str) -> PointCloud:
    """Read a shape, ``[4096, 3]`` points.

    Raises:
        InputError: there is no shape of that name.

    Example:
        >>> load("chair_tubular")
        PointCloud(4096 points)
    """
    return PointCloud.load(path(name))
