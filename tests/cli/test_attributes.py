from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pcgen import PointCloud, assets
from pcgen.attributes import get
from pcgen.cli.main import main
from pcgen.normalize import rotation_to_frame


def test_a_table_shows_each_file_and_each_attribute(capsys: pytest.CaptureFixture[str]):
    assert main(["attributes", "chair_dining", "chair_bar", "--category", "chair"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["chair_dining", "chair_bar"]
    named = {line.split()[0]: line.split()[1:3] for line in lines}
    assert list(named) == [spec.name for category in ("chair", "shape") for spec in get(category).specs]
    assert float(named["seat_height"][0]) == pytest.approx(0.5, abs=0.1) and named["armrests"][0] == "no"


def test_json_is_what_the_measurer_says(capsys: pytest.CaptureFixture[str]):
    assert main(["attributes", "table_round", "--category", "table", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["table_round"]
    values, _ = get("table").measure(assets.load("table_round").tensor())
    for spec, value in zip(get("table").specs, values.tolist(), strict=True):
        assert found[spec.name] == (value if value == value else None)
    assert found["round"] == 1


def test_axes_are_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    turned = assets.load("chair_dining").points @ rotation_to_frame("z", "x").numpy()
    PointCloud(turned).save(tmp_path / "turned.ply")
    found = []
    for arguments in (["chair_dining"], [str(tmp_path / "turned.ply"), "--up", "z", "--front", "x"]):
        main(["attributes", *arguments, "--category", "chair", "--json"])
        found.append(next(iter(json.loads(capsys.readouterr().out).values())))
    assert found[0]["seat_height"] == pytest.approx(found[1]["seat_height"], abs=0.01)
    assert found[0]["width"] == pytest.approx(found[1]["width"], abs=0.01)


def test_what_is_not_measurable_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    PointCloud(np.zeros((10, 3), np.float32)).save(tmp_path / "dot.ply")
    assert main(["attributes", str(tmp_path / "dot.ply")]) == 0
    assert capsys.readouterr().out.count("not measurable") == len(get("shape").specs)
    main(["attributes", str(tmp_path / "dot.ply"), "--json"])
    assert set(json.loads(capsys.readouterr().out).popitem()[1].values()) == {None}


def test_an_unknown_category_is_explained(capsys: pytest.CaptureFixture[str]):
    assert main(["attributes", "chair_dining", "--category", "chiar"]) == 2
    assert "did you mean 'chair'" in capsys.readouterr().err
