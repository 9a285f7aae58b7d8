from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pcgen.attributes import measurer_from_function, read_labels
from pcgen.errors import FileError, InputError
from pcgen.spec import AttributeSpec

TALL = AttributeSpec("tall", "binary", 0, 1)
SIZE = AttributeSpec("size", "continuous", 0, 10)


def test_a_function_measures_each_cloud_by_itself():
    measurer = measurer_from_function([TALL, SIZE], lambda p: {"size": p.abs().max(), "tall": bool(p[:, 1].max() > 1)})
    clouds = torch.rand(3, 100, 3) * torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    values, measurable = measurer.measure(clouds)
    assert values[:, 1].tolist() == clouds.amax(dim=(1, 2)).tolist() and values[0, 0] == 0 and values[2, 0] == 1
    assert measurable.all() and [spec.name for spec in measurer.only(["size"]).specs] == ["size"]
    assert measurer.measure(clouds[1])[0].tolist() == values[1].tolist()


def test_what_the_function_leaves_out_is_not_measurable():
    values, measurable = measurer_from_function([TALL, SIZE], lambda p: {"tall": float("inf")}).measure(
        torch.rand(80, 3)
    )
    assert values.isnan().all() and not measurable.any()


def test_names_must_fit():
    with pytest.raises(InputError, match="different names"):
        measurer_from_function([SIZE, SIZE], lambda p: {})
    with pytest.raises(InputError, match="no spec describes"):
        measurer_from_function([SIZE], lambda p: {"sise": 1.0}).measure(torch.rand(80, 3))


def test_a_csv_of_labels(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_text("file,armrests,legs,height\na.ply,yes,4,0.5\nb.ply,no,,1.25\n\nc.ply,,3,0.75\n")
    labels = read_labels(path)
    assert labels.names == ("a.ply", "b.ply", "c.ply")
    assert [(s.name, s.kind, s.low, s.high) for s in labels.specs] == [
        ("armrests", "binary", 0, 1),
        ("legs", "count", 3, 4),
        ("height", "continuous", 0.5, 1.25),
    ]
    assert labels.values.nan_to_num(-1).tolist() == [[1, 4, 0.5], [0, -1, 1.25], [-1, 3, 0.75]]
    assert (labels.mask == ~labels.values.isnan()).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\na\n", "at least one column"),
        ("file,size\n", "row under the header"),
        ("file,size\na,big\n", "'big' in column size"),
        ("file,size\na,inf\n", "'inf' in column size"),
        ("file,size\na,1,2\n", "row 2 has 3 cells"),
        ("file,size\na,1\na,2\n", "name 'a' occurs twice"),
        ("file,size,size\na,1,2\n", "column 'size' occurs twice"),
        ("file,size\na,\n", "holds no value"),
    ],
)
def test_a_bad_csv_is_explained(tmp_path: Path, text: str, message: str):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        read_labels(path)
