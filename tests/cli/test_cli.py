import json

import numpy as np
import pytest
import torch
from PIL import Image

import pcgen
from pcgen import PointCloud, assets
from pcgen.cli.main import main
from pcgen.normalize import NORMALIZATIONS, rotation_to_frame
from pcgen.ops import chamfer_distance


def test_edit_writes_a_cloud_a_picture_and_a_record(tmp_path, capsys):
    out = tmp_path / "edit"
    assert main(["edit", "chair_dining", "--set", "seat_height=0.5", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "requested" in printed and "front: -z" in printed and str(out / "edit.png") in printed
    edited = PointCloud.load(out / "edited.ply")
    assert len(edited) == len(assets.load("chair_dining")) and edited.channels["moved"].max() > 0.01
    record = json.loads((out / "edit.json").read_text())
    assert record["requested"] == {"seat_height": 0.5} and record["versions"]["pcgen"]
    assert abs(record["after"]["seat_height"] - 0.5) < 0.02
    picture = np.asarray(Image.open(out / "edit.png"))
    assert picture.shape[2] == 3 and picture.std() > 10


def test_edit_in_other_axes_gives_the_same_edit_in_those_axes(tmp_path):
    rotation = rotation_to_frame("z", "x").numpy()  # from z up, x front, to our frame
    cloud = assets.load("chair_dining")
    PointCloud(cloud.points @ rotation).save(tmp_path / "turned.ply")
    main(["edit", "chair_dining", "--set", "width=1.2", "--front=-z", "-o", str(tmp_path / "a")])
    main(["edit", str(tmp_path / "turned.ply"), "--set", "width=1.2", "--up", "z", "-o", str(tmp_path / "b")])
    a, b = (PointCloud.load(tmp_path / name / "edited.ply").points for name in "ab")
    assert json.loads((tmp_path / "b" / "edit.json").read_text())["front"] == "x"
    np.testing.assert_allclose(b @ rotation.T, a, atol=5e-3)


def test_edit_keeps_colours_and_drops_what_ply_cannot_hold(tmp_path):
    cloud = assets.load("chair_dining")
    color = np.full((len(cloud), 3), 7, np.uint8)
    channels = {"color": color, "normal": np.eye(3)[[0] * len(cloud)], "feature": np.zeros((len(cloud), 5))}
    PointCloud(cloud.points, channels).save(tmp_path / "in.npz")
    assert main(["edit", str(tmp_path / "in.npz"), "--set", "seat_height=0.5", "-o", str(tmp_path)]) == 0
    edited = PointCloud.load(tmp_path / "edited.ply")
    assert sorted(edited.channels) == ["color", "moved"] and (edited.channels["color"] == 7).all()


def test_generate_writes_what_it_draws(tmp_path, capsys):
    out = str(tmp_path / "g")
    assert main(["generate", "chair", "-n", "3", "--points", "300", "--set", "seat_height=0.5", "-o", out]) == 0
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == [
        "000.ply",
        "001.ply",
        "002.ply",
        "generate.json",
        "grid.png",
    ]
    assert len(PointCloud.load(tmp_path / "g" / "001.ply")) == 300
    assert "armrests" in capsys.readouterr().out


def test_reconstruct_measures_against_the_sampling_floor(tmp_path, capsys):
    rotation = rotation_to_frame("z", "x").numpy()
    cloud = assets.load("chair_dining")
    PointCloud(cloud.points @ rotation * 7 + 3).save(tmp_path / "turned.ply")
    out = tmp_path / "r"
    assert main(["reconstruct", str(tmp_path / "turned.ply"), "--up", "z", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "front: x" in printed and "sampling floor" in printed and "Earth Mover's" in printed
    (record,) = json.loads((out / "reconstruct.json").read_text())["shapes"]
    assert 1 < record["chamfer"] / record["chamfer_floor"] < 10 and 1 < record["emd"] / record["emd_floor"] < 4
    decoded = PointCloud.load(out / "turned.ply").tensor()
    error = chamfer_distance(decoded, torch.from_numpy(cloud.points @ rotation * 7 + 3).float())
    assert error < 50 * record["chamfer"] * 2  # in the file's own axes and scale, 7 half diagonals to one
    assert np.asarray(Image.open(out / "reconstruct.png")).std() > 10


def test_reconstruct_takes_many_files_of_one_name(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assets.load("chair_teak").save(tmp_path / folder / "c.ply")
    files = [str(tmp_path / folder / "c.ply") for folder in ("a", "b")]
    assert main(["reconstruct", *files, "--front=-z", "--refine", "0", "-o", str(tmp_path / "r")]) == 0
    assert {path.name for path in (tmp_path / "r").glob("*.ply")} == {"c.ply", "c-2.ply"}


def test_interpolate_begins_and_ends_at_the_reconstructions(tmp_path):
    ends = ["chair_dining", "chair_teak"]
    out = tmp_path / "i"
    assert main(["interpolate", *ends, "--steps", "3", "--points", "512", "--front=-z", "-o", str(out)]) == 0
    shapes = [PointCloud.load(out / f"00{i}.ply").tensor() for i in range(3)]
    generator = pcgen.load("chair")
    for name, shape in zip(ends, shapes[::2], strict=True):
        points = assets.load(name).tensor()
        normalization = NORMALIZATIONS["unit_diagonal"](points)
        torch.testing.assert_close(shape, normalization.apply(generator.reconstruct(points, num_points=512)))
    assert chamfer_distance(shapes[0], shapes[1]) < chamfer_distance(shapes[0], shapes[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edit", "nothing.ply", "--set", "seat_height=0.5"], "pcgen: nothing.ply does not exist"),
        (["edit", "chair_dinning", "--set", "seat_height=0.5"], "did you mean"),
        (["edit", "chair_dining", "--set", "seat_height"], "--set takes NAME=VALUE"),
        (["edit", "chair_dining", "--set", "seat_height=high"], "must be a number, got 'high'"),
        (["edit", "chair_dining", "--set", "seat_height=0.5", "--set", "seat_height=0.6"], "set twice"),
        (["edit", "chair_dining", "--set", "seat_height=0.5", "--up", "w"], "w"),
        (["edit", "chair_dining", "--set", "seat_height=0.5", "--model", "zebra"], "unknown generator 'zebra'"),
        (["generate", "chair", "-n", "0"], "at least 1"),
        (["reconstruct", "nothing.ply"], "pcgen: nothing.ply does not exist"),
        (["reconstruct", "chair_teak", "--refine", "-1"], "at least 0"),
        (["interpolate", "chair_teak", "chair_bar", "--steps", "1"], "at least 2"),
        (["train", "nothing.yaml", "-o", "x"], "nothing.yaml does not exist"),
    ],
)
def test_mistakes_are_sentences(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("pcgen: ") and message in printed and "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_attribute(capsys):
    with pytest.raises(SystemExit):
        main(["edit", "--help"])
    printed = capsys.readouterr().out
    assert all(spec.name in printed for spec in pcgen.load("chair").specs)


@pytest.mark.parametrize(
    "verb", ["edit", "generate", "reconstruct", "interpolate", "train", "doctor", "fit", "benchmark"]
)
def test_help_has_examples(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert f"examples:\n  pcgen {verb}" in capsys.readouterr().out
