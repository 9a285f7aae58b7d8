"""Shapes that verbs take: a file or a shipped example, turned into the generator's frame."""

from __future__ import annotations

__all__ = ["add_axes", "read", "to_frame"]

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pcgen.generator import Generator
    from pcgen.pointcloud import PointCloud


def add_axes(parser: argparse.ArgumentParser) -> None:
    """The options that say how a file's axes lie."""
    parser.add_argument("--up", default="y", help="the file's upward axis: x y z -x -y -z (%(default)s)")
    parser.add_argument("--front", help="the file's front axis, as in --front=-z; found by reconstruction if not given")


def read(file: str, num_points: int | None, seed: int) -> PointCloud:
    """The file; a name without suffix that is no file is a shipped example's."""
    from pcgen import assets
    from pcgen.pointcloud import PointCloud

    path = Path(file)
    if not path.exists() and not path.suffix:
        path = assets.path(file)
    return PointCloud.load(path, num_points=num_points, seed=seed)


def to_frame(generator: Generator, cloud: PointCloud, up: str, front: str | None) -> tuple[Tensor, str]:
    """Rotation ``[3, 3]`` from the file's axes to +Y up, -Z front, and the name of the file's front axis.

    Where the front is not given, it is the horizontal axis with which the backbone reconstructs the cloud best.
    """
    from pcgen.generator import turn
    from pcgen.normalize import rotation_to_frame

    if front is not None:
        return rotation_to_frame(up, front), front
    fronts = [sign + axis for axis in "xyz" if axis != up.lstrip("-") for sign in ("", "-")]
    rotations = {front: rotation_to_frame(up, front) for front in fronts}
    first = rotations[fronts[0]]
    turned = turn(first.T, generator.quarter_turns(cloud.tensor() @ first.T)).T
    found = next(name for name, rotation in rotations.items() if rotation.allclose(turned, atol=1e-5))
    print(f"front: {found}, found by reconstruction (say --front if this is wrong)")
    return rotations[found], found
