"""PointCloud: points with named per-point channels; what files and viewers speak (inside, clouds are plain tensors)."""

from __future__ import annotations

__all__ = ["PointCloud"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from pcgen.errors import FileError, InputError, InputTypeError
from pcgen.files import atomic_writer, existing_file
from pcgen.mesh import MESH_SUFFIXES, Mesh, load_mesh, sample_surface
from pcgen.ply import read_ply, write_ply

_MESH_POINTS = 8192
_COLUMNS = {"points": ("x", "y", "z"), "normal": ("nx", "ny", "nz"), "color": ("red", "green", "blue")}
_UNIT_TOLERANCE = 0.05  # normals written with two decimals still count as unit vectors


@dataclass(frozen=True, eq=False, repr=False)
class PointCloud:
    """Points and what is known about each of them; checked once, then read-only.

    Attributes:
        points: ``[N, 3]`` float32, all finite.
        channels: per-point values by name, each ``[N]`` or ``[N, C]``. Two names have a fixed meaning: ``normal`` is
            ``[N, 3]`` float32 and ``color`` is ``[N, 3]`` uint8.

    Raises:
        InputError: a wrong shape or length, or points that are not finite.
        InputTypeError: values that are not numbers.

    Example:
        >>> cloud = PointCloud(np.eye(3), {"part": np.array([0, 0, 1])})
        >>> cloud
        PointCloud(3 points, part int64 [3])
        >>> cloud.take(cloud.channels["part"] == 0)
        PointCloud(2 points, part int64 [2])
    """

    points: np.ndarray
    channels: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = _check_points(self.points)
        if bad := int(np.sum(~_finite_rows(points))):
            raise InputError(
                f"{bad} of {len(points)} points are not finite; drop them with PointCloud.finite(points, channels)"
            )
        channels = {name: _check_channel(name, values, len(points)) for name, values in self.channels.items()}
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "channels", channels)

    @classmethod
    def finite(cls, points: ArrayLike, channels: Mapping[str, ArrayLike] | None = None) -> PointCloud:
        """The cloud without the points that have a NaN or infinite coordinate.

        Example:
            >>> PointCloud.finite([[0, 0, 0], [float("nan"), 0, 0]], {"part": [4, 5]})
            PointCloud(1 points, part int64 [1])
        """
        points = _check_points(points)
        keep = _finite_rows(points)
        kept = {name: _check_channel(name, values, len(points))[keep] for name, values in (channels or {}).items()}
        return cls(points[keep], kept)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        channels = [f", {name} {values.dtype} {list(values.shape)}" for name, values in self.channels.items()]
        return f"PointCloud({len(self)} points{''.join(channels)})"

    def take(self, index: ArrayLike) -> PointCloud:
        """The chosen points with their channels, in the order of the index.

        Args:
            index: ``[M]`` positions, or a ``[N]`` boolean mask.

        Raises:
            InputError: a position or a mask that does not fit the cloud.
        """
        index = np.asarray(index)
        try:
            return type(self)(self.points[index], {name: values[index] for name, values in self.channels.items()})
        except IndexError as error:
            raise InputError(f"the index does not fit a cloud of {len(self)} points: {error}") from error

    def subsample(self, num_points: int, seed: int | np.random.Generator = 0) -> PointCloud:
        """Points drawn at random without replacement; with one seed, a smaller sample is the start of a larger one.

        Raises:
            InputError: more points than there are, or fewer than one.
        """
        if not 1 <= num_points <= len(self):
            raise InputError(f"cannot draw {num_points} points without replacement from {len(self)}")
        return self.take(np.random.default_rng(seed).permutation(len(self))[:num_points])

    def tensor(self) -> Tensor:
        """The points as a new ``[N, 3]`` float32 tensor on the CPU.

        Example:
            >>> PointCloud(np.zeros((5, 3))).tensor().shape
            torch.Size([5, 3])
        """
        return torch.from_numpy(self.points.copy())

    @classmethod
    def load(cls, path: str | Path, num_points: int | None = None, seed: int = 0) -> PointCloud:
        """Read points, or sample them uniformly by area where the file is a mesh. Axes and unit stay the file's own.

        ======================  ==========================================================================
        ``.ply``                x y z, nx ny nz, red green blue, any further scalar property as a channel
        ``.npz``                ``points [N, 3]``; every other array with N rows is a channel
        ``.npy``                ``[N, 3]``
        ``.xyz .txt``           columns x y z, or x y z nx ny nz; spaces or commas; ``#`` starts a comment
        ``.obj .off .stl``      a mesh; so are ``.glb``, ``.gltf`` and a ``.ply`` with faces
        ======================  ==========================================================================

        Args:
            path: the file; its suffix names the format.
            num_points: size of a random sample; by default all points of the file, or 8192 of a mesh's surface.
            seed: chooses the sample.

        Returns:
            The cloud; from a mesh it has the channel ``normal``.

        Raises:
            FileError: missing, empty, damaged, of unknown format, with points that are not finite, or without surface.
            InputError: ``num_points`` is below 1, or more than the points that the file holds.

        Example:
            >>> from pcgen import assets
            >>> PointCloud.load(assets.path("chair_tubular"), num_points=1024)
            PointCloud(1024 points)
        """
        if num_points is not None and num_points < 1:
            raise InputError(f"num_points must be at least 1, got {num_points}")
        path = existing_file(path)
        read = _READERS.get(path.suffix.lower())
        if read is None:
            raise FileError(f"{path} is not of a known format; known: {', '.join(_READERS)}; convert it to one of them")
        try:
            content = read(path)
            if isinstance(content, Mesh):
                points, normals, _ = sample_surface(*content, _MESH_POINTS if num_points is None else num_points, seed)
                return cls(points, {"normal": normals})
            cloud = cls(*content)
            if not len(cloud):
                raise InputError("there are no points in it")
        except FileError:
            raise
        except Exception as error:  # a damaged file fails in many ways: ValueError, EOFError, BadZipFile, zlib.error …
            raise FileError(f"{path} cannot be used: {error}") from error
        return cloud if num_points is None else cloud.subsample(num_points, seed)

    def save(self, path: str | Path) -> None:
        """Write the cloud; the file appears complete or not at all.

        ``.npz`` keeps everything. ``.ply`` keeps ``normal``, ``color`` and every ``[N]`` channel. ``.npy`` holds points
        alone, ``.xyz`` and ``.txt`` points and ``normal``. A channel that the format cannot hold is an error.

        Args:
            path: the file to write; its suffix names the format.

        Raises:
            FileError: unknown format, or the folder does not exist.
            InputError: the format cannot hold one of the channels.
        """
        path = Path(path)
        write = _WRITERS.get(path.suffix.lower())
        if write is None:
            raise FileError(f"cannot write {path}: point clouds are saved as {', '.join(_WRITERS)}")
        with atomic_writer(path) as file:
            write(file, self)


def _read_only(name: str, values: ArrayLike, dtype: type | None = None) -> np.ndarray:
    """Our own copy of the values as numbers, which nobody can change afterwards."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputTypeError(f"{name} must be an array of numbers on the CPU: {error}") from error
    if array.dtype.kind not in "biuf":
        raise InputTypeError(f"{name} must be numbers, got {array.dtype}")
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, and the check for that comes after
        array = array.astype(dtype or array.dtype)
    array.setflags(write=False)
    return array


def _check_points(values: ArrayLike) -> np.ndarray:
    points = _read_only("points", values, np.float32)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points must have shape [N, 3], got {list(points.shape)}; one PointCloud is one shape")
    return points


def _finite_rows(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(points).all(axis=1))


def _check_channel(name: str, values: ArrayLike, num_points: int) -> np.ndarray:
    if name.split() != [name] or name in ("points", *_COLUMNS["points"]):
        raise InputError(f"{name!r} cannot name a channel; take a word that is not points, x, y or z")
    array = _read_only(f"channel {name}", values, np.float32 if name == "normal" else None)
    if name in ("normal", "color") and array.shape != (num_points, 3):
        raise InputError(f"{name} must have shape [{num_points}, 3], got {list(array.shape)}")
    if name == "color" and array.dtype != np.uint8:
        raise InputTypeError(f"color must be uint8, 0 to 255, got {array.dtype}; scale and convert it first")
    if array.ndim not in (1, 2) or len(array) != num_points:
        raise InputError(f"channel {name} must have shape [{num_points}] or [{num_points}, C], got {list(array.shape)}")
    return array


# --- formats -------------------------------------------------------------------------------------------------------

_Content = tuple[np.ndarray, dict[str, np.ndarray]]  # points and channels, not yet checked


def _read_ply(path: Path) -> _Content | Mesh:
    properties, faces = read_ply(path)
    arrays = {}
    for name, columns in _COLUMNS.items():
        if properties.keys() >= set(columns):
            arrays[name] = np.stack([properties.pop(column) for column in columns], axis=1)
    if "points" not in arrays:
        raise InputError("its vertices have no x, y and z")
    if len(faces):
        return Mesh(arrays["points"], faces)
    if "color" in arrays and arrays["color"].dtype.kind == "f":  # some programs write 0.0 to 1.0
        arrays["color"] = np.round(255 * arrays["color"].clip(0, 1)).astype(np.uint8)
    return arrays.pop("points"), arrays | properties


def _write_ply(file: BinaryIO, cloud: PointCloud) -> None:
    properties: dict[str, np.ndarray] = {}
    for name, values in {"points": cloud.points, **cloud.channels}.items():
        columns = _COLUMNS.get(name, (name,))
        if values.ndim == 2 and name not in _COLUMNS:
            raise InputError(f"PLY cannot hold the channel {name} of shape {list(values.shape)}; save as .npz instead")
        properties |= dict(zip(columns, values.reshape(len(cloud), -1).T, strict=True))
    write_ply(file, properties)


def _read_npz(path: Path) -> _Content:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if "points" not in arrays:
        raise InputError(f"it has no array named points, only {', '.join(arrays) or 'nothing'}")
    points = arrays.pop("points")
    return points, {name: values for name, values in arrays.items() if values.shape[:1] == points.shape[:1]}


def _write_npz(file: BinaryIO, cloud: PointCloud) -> None:
    np.savez_compressed(file, allow_pickle=False, points=cloud.points, **cloud.channels)


def _read_npy(path: Path) -> _Content:
    return np.load(path, allow_pickle=False), {}


def _write_npy(file: BinaryIO, cloud: PointCloud) -> None:
    _require_only(cloud, set(), "NPY")
    np.save(file, cloud.points, allow_pickle=False)


def _read_text(path: Path) -> _Content:
    lines = [line for line in path.read_text().replace(",", " ").splitlines() if line.partition("#")[0].strip()]
    table = np.loadtxt(lines, np.float64, ndmin=2) if lines else np.empty((0, 3))
    if table.shape[1] not in (3, 6):
        raise InputError(f"it has {table.shape[1]} columns; expected x y z, or x y z nx ny nz")
    points, normal = table[:, :3], table[:, 3:]
    if not normal.size:
        return points, {}
    if np.abs(np.linalg.norm(normal, axis=1) - 1).max() > _UNIT_TOLERANCE:
        raise InputError(
            "columns 4 to 6 are not unit normals; keep columns 1 to 3, or save as .npz with named channels"
        )
    return points, {"normal": normal}


def _write_text(file: BinaryIO, cloud: PointCloud) -> None:
    _require_only(cloud, {"normal"}, "text")
    np.savetxt(file, np.hstack([cloud.points, *cloud.channels.values()]), fmt="%.9g")  # 9 digits restore any float32


def _require_only(cloud: PointCloud, allowed: set[str], kind: str) -> None:
    if lost := sorted(cloud.channels.keys() - allowed):
        raise InputError(f"{kind} files cannot hold the channels {', '.join(lost)}; save as .npz instead")


_READERS: dict[str, Callable[[Path], _Content | Mesh]] = {
    ".ply": _read_ply,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".xyz": _read_text,
    ".txt": _read_text,
    **{suffix: load_mesh for suffix in MESH_SUFFIXES if suffix != ".ply"},
}

_WRITERS: dict[str, Callable[[BinaryIO, PointCloud], None]] = {
    ".ply": _write_ply,
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".xyz": _write_text,
    ".txt": _write_text,
}
