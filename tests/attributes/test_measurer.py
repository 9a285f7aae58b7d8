from __future__ import annotations

import pytest
import torch

from pcgen.attributes import get
from pcgen.data.procedural import sample_chairs
from pcgen.errors import InputError


def test_the_measurer_is_found_by_category():
    assert get("chair").category == "chair"
    with pytest.raises(InputError, match="did you mean 'chair'"):
        get("chiar")


def test_some_columns_are_those_of_all_columns():
    points = torch.from_numpy(sample_chairs(3, 1024, seed=0).points)
    every, some = get("chair"), get("chair").only(["armrests", "seat_height"])
    assert [spec.name for spec in some.specs] == ["armrests", "seat_height"]
    for cloud in (points, points[0]):
        for whole, part in zip(every.measure(cloud), some.measure(cloud), strict=True):
            columns = every.columns(["armrests", "seat_height"])
            torch.testing.assert_close(part, whole[..., columns], equal_nan=True)


def test_unknown_columns_are_explained():
    with pytest.raises(InputError, match="did you mean 'seat_height'"):
        get("chair").only(["seat_hight"])
