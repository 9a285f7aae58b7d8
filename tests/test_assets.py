from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgen import assets
from pcgen.data.layouts import realshapes as layout
from pcgen.errors import InputError

FOLDER = Path(assets.__file__).parent


def test_six_chairs_and_four_tables():
    categories = [name.partition("_")[0] for name in assets.names()]
    assert (categories.count("chair"), categories.count("table")) == (6, 4)


@pytest.mark.parametrize("name", assets.names())
def test_each_shape_is_4096_points_centred_in_the_unit_ball(name):
    cloud = assets.load(name)
    assert len(cloud) == 4096
    assert np.linalg.norm(cloud.points, axis=1).max() == pytest.approx(1, abs=0.02)  # the farthest vertex is at 1
    assert np.abs(cloud.points.min(0) + cloud.points.max(0)).max() < 0.02


@pytest.mark.parametrize("name", [name for name in assets.names() if name.startswith("chair")])
def test_chairs_have_their_back_at_positive_z(name):
    points = assets.load(name).points
    top = points[:, 1] >= np.quantile(points[:, 1], 0.8)
    assert points[top, 2].mean() > points[~top, 2].mean() + 0.1


@pytest.mark.parametrize("name", [name for name in assets.names() if name.startswith("table")])
def test_tables_have_their_top_up(name):
    assert np.median(assets.load(name).points[:, 1]) > 0


@pytest.mark.parametrize("document", ["LICENCES.md", "README.md"])
def test_every_shape_is_credited(document):
    text = (FOLDER / document).read_text(encoding="utf-8")
    assert [name for name in assets.names() if f"| `{name}.ply` |" not in text] == []


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown shape 'chair_tubluar'; did you mean 'chair_tubular'"):
        assets.load("chair_tubluar")


def test_shapes_are_what_the_readme_says(realshapes):
    records = {record.id: record for record in layout.list_shapes(realshapes)}
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in lines if line.startswith("| `")]
    entries = {file: (entry, split) for _, file, entry, split, *_ in rows}
    assert len(entries) == len(assets.names())
    for file, (entry, split) in entries.items():
        assert records[entry].split == split
        original = layout.load(realshapes, records[entry]).points[:4096]
        np.testing.assert_array_equal(assets.load(file.removesuffix(".ply")).points, original)
