from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import FileError, InputError
from pcgen.mesh import load_mesh, sample_surface

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def test_triangles_are_hit_by_area():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 5], [3, 0, 5], [0, 1, 5]])
    _, _, face = sample_surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 10_000)
    # binomial(10000, 1/4): mean 2500, standard deviation 43; five of them
    assert abs(int(np.sum(face == 0)) - 2500) < 5 * 43


def test_points_are_uniform_inside_a_triangle():
    points, _, _ = sample_surface(np.eye(3), np.array([[0, 1, 2]]), 10_000)
    # The inner triangle that joins the midpoints, and each of the three at the corners, hold a quarter of the area.
    corners = (points > 0.5).sum(0)
    assert np.abs(corners - 2500).max() < 5 * 43


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_points_lie_on_their_triangles(seed):
    vertices = np.random.default_rng(seed).normal(size=(9, 3))
    faces = np.arange(9).reshape(3, 3)
    points, normals, face = sample_surface(vertices, faces, 50, seed)
    height = ((points - vertices[faces[face, 0]]) * normals).sum(1)
    np.testing.assert_allclose(height, 0, atol=1e-5)  # float32 points and normals of size about 3
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-6)
    for sampled, name in zip(points, face, strict=True):  # barycentric coordinates are between 0 and 1
        weights = np.linalg.lstsq(np.vstack([vertices[faces[name]].T, np.ones(3)]), np.append(sampled, 1), rcond=None)[
            0
        ]
        assert weights.min() > -1e-3


def test_normals_follow_the_winding():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert sample_surface(vertices, np.array([[0, 1, 2]]), 1)[1].tolist() == [[0, 0, 1]]
    assert sample_surface(vertices, np.array([[0, 2, 1]]), 1)[1].tolist() == [[0, 0, -1]]


def test_a_seed_reproduces_and_another_differs():
    mesh = np.eye(3), np.array([[0, 1, 2]])
    assert np.array_equal(sample_surface(*mesh, 20, seed=1)[0], sample_surface(*mesh, 20, seed=1)[0])
    assert not np.array_equal(sample_surface(*mesh, 20, seed=1)[0], sample_surface(*mesh, 20, seed=2)[0])


def test_triangles_without_area_are_never_hit():
    faces = np.array([[0, 0, 1], [0, 1, 2], [2, 2, 2]])
    points, normals, face = sample_surface(np.eye(3), faces, 1000)
    assert set(face) == {1}
    assert np.isfinite(points).all()
    assert np.isfinite(normals).all()


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.eye(3), np.array([[0, 0, 1]]), "1 triangles have area 0"),
        (np.eye(3), np.empty((0, 3), int), "0 triangles have area 0"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "area nan"),
        (np.eye(3), np.array([[0, 1, 3]]), "vertices 0 to 3, but there are 3"),
        (np.eye(3), np.array([[0, 1, -1]]), "vertices -1 to 1"),
        (np.eye(3), np.array([[0, 1, 2, 0]]), r"faces must have shape \[F, 3\], got \[1, 4\]"),
        (np.zeros((3, 2)), np.array([[0, 1, 2]]), r"vertices must have shape \[V, 3\], got \[3, 2\]"),
    ],
)
def test_meshes_that_cannot_be_sampled(vertices, faces, message):
    with pytest.raises(InputError, match=message):
        sample_surface(vertices, faces, 10)


@pytest.mark.parametrize(
    ("name", "text", "num_faces"),
    [
        ("quad.obj", f"mtllib missing.mtl\nusemtl gone\n{SQUARE}f 1 2 3 4\n", 2),
        ("negative.obj", f"{SQUARE}f -4 -3 -2\n", 1),
        ("parts.obj", f"{SQUARE}o a\nf 1 2 3\no b\nf 1 3 4\n", 2),
        ("points.obj", SQUARE, 0),
        ("quad.off", "OFF\n# comment\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n", 2),
        ("modelnet.off", "OFF4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n", 2),
        ("PENTAGON.PLY", None, 3),
    ],
)
def test_formats_are_read_and_polygons_triangulated(tmp_path, name, text, num_faces):
    pentagon = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n-1 1 0\n5 0 1 2 3 4\n"
    header = "ply\nformat ascii 1.0\nelement vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
    path = tmp_path / name
    path.write_text(text or f"{header}element face 1\nproperty list uchar int vertex_indices\nend_header\n{pentagon}")
    assert load_mesh(path).faces.shape == (num_faces, 3)


def test_the_transforms_of_a_scene_are_applied(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    scene, box = trimesh.Scene(), trimesh.creation.box()
    for name, x in [("left", -5.0), ("right", 5.0)]:
        scene.add_geometry(box, node_name=name, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    scene.export(tmp_path / "boxes.glb")
    vertices, faces = load_mesh(tmp_path / "boxes.glb")
    assert len(faces) == 24
    np.testing.assert_allclose([vertices.min(0), vertices.max(0)], [[-5.5, -0.5, -0.5], [5.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("old.glb", struct.pack("<4sII", b"glTF", 1, 12), r"old\.glb is glTF 1\.0; export it again as glTF 2\.0"),
        ("old.gltf", b'{"asset": {"version": "1.0"}}', r"is glTF 1\.0"),
        ("old.fbx", b"Kaydara", "not a known mesh format; convert it to one of .obj"),
        ("junk.glb", b"junk", "cannot be read as GLB"),
        ("half.glb", struct.pack("<4sII", b"glTF", 2, 999), "cannot be read as GLB"),
        ("index.obj", b"v 0 0 0\nf 1 2 3\n", "cannot be read as OBJ"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=message):
        load_mesh(tmp_path / name)
