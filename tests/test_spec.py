from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import InputError
from pcgen.spec import AttributeSpec, values_to_tensor

SEAT = AttributeSpec("seat_height", "continuous", 0.2, 0.8, "of height", "top of the seat")
ARMS = AttributeSpec("armrests", "binary", 0, 1)
LEGS = AttributeSpec("legs", "count", 1, 6)


@pytest.mark.parametrize(
    ("spec", "written", "number"),
    [
        (SEAT, "0.45", 0.45),
        (SEAT, 0.2, 0.2),
        (SEAT, " 0.8 ", 0.8),
        (ARMS, "Yes", 1.0),
        (ARMS, "without", 0.0),
        (ARMS, True, 1.0),
        (ARMS, False, 0.0),
        (LEGS, "4", 4.0),
        (LEGS, 4.0, 4.0),
    ],
)
def test_parse_reads_what_people_write(spec, written, number):
    assert spec.parse(written) == number


@pytest.mark.parametrize(
    ("spec", "written", "message"),
    [
        (SEAT, "high", "seat_height must be a number, got 'high'"),
        (SEAT, 0.9, r"seat_height must be between 0.2 and 0.8 \(of height\), got 0.9"),
        (SEAT, "nan", "between 0.2 and 0.8"),
        (ARMS, "maybe", "armrests must be yes or no, got 'maybe'"),
        (ARMS, 0.5, "armrests must be yes or no, got 0.5"),
        (LEGS, 3.5, "legs must be a whole number, got 3.5"),
        (LEGS, 7, "legs must be between 1 and 6, got 7"),
        pytest.param(LEGS, "inf", "legs", id="infinite count"),
        pytest.param(LEGS, "nan", "legs", id="NaN count"),
    ],
)
def test_parse_refuses_with_the_name_and_the_range(spec, written, message):
    with pytest.raises(InputError, match=message):
        spec.parse(written)


def test_format_speaks_to_people():
    assert SEAT.format(0.4567) == "0.457"
    assert (ARMS.format(0.51), ARMS.format(0.49)) == ("yes", "no")
    assert LEGS.format(4.2) == "4"
    assert SEAT.format(math.nan) == "not measurable"


@given(st.floats(0.2, 0.8))
@settings(deadline=None)
def test_parse_undoes_writing_the_number_out(value):
    assert SEAT.parse(str(value)) == value


def test_to_dict_survives_json():
    assert AttributeSpec(**json.loads(json.dumps(SEAT.to_dict()))) == SEAT


def test_values_travel_as_a_tensor_and_a_mask():
    values, mask = values_to_tensor([SEAT, ARMS, LEGS], {"legs": 4, "seat_height": "0.5"}, batch=2)
    assert values.dtype == torch.float32
    assert mask.tolist() == [[True, False, True]] * 2
    assert values[mask].tolist() == [0.5, 4.0, 0.5, 4.0]
    assert values[~mask].isnan().all()
    values[0] = 0.0
    assert values[1, 0] == 0.5, "rows must not share memory"


def test_values_of_an_unknown_attribute_are_refused():
    with pytest.raises(InputError, match="unknown attribute 'leg'; did you mean 'legs'"):
        values_to_tensor([SEAT, LEGS], {"leg": 4})
