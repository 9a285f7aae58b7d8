"""PLY files: vertices and faces read from all three encodings, vertices written as little-endian binary."""

from __future__ import annotations

__all__ = ["read_ply", "write_ply"]

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from pcgen.errors import FileError, InputError

_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_CODES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"}
_CODES |= {"float": "f4", "double": "f8"}
_TYPE_NAMES = {code: name for name, code in _CODES.items()}
_ALIASES = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
_ALIASES |= {"float32": "f4", "float64": "f8"}
_POLYGON_NAMES = ("vertex_indices", "vertex_index")  # both are common


class _Field(NamedTuple):
    name: str
    code: str  # numpy's, without byte order
    length_code: str | None = None  # of the number that starts a list; None for a scalar


class _Element(NamedTuple):
    name: str
    rows: int
    fields: list[_Field]


def read_ply(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read the vertices and the faces of a PLY file.

    Args:
        path: an ascii, binary little-endian or binary big-endian file.

    Returns:
        The vertex properties by name, each ``[N]`` in the type the file declares, and ``faces [F, 3]`` int64, polygons
        cut into fans of triangles; F is 0 for a point cloud.

    Raises:
        FileError: it is no PLY file, it ends too early, or its vertices are not plain numbers.

    Source: G. Turk, "The PLY polygon file format" (1994).
    """
    data = path.read_bytes()
    try:
        order, elements, body = _parse_header(data)
    except (ValueError, KeyError, IndexError) as error:
        raise FileError(f"{path} cannot be read as PLY: bad header ({error}); export it again") from error
    reader = _BinaryReader(data, body, order) if order else _AsciiReader(data[body:].split())
    vertices: dict[str, np.ndarray] = {}
    polygons: list[tuple[float, ...]] = []
    for element in elements:
        try:
            if any(field.length_code for field in element.fields):
                lists = list(_polygons(reader, element))
                polygons += lists if element.name == "face" else []
            elif element.fields:
                table = reader.table(element)
                vertices |= table if element.name == "vertex" else {}
        except (ValueError, struct.error) as error:
            raise FileError(f"{path} is damaged in its {element.rows} rows of {element.name}: {error}") from error
    if not vertices:
        raise FileError(f"{path} has no vertices with plain numbers, so no points")
    return vertices, _fans(polygons)


def write_ply(file: BinaryIO, properties: dict[str, np.ndarray]) -> None:
    """Write vertex properties as a binary little-endian PLY file.

    Args:
        file: open for binary writing.
        properties: the columns by name, each ``[N]``. Booleans are stored as uchar, float16 as float, and 64-bit
            integers as int, the widest that PLY has.

    Raises:
        InputError: a 64-bit integer does not fit into 32 bits.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> write_ply(file, {"x": np.zeros(2, np.float32), "part": np.array([1, 2])})
        >>> file.getvalue().split(b"end_header")[0].decode().splitlines()[2:]
        ['element vertex 2', 'property float x', 'property int part']
    """
    columns = {name: _storable(name, values) for name, values in properties.items()}
    rows = len(next(iter(columns.values())))
    table = np.empty(rows, [(name, f"<{_code(values)}") for name, values in columns.items()])
    for name, values in columns.items():
        table[name] = values
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {rows}"]
    lines += [f"property {_TYPE_NAMES[_code(values)]} {name}" for name, values in columns.items()]
    file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
    file.write(table.tobytes())


def _parse_header(data: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for ascii), elements, and where the rows begin; ValueError, KeyError, IndexError if it is bad."""
    text, end, _ = data.partition(b"end_header")
    if not data.startswith(b"ply") or not end:
        raise ValueError("it does not start with 'ply' or never says 'end_header'")
    body = data.index(b"\n", len(text)) + 1  # the line may end in CR LF
    codes = _CODES | _ALIASES
    order, elements = None, []
    for line in text.decode("ascii", errors="replace").splitlines():
        match line.split():
            case ["format", encoding, *_]:
                order = _BYTE_ORDERS[encoding]
            case ["element", name, rows]:
                elements.append(_Element(name, int(rows), []))
            case ["property", "list", length_type, item_type, name]:
                elements[-1].fields.append(_Field(name, codes[item_type], codes[length_type]))
            case ["property", scalar_type, name]:
                elements[-1].fields.append(_Field(name, codes[scalar_type]))
    if order is None:
        raise ValueError("no format line")
    return order, elements, body


@dataclass
class _BinaryReader:
    data: bytes
    position: int
    order: str

    def table(self, element: _Element) -> dict[str, np.ndarray]:
        """All rows of an element that has only scalars."""
        row = np.dtype([(field.name, self.order + field.code) for field in element.fields])
        complete = (len(self.data) - self.position) // row.itemsize
        if complete < element.rows:
            raise ValueError(f"the file ends after {complete}")
        rows = np.frombuffer(self.data, row, element.rows, self.position)
        self.position += rows.nbytes
        return {field.name: rows[field.name].astype(field.code) for field in element.fields}

    def take(self, code: str, count: int) -> tuple[float, ...]:
        """The next numbers."""
        numbers = struct.Struct(f"{self.order}{count}{np.dtype(code).char}")
        self.position += numbers.size
        return numbers.unpack_from(self.data, self.position - numbers.size)


@dataclass
class _AsciiReader:
    words: list[bytes]
    position: int = 0

    def table(self, element: _Element) -> dict[str, np.ndarray]:
        """All rows of an element that has only scalars."""
        width = len(element.fields)
        complete = (len(self.words) - self.position) // width
        if complete < element.rows:
            raise ValueError(f"the file ends after {complete}")
        numbers = np.array(self.words[self.position : self.position + element.rows * width], np.float64)
        self.position += numbers.size
        columns = numbers.reshape(element.rows, width).T  # float64 holds every PLY type exactly
        return {field.name: column.astype(field.code) for field, column in zip(element.fields, columns, strict=True)}

    def take(self, code: str, count: int) -> tuple[float, ...]:
        """The next numbers."""
        words = self.words[self.position : self.position + count]
        if len(words) < count:
            raise ValueError("the file ends in the middle of a row")
        self.position += count
        return tuple(float(word) if code[0] == "f" else int(word) for word in words)


def _polygons(reader: _BinaryReader | _AsciiReader, element: _Element) -> Iterator[tuple[float, ...]]:
    """The vertex indices of each row; number by number, because only a row itself tells how long it is."""
    for _ in range(element.rows):
        for field in element.fields:
            count = int(reader.take(field.length_code, 1)[0]) if field.length_code else 1
            numbers = reader.take(field.code, count)
            if field.name in _POLYGON_NAMES:
                yield numbers


def _fans(polygons: list[tuple[float, ...]]) -> np.ndarray:
    """``[F, 3]``: every polygon as the triangles between its first corner and each of its sides."""
    triangles = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(triangles, np.int64).reshape(-1, 3)


def _code(values: np.ndarray) -> str:
    return f"{values.dtype.kind}{values.dtype.itemsize}"


def _storable(name: str, values: np.ndarray) -> np.ndarray:
    """The column in a type that PLY has."""
    if _code(values) in _TYPE_NAMES:
        return values
    if values.dtype.kind in "iu":
        narrow = values.astype(np.int32)
        if not np.array_equal(narrow, values):
            raise InputError(f"{name} has integers beyond 32 bits, which PLY cannot hold; save as .npz instead")
        return narrow
    return values.astype(np.uint8 if values.dtype.kind == "b" else np.float32)
