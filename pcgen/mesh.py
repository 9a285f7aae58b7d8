"""Triangle meshes on their way to point clouds: read a file, sample its surface uniformly by area."""

from __future__ import annotations

__all__ = ["MESH_SUFFIXES", "Mesh", "load_mesh", "sample_surface"]

import json
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcgen.errors import FileError, InputError
from pcgen.files import existing_file
from pcgen.ply import read_ply

MESH_SUFFIXES = (".obj", ".off", ".stl", ".glb", ".gltf", ".ply")


class Mesh(NamedTuple):
    """A triangle soup: no materials, no textures, no assumption that it is closed or oriented.

    Attributes:
        vertices: ``[V, 3]`` float64.
        faces: ``[F, 3]`` int64 indices into the vertices.
    """

    vertices: np.ndarray
    faces: np.ndarray


def load_mesh(path: str | Path) -> Mesh:
    """Read OBJ, OFF, STL, GLB, glTF 2.0 or PLY; a scene's parts are put in place and joined, polygons triangulated.

    The file's own axes and unit are kept. Materials and textures are not looked at, so they may be missing.

    Args:
        path: the mesh file.

    Returns:
        The mesh; it may have no faces at all when the file holds only points or lines.

    Raises:
        FileError: it is missing, empty, damaged, glTF 1.0, or has an unknown suffix.
    """
    path = existing_file(path)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise FileError(f"{path} is not a known mesh format; convert it to one of {', '.join(MESH_SUFFIXES)}")
    try:
        if suffix in (".glb", ".gltf") and _gltf_version(path) < 2:
            raise FileError(f"{path} is glTF 1.0; export it again as glTF 2.0, or as OBJ")
        if suffix == ".ply":  # trimesh cannot read binary files that mix triangles with other polygons
            properties, faces = read_ply(path)
            return Mesh(np.stack([properties[axis] for axis in "xyz"], axis=1).astype(np.float64), faces)
        return _join_parts(path)
    except FileError:
        raise
    except Exception as error:  # mesh parsers fail in every way there is: KeyError, IndexError, NotImplementedError …
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FileError(f"{path} cannot be read as {suffix[1:].upper()}: {reason}; export it again") from error


def _gltf_version(path: Path) -> int:
    """The major version, from the binary header of GLB or the asset entry of glTF."""
    data = path.read_bytes()
    if data[:4] == b"glTF":
        return struct.unpack_from("<I", data, 4)[0]
    return int(str(json.loads(data)["asset"]["version"]).partition(".")[0])


def _join_parts(path: Path) -> Mesh:
    import trimesh

    # process=False: merging equal vertices changes nothing on the surface and costs time.
    scene = trimesh.load_scene(path, process=False, skip_materials=True)
    parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    vertices = [np.asarray(part.vertices, np.float64) for part in parts]
    faces = [np.asarray(part.faces, np.int64) + offset for part, offset in zip(parts, offsets, strict=False)]
    return Mesh(np.concatenate([np.empty((0, 3)), *vertices]), np.concatenate([np.empty((0, 3), np.int64), *faces]))


def sample_surface(
    vertices: np.ndarray, faces: np.ndarray, num_points: int, seed: int | np.random.Generator = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw points independently and uniformly by area; the first n of them are a fair sample of n points.

    Triangles without area are never hit.

    Args:
        vertices: ``[V, 3]``.
        faces: ``[F, 3]`` indices into the vertices.
        num_points: how many points to draw.
        seed: seed or generator.

    Returns:
        ``points [num_points, 3]`` float32, ``normals [num_points, 3]`` float32 (unit length, by the triangle's winding,
        which in many files points inwards as often as outwards) and ``face_index [num_points]`` int64.

    Raises:
        InputError: wrong shapes, an index without a vertex, or a surface whose area is zero or not finite.

    Source: R. Osada et al., "Shape distributions", ACM TOG 2002, section 4.1 (uniform points in a triangle).

    Example:
        >>> corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]])
        >>> points, normals, _ = sample_surface(corners, np.array([[0, 1, 2]]), 100)
        >>> points.shape, bool((points[:, :2].sum(1) <= 2).all()), normals[0].tolist()
        ((100, 3), True, [0.0, 0.0, 1.0])
    """
    a, b, c = _corners(vertices, faces)
    if num_points < 1:
        raise InputError(f"num_points must be at least 1, got {num_points}")
    with np.errstate(invalid="ignore", over="ignore"):
        cross = np.cross(b - a, c - a)
        double_area = np.linalg.norm(cross, axis=1)
        total = double_area.sum()
    if not 0 < total < np.inf:
        raise InputError(f"a mesh needs a surface to sample, but its {len(a)} triangles have area {total / 2}")
    rng = np.random.default_rng(seed)
    face_index = rng.choice(len(a), num_points, p=double_area / total)
    root, v = np.sqrt(rng.random((num_points, 1))), rng.random((num_points, 1))
    points = (1 - root) * a[face_index] + root * (1 - v) * b[face_index] + root * v * c[face_index]
    normals = cross[face_index] / double_area[face_index, None]
    return points.astype(np.float32), normals.astype(np.float32), face_index


def _corners(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three corners of every triangle, each ``[F, 3]`` float64."""
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces)
    for name, array, rows in [("vertices", vertices, "V"), ("faces", faces, "F")]:
        if array.ndim != 2 or array.shape[1] != 3:
            raise InputError(f"{name} must have shape [{rows}, 3], got {list(array.shape)}")
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise InputError(f"faces name vertices {faces.min()} to {faces.max()}, but there are {len(vertices)}")
    faces = faces.astype(np.int64)
    return vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
