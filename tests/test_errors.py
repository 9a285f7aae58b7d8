from __future__ import annotations

import pytest

from pcgen import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.InputError, ValueError),
        (errors.InputTypeError, TypeError),
        (errors.FileError, OSError),
        (errors.UnavailableError, RuntimeError),
    ],
)
def test_every_error_is_ours_and_a_builtin(error, builtin):
    assert issubclass(error, errors.PcgenError)
    assert issubclass(error, builtin)
    assert str(error("what to do")) == "what to do"


def test_nearest_name_finds_the_typo_and_gives_up_on_nonsense():
    assert errors.nearest_name("seat_hight", ["width", "seat_height"]) == "seat_height"
    assert errors.nearest_name("zzz", ["width", "seat_height"]) is None
    assert errors.nearest_name("width", []) is None


def test_unknown_name_lists_what_is_known_in_order():
    message = str(errors.unknown_name("shape", "chiar", iter(["table", "chair"])))
    assert message == "unknown shape 'chiar'; did you mean 'chair'? Known: chair, table"
    assert str(errors.unknown_name("shape", "x", [])) == "unknown shape 'x'. Known: none"
