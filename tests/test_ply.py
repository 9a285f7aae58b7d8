from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from pcgen.errors import FileError, InputError
from pcgen.ply import read_ply, write_ply

HEADER = """\
ply
format {encoding} 1.0
comment made by hand
obj_info nothing
element vertex 2
property float x
property double y
property int16 z
property uchar red
property int label
end_header
"""
ROWS = [(0.5, 1e-3, -7, 255, 70000), (1.5, 2.0, 300, 0, -1)]
FIELDS = [("x", "f4"), ("y", "f8"), ("z", "i2"), ("red", "u1"), ("label", "i4")]


def binary(order: str) -> bytes:
    return np.array(ROWS, [(name, order + code) for name, code in FIELDS]).tobytes()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("ascii", "\n".join(" ".join(map(str, row)) for row in ROWS).encode()),
        ("binary_little_endian", binary("<")),
        ("binary_big_endian", binary(">")),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_cloud_in_three_encodings(tmp_path, encoding, body, newline):
    header = HEADER.format(encoding=encoding).replace("\n", newline)
    path = tmp_path / "cloud.ply"
    path.write_bytes(header.encode() + body)
    properties, faces = read_ply(path)
    assert faces.shape == (0, 3)
    for column, (name, code) in enumerate(FIELDS):
        np.testing.assert_array_equal(properties[name], np.array([row[column] for row in ROWS], code))
        assert properties[name].dtype == np.dtype(code)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_a_truncated_file_tells_how_much_there_is(tmp_path, encoding):
    body = {
        "ascii": b"0.5 1 2 3 4\n1 2",
        "binary_little_endian": binary("<")[:-1],
        "binary_big_endian": binary(">")[:-1],
    }
    path = tmp_path / "cloud.ply"
    path.write_bytes(HEADER.format(encoding=encoding).encode() + body[encoding])
    with pytest.raises(FileError, match=r"cloud\.ply is damaged in its 2 rows of vertex: the file ends after 1"):
        read_ply(path)


POLYGONS = [(0, 1, 2), (3, 2, 1, 0), (0, 1, 2, 3, 4), (0, 1)]
TRIANGLES = [[0, 1, 2], [3, 2, 1], [3, 1, 0], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
MESH_HEADER = """\
ply
format {encoding} 1.0
element camera 1
property float focal
element vertex 2
property float x
element face 4
property uchar group
property list uchar int {indices}
property list uint8 float32 texcoord
end_header
"""


def mesh_body(order: str) -> bytes:
    """A camera, two vertices, and polygons of different lengths, each between a number and a list of two."""
    if not order:
        rows = [f"7 {len(polygon)} {' '.join(map(str, polygon))} 2 0.5 0.25" for polygon in POLYGONS]
        return "\n".join(["35", "1.5", "2.5", *rows]).encode()
    rows = [
        struct.pack(f"{order}BB{len(polygon)}iB2f", 7, len(polygon), *polygon, 2, 0.5, 0.25) for polygon in POLYGONS
    ]
    return struct.pack(f"{order}3f", 35, 1.5, 2.5) + b"".join(rows)


@pytest.mark.parametrize(
    ("encoding", "order"), [("ascii", ""), ("binary_little_endian", "<"), ("binary_big_endian", ">")]
)
@pytest.mark.parametrize("indices", ["vertex_indices", "vertex_index"])
def test_faces_of_any_length_become_triangles(tmp_path, encoding, order, indices):
    header = MESH_HEADER.format(encoding=encoding, indices=indices).encode()
    path = tmp_path / "mesh.ply"
    path.write_bytes(header + mesh_body(order))
    properties, faces = read_ply(path)
    assert properties["x"].tolist() == [1.5, 2.5]
    assert faces.tolist() == TRIANGLES
    path.write_bytes((header + mesh_body(order))[:-5])
    with pytest.raises(FileError, match="damaged in its 4 rows of face"):
        read_ply(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("solid cube\n", "does not start with 'ply'"),
        ("ply\nformat ascii 1.0\nelement vertex 1\n", "never says 'end_header'"),
        ("ply\nelement vertex 1\nproperty float x\nend_header\n0\n", "no format line"),
        ("ply\nformat morse 1.0\nend_header\n", "morse"),
        ("ply\nformat ascii 1.0\nelement vertex many\nend_header\n", "many"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty quaternion x\nend_header\n0\n", "quaternion"),
        ("ply\nformat ascii 1.0\nelement face 0\nend_header\n", "no vertices with"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty list uchar int x\nend_header\n1 0\n", "no vertices with"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\nleft\n", "damaged.*left"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nend_header\n", "no vertices with"),
        ("ply\nformat binary_little_endian 1.0\nelement vertex 1\nend_header\n", "no vertices with"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path, text, message):
    path = tmp_path / "bad.ply"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        read_ply(path)


def test_written_columns_come_back(tmp_path):
    columns = {
        "x": np.array([1.5, -2.0], np.float32),
        "y": np.array([1e300, 0.1]),
        "part": np.array([3, -4]),
        "inside": np.array([True, False]),
        "half": np.array([0.5, 2.0], np.float16),
    }
    path = tmp_path / "cloud.ply"
    with path.open("wb") as file:
        write_ply(file, columns)
    properties, _ = read_ply(path)
    assert {name: values.dtype.str[1:] for name, values in properties.items()} == {
        "x": "f4",
        "y": "f8",
        "part": "i4",
        "inside": "u1",
        "half": "f4",
    }
    for name, values in columns.items():
        np.testing.assert_array_equal(properties[name], values)


def test_integers_beyond_32_bits_are_refused():
    with pytest.raises(InputError, match="part has integers beyond 32 bits"):
        write_ply(io.BytesIO(), {"part": np.array([2**40])})
