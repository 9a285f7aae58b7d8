from __future__ import annotations

import numpy as np
import pytest

from pcgen.data.procedural.law import AttributeLaw
from pcgen.errors import InputError

QUANTILES = {"a": lambda u: u, "b": lambda u: 2 * u, "c": lambda u: u > 0.5}


def draw(law: AttributeLaw, count: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([list(law.draw(rng, QUANTILES).values()) for _ in range(count)], dtype=float)


def test_a_matrix_says_which_pairs_are_correlated():
    matrix = np.array([[1.0, -0.8, 0.0], [-0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = np.corrcoef(draw(AttributeLaw(matrix)).T)
    assert found[0, 1] == pytest.approx(6 / np.pi * np.arcsin(-0.4), abs=0.03)
    assert abs(found[0, 2]) < 0.05


def test_marginals_stay_uniform():
    values = draw(AttributeLaw(0.9))
    for column, scale in ((0, 1), (1, 2)):
        assert np.quantile(values[:, column], [0.1, 0.5, 0.9]) == pytest.approx(
            [0.1 * scale, 0.5 * scale, 0.9 * scale], abs=0.05 * scale
        )
    assert values[:, 2].mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (AttributeLaw(np.eye(2)), "symmetric 3 x 3 matrix"),
        (AttributeLaw(np.array([[1.0, 0.5, 0], [0.4, 1, 0], [0, 0, 1]])), "symmetric"),
        (AttributeLaw(-0.9), "not positive definite"),
        (AttributeLaw(held_out=({"d": (0, 1)},)), "unknown attribute 'd'"),
        (AttributeLaw(held_out=({"a": (0, 1)},)), "found no shape"),
    ],
)
def test_impossible_laws_are_explained(law: AttributeLaw, message: str):
    with pytest.raises(InputError, match=message):
        law.draw(np.random.default_rng(0), QUANTILES)


def test_only_held_out_needs_something_held_out():
    with pytest.raises(InputError, match="at least one combination"):
        AttributeLaw(only_held_out=True)
