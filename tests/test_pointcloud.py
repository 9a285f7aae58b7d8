from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pcgen import PointCloud
from pcgen.errors import FileError, InputError, InputTypeError


@pytest.fixture
def cloud() -> PointCloud:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(50, 3))
    return PointCloud(
        rng.normal(size=(50, 3)),
        {
            "normal": normal / np.linalg.norm(normal, axis=1, keepdims=True),
            "color": rng.integers(0, 256, (50, 3), np.uint8),
            "part": rng.integers(0, 4, 50, np.int32),
        },
    )


def assert_same(one: PointCloud, other: PointCloud) -> None:
    np.testing.assert_array_equal(one.points, other.points)
    assert one.channels.keys() == other.channels.keys()
    for name, values in one.channels.items():
        np.testing.assert_array_equal(values, other.channels[name])
        assert values.dtype == other.channels[name].dtype


# --- the class -----------------------------------------------------------------------------------------------------


def test_points_become_our_own_read_only_float32():
    points = np.zeros((4, 3))
    cloud = PointCloud(points)
    points[:] = 1
    assert cloud.points.dtype == np.float32
    assert not cloud.points.any()
    with pytest.raises(ValueError, match="read-only"):
        cloud.points[0] = 1


def test_torch_tensors_are_taken_and_given():
    points = torch.arange(6.0).reshape(2, 3)
    cloud = PointCloud(points)  # pyright: ignore[reportArgumentType]
    assert torch.equal(cloud.tensor(), points)
    cloud.tensor().zero_()
    assert torch.equal(cloud.tensor(), points)


def test_repr_names_the_channels(cloud):
    assert repr(cloud) == "PointCloud(50 points, normal float32 [50, 3], color uint8 [50, 3], part int32 [50])"
    assert len(cloud) == 50


def test_a_cloud_survives_pickling(cloud):
    assert_same(pickle.loads(pickle.dumps(cloud)), cloud)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (np.zeros((2, 4, 3)), InputError, r"\[N, 3\], got \[2, 4, 3\]"),
        (np.zeros(3), InputError, r"got \[3\]"),
        ([["a", "b", "c"]], InputTypeError, "points must be numbers"),
        ([[0, 0, 0], [0, 0]], InputTypeError, "array of numbers"),
        ([[0, 0, np.nan], [np.inf, 0, 0], [0, 0, 0]], InputError, r"2 of 3 points are not finite.*PointCloud\.finite"),
        ([[1e300, 0, 0]], InputError, "1 of 1 points are not finite"),
        (torch.zeros(2, 3, requires_grad=True), InputTypeError, "array of numbers on the CPU"),
    ],
)
def test_bad_points(points, error, message):
    with pytest.raises(error, match=message):
        PointCloud(points)


@pytest.mark.parametrize(
    ("name", "values", "error", "message"),
    [
        ("part", np.zeros(3), InputError, r"channel part must have shape \[2\] or \[2, C\], got \[3\]"),
        ("part", np.zeros((2, 1, 1)), InputError, r"got \[2, 1, 1\]"),
        ("part", np.array(1), InputError, r"got \[\]"),
        ("part", ["leg", "seat"], InputTypeError, "channel part must be numbers"),
        ("normal", np.zeros(2), InputError, r"normal must have shape \[2, 3\], got \[2\]"),
        ("color", np.zeros((2, 3)), InputTypeError, "color must be uint8, 0 to 255, got float64"),
        ("x", np.zeros(2), InputError, "'x' cannot name a channel"),
        ("seat height", np.zeros(2), InputError, "cannot name a channel"),
    ],
)
def test_bad_channels(name, values, error, message):
    with pytest.raises(error, match=message):
        PointCloud(np.zeros((2, 3)), {name: values})


def test_finite_drops_points_with_their_channels():
    cloud = PointCloud.finite([[np.nan, 0, 0], [1, 2, 3], [0, 0, -np.inf]], {"part": [7, 8, 9]})
    assert cloud.points.tolist() == [[1, 2, 3]]
    assert cloud.channels["part"].tolist() == [8]
    with pytest.raises(InputError, match=r"points must have shape \[N, 3\], got \[3\]"):
        PointCloud.finite(np.zeros(3))
    with pytest.raises(InputError, match=r"channel part must have shape \[2\]"):
        PointCloud.finite(np.zeros((2, 3)), {"part": [1, 2, 3]})


def test_take_by_position_and_by_mask(cloud):
    assert cloud.take([3, 1]).channels["part"].tolist() == cloud.channels["part"][[3, 1]].tolist()
    assert len(cloud.take(cloud.channels["part"] == 2)) == np.sum(cloud.channels["part"] == 2)
    with pytest.raises(InputError, match="does not fit a cloud of 50 points"):
        cloud.take([50])
    with pytest.raises(InputError, match="does not fit a cloud of 50 points"):
        cloud.take(np.ones(49, bool))


def test_subsample_draws_without_replacement(cloud):
    assert np.unique(cloud.subsample(50).points, axis=0).shape == (50, 3)
    assert_same(cloud.subsample(20, seed=3), cloud.subsample(20, seed=3))
    assert_same(cloud.subsample(20, seed=3).take(range(10)), cloud.subsample(10, seed=3))
    assert not np.array_equal(cloud.subsample(20, seed=3).points, cloud.subsample(20, seed=4).points)
    for num_points in (0, 51):
        with pytest.raises(InputError, match=f"cannot draw {num_points} points without replacement from 50"):
            cloud.subsample(num_points)


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "channels"),
    [(".npz", ["normal", "color", "part"]), (".ply", ["normal", "color", "part"]), (".xyz", ["normal"]), (".txt", [])],
)
def test_what_is_saved_comes_back(tmp_path, cloud, suffix, channels):
    kept = PointCloud(cloud.points, {name: cloud.channels[name] for name in channels})
    kept.save(tmp_path / f"cloud{suffix}")
    assert_same(PointCloud.load(tmp_path / f"cloud{suffix}"), kept)


@given(
    points=arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-(2**100), 2**100, width=32))
)
@settings(deadline=None)
@pytest.mark.parametrize("suffix", [".npz", ".ply", ".npy", ".xyz"])
def test_every_float32_survives_a_file(tmp_path_factory, suffix, points):
    path = tmp_path_factory.mktemp("cloud") / f"cloud{suffix}"
    PointCloud(points).save(path)
    np.testing.assert_array_equal(PointCloud.load(path).points, points)


def test_npz_keeps_channels_with_columns(tmp_path):
    cloud = PointCloud(np.zeros((2, 3)), {"feature": np.arange(8.0).reshape(2, 4), "inside": np.array([True, False])})
    cloud.save(tmp_path / "cloud.npz")
    assert_same(PointCloud.load(tmp_path / "cloud.npz"), cloud)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("part", ".npy"), ("part", ".xyz"), ("feature", ".ply"), ("normal", ".npy")],
)
def test_a_channel_that_a_format_cannot_hold_is_an_error_and_no_file(tmp_path, name, suffix):
    values = np.zeros(2) if name == "part" else np.zeros((2, 3))
    with pytest.raises(InputError, match=rf"{name}.*save as \.npz"):
        PointCloud(np.zeros((2, 3)), {name: values}).save(tmp_path / f"cloud{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes_are_answered_with_the_known(tmp_path, cloud):
    with pytest.raises(FileError, match=r"saved as \.ply, \.npz, \.npy, \.xyz, \.txt"):
        cloud.save(tmp_path / "cloud.obj")
    (tmp_path / "cloud.las").write_bytes(b"LASF")
    with pytest.raises(FileError, match=r"known: \.ply, .*\.glb.*convert it"):
        PointCloud.load(tmp_path / "cloud.las")


def test_a_sample_of_a_file_is_chosen_by_the_seed(tmp_path, cloud):
    cloud.save(tmp_path / "cloud.npz")
    assert_same(PointCloud.load(tmp_path / "cloud.npz", num_points=10, seed=5), cloud.subsample(10, seed=5))
    with pytest.raises(InputError, match="cannot draw 51"):
        PointCloud.load(tmp_path / "cloud.npz", num_points=51)
    with pytest.raises(InputError, match="num_points must be at least 1, got 0"):
        PointCloud.load(tmp_path / "cloud.npz", num_points=0)


def test_text_takes_commas_comments_and_blank_lines(tmp_path):
    (tmp_path / "cloud.txt").write_text("# x y z\n1,2,3\n\n4, 5, 6  # last\n")
    assert PointCloud.load(tmp_path / "cloud.txt").points.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_npz_of_others_keeps_per_point_arrays_and_leaves_the_rest(tmp_path):
    np.savez(tmp_path / "cloud.npz", points=np.zeros((4, 3), np.float16), scale=np.float64(2), label=np.arange(4))
    assert repr(PointCloud.load(tmp_path / "cloud.npz")) == "PointCloud(4 points, label int64 [4])"


def test_float_colours_of_a_ply_become_bytes(tmp_path):
    header = "ply\nformat ascii 1.0\nelement vertex 1\n"
    header += "".join(f"property float {name}\n" for name in ["x", "y", "z", "red", "green", "blue", "quality"])
    (tmp_path / "cloud.ply").write_text(f"{header}end_header\n1 2 3 0 0.5 1 0.25\n")
    cloud = PointCloud.load(tmp_path / "cloud.ply")
    assert cloud.channels["color"].tolist() == [[0, 128, 255]]
    assert cloud.channels["quality"].tolist() == [0.25]


def test_a_mesh_is_sampled_with_normals(tmp_path):
    path = tmp_path / "square.obj"
    path.write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n")
    cloud = PointCloud.load(path)
    assert len(cloud) == 8192
    assert cloud.channels["normal"][0].tolist() == [0, 0, 1]
    assert len(PointCloud.load(path, num_points=10)) == 10
    assert_same(PointCloud.load(path, 10, seed=1), PointCloud.load(path, 10, seed=1))


def test_a_ply_with_faces_is_a_mesh(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    trimesh.creation.box().export(tmp_path / "box.ply")
    assert repr(PointCloud.load(tmp_path / "box.ply", 100)) == "PointCloud(100 points, normal float32 [100, 3])"


def pickled_array(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cloud.npy", b"", "is empty"),
        ("cloud.npy", b"junk", r"cloud\.npy cannot be used"),
        ("cloud.npy", pickled_array, "cannot be used.*pickle"),
        ("cloud.npy", lambda path: np.save(path, np.zeros((2, 5, 3))), r"got \[2, 5, 3\]"),
        (
            "cloud.npy",
            lambda path: np.save(path, [[np.nan, 0, 0], [1, 1, 1]]),
            "1 of 2 points are not finite; drop them",
        ),
        ("cloud.npy", lambda path: np.save(path, np.empty((0, 3))), "no points in it"),
        ("cloud.npz", b"PK\x03\x04junk", "cannot be used"),
        ("cloud.npz", lambda path: np.savez(path, pc=np.zeros((2, 3))), "no array named points, only pc"),
        ("cloud.xyz", b"1 2 3\n4 5\n", "cannot be used"),
        ("cloud.xyz", b"1 2 3 4\n", "it has 4 columns; expected x y z"),
        ("cloud.xyz", b"1 2 3 200 100 50\n", "not unit normals"),
        ("cloud.xyz", b"# nothing\n", "no points in it"),
        ("cloud.xyz", b"\xff\xfe\x00", "cannot be used"),
        ("cloud.ply", b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nend_header\n1\n", "ends after 1"),
        ("cloud.ply", b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "no x, y and z"),
        ("line.obj", b"v 0 0 0\nv 1 0 0\nl 1 2\n", "a mesh needs a surface"),
        ("nan.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "area nan"),
    ],
)
def test_files_that_cannot_be_used_are_explained(tmp_path, name, content, message):
    path = tmp_path / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    with pytest.raises(FileError, match=message):
        PointCloud.load(path)


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path, cloud):
    cloud.save(tmp_path / "chair.npz")
    with pytest.raises(FileError, match=r"did you mean .*chair\.npz"):
        PointCloud.load(tmp_path / "chiar.npz")
