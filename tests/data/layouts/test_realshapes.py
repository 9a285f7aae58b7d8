from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgen.data.layouts.realshapes import ShapeRecord, list_shapes, load
from pcgen.errors import FileError, InputError

MANIFEST = """\
id,category,source,licence,n_faces,watertight,split,permissive,author,name
a,chair,Atelier,CC0-1.0,12,True,train,True,Ann,Stool
b,table,Atelier,LAL-1.3,34,False,test,False,Bob,"Table, round"
c,chair,Atelier,CC0-1.0,56,False,test,True,Ann,Chair
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    (tmp_path / "chair").mkdir()
    np.save(tmp_path / "chair" / "a.npy", np.array([[1, 2, 3], [0, 0, 0]], np.float32))
    return tmp_path


def test_a_record_is_a_row_of_the_manifest(root):
    assert list_shapes(root, "table") == [
        ShapeRecord("b", "table", "Atelier", "LAL-1.3", 34, False, "test", False, "Bob", "Table, round")
    ]


def test_filters_hold_together(root):
    assert [record.id for record in list_shapes(root)] == ["a", "b", "c"]
    assert [record.id for record in list_shapes(root, split="test")] == ["b", "c"]
    assert [record.id for record in list_shapes(root, permissive=False)] == ["b"]
    assert [record.id for record in list_shapes(root, "chair", "test", True)] == ["c"]
    assert list_shapes(root, "chair", permissive=False) == []


def test_load_turns_half_a_turn_about_y(root):
    assert load(root, list_shapes(root)[0]).points.tolist() == [[-1, 2, -3], [0, 0, 0]]


def test_a_missing_shape_is_a_file_error(root):
    with pytest.raises(FileError, match=r"c\.npy does not exist"):
        load(root, list_shapes(root)[2])


def test_unknown_category_and_split_are_answered_with_the_known_ones(root):
    with pytest.raises(InputError, match="unknown category 'chairs'; did you mean 'chair'"):
        list_shapes(root, "chairs")
    with pytest.raises(InputError, match=r"unknown split 'val'\. Known: test, train"):
        list_shapes(root, split="val")


def test_a_root_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"manifest\.csv does not exist"):
        list_shapes(tmp_path)
    (tmp_path / "manifest.csv").write_text("id,category\na,chair\n")
    with pytest.raises(FileError, match=r"is not a manifest of real shapes.*'source'"):
        list_shapes(tmp_path)


def test_every_real_shape_of_a_category_can_be_read(realshapes):
    for record in list_shapes(realshapes, "lamp", split="test"):
        assert len(load(realshapes, record)) == 8192


def test_chairs_have_their_back_at_positive_z(realshapes):
    behind = []
    for record in list_shapes(realshapes, "chair"):
        points = load(realshapes, record).points
        top = points[:, 1] >= np.quantile(points[:, 1], 0.8)
        behind.append(points[top, 2].mean() > points[~top, 2].mean() + 0.05)
    assert np.mean(behind) > 0.8  # the rest are stools without a back
