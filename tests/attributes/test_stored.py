"""Measured values stay what they were: plugins and their bounds are calibrated on them.

    python tests/attributes/test_stored.py

writes the values down again, after a change of what is measured and not only of how.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pcgen import assets, attributes
from pcgen.data.procedural import FAMILIES, sample_chairs

STORED = Path(__file__).with_suffix(".json")
SHAPES = 4


def clouds(category: str) -> list[Tensor]:
    """Shipped examples, and drawn shapes of each category."""
    real = [assets.load(name).tensor() for name in assets.names() if name.startswith(f"{category}_")]
    draw = sample_chairs if category == "chair" else FAMILIES[category].sample
    return [*real, *torch.from_numpy(draw(SHAPES, 2048, seed=5).points)]


def measured(category: str) -> list[list[float | None]]:
    rows = [attributes.get(category).measure(cloud)[0].tolist() for cloud in clouds(category)]
    return [[None if value != value else value for value in row] for row in rows]


def tensor(rows: list[list[float | None]]) -> Tensor:
    return torch.tensor([[math.nan if value is None else value for value in row] for row in rows])


@pytest.mark.parametrize("category", ["chair", *FAMILIES])
def test_values_are_the_stored_ones(category: str):
    stored = tensor(json.loads(STORED.read_text())[category])
    torch.testing.assert_close(tensor(measured(category)), stored, atol=1e-5, rtol=1e-5, equal_nan=True)


if __name__ == "__main__":
    values = {category: measured(category) for category in ("chair", *FAMILIES)}
    STORED.write_text(json.dumps(values, indent=1).replace("\n   ", "").replace("\n  ]", "]") + "\n")
