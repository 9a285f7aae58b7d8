"""Reader for folders of real shapes: ``CATEGORY/ID.npy`` plus a ``manifest.csv`` that gives licence, author and split.

The files hold ``[8192, 3]`` points sampled uniformly by area, in random order, +Y up and facing +Z; the reader turns
them by 180 degrees about Y into our frame.
"""

from __future__ import annotations

__all__ = ["ShapeRecord", "list_shapes", "load"]

import csv
from dataclasses import dataclass
from pathlib import Path

from pcgen.errors import FileError, unknown_name
from pcgen.files import existing_file
from pcgen.normalize import rotation_to_frame
from pcgen.pointcloud import PointCloud

_SPLITS = ("train", "test")


@dataclass(frozen=True)
class ShapeRecord:
    """One row of the manifest.

    Attributes:
        id: file name without suffix, unique within the collection.
        category: ``chair``, ``table`` …, also the folder.
        source: the collection the mesh came from.
        licence: SPDX name.
        n_faces: triangles of the mesh.
        watertight: whether the mesh was closed.
        split: ``train`` or ``test``.
        permissive: False for the copyleft licences.
        author: whom to credit.
        name: what its source calls it.
    """

    id: str
    category: str
    source: str
    licence: str
    n_faces: int
    watertight: bool
    split: str
    permissive: bool
    author: str
    name: str


def list_shapes(
    root: str | Path, category: str | None = None, split: str | None = None, permissive: bool | None = None
) -> list[ShapeRecord]:
    """The shapes of the manifest, in its order, that match everything that is given.

    Args:
        root: the folder with ``manifest.csv``.
        category: only this category.
        split: only ``train`` or ``test``.
        permissive: only shapes whose licence is (True) or is not (False) permissive.

    Returns:
        The records; an empty list when no shape matches.

    Raises:
        FileError: there is no manifest, or it lacks a column.
        InputError: the category or the split does not exist.
    """
    records = _read_manifest(Path(root) / "manifest.csv")
    categories = {record.category for record in records}
    if category is not None and category not in categories:
        raise unknown_name("category", category, categories)
    if split is not None and split not in _SPLITS:
        raise unknown_name("split", split, _SPLITS)
    return [
        record
        for record in records
        if category in (None, record.category)
        and split in (None, record.split)
        and permissive in (None, record.permissive)
    ]


def load(root: str | Path, record: ShapeRecord) -> PointCloud:
    """Read one shape and turn it into our frame (+Y up, -Z front).

    The scale stays the file's: bounding box centred on the origin, farthest point of the mesh at distance 1.

    Args:
        root: the folder with ``manifest.csv``.
        record: a row from :func:`list_shapes`.

    Returns:
        The cloud, 8192 points in random order.

    Raises:
        FileError: the file is missing or damaged.
    """
    cloud = PointCloud.load(Path(root) / record.category / f"{record.id}.npy")
    return PointCloud(cloud.points @ rotation_to_frame(up="y", front="z").numpy().T)


def _read_manifest(path: Path) -> list[ShapeRecord]:
    with existing_file(path).open(newline="", encoding="utf-8") as file:
        try:
            return [_record(row) for row in csv.DictReader(file)]
        except (KeyError, ValueError) as error:
            raise FileError(f"{path} is not a manifest of real shapes: bad or missing column {error}") from error


def _record(row: dict[str, str]) -> ShapeRecord:
    return ShapeRecord(
        id=row["id"],
        category=row["category"],
        source=row["source"],
        licence=row["licence"],
        n_faces=int(row["n_faces"]),
        watertight=row["watertight"] == "True",
        split=row["split"],
        permissive=row["permissive"] == "True",
        author=row["author"],
        name=row["name"],
    )
