"""Random vectors that never were points, with attributes that are known functions of them: plugins must not care."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgen.spec import AttributeSpec

SPECS = [
    AttributeSpec("a", "continuous", -10, 10),
    AttributeSpec("b", "continuous", -10, 10),
    AttributeSpec("c", "binary", 0, 1),
    AttributeSpec("d", "count", 0, 3),
]
MIXING = torch.randn(8, 8, generator=torch.Generator().manual_seed(1)) / 3


def values_of(latents: Tensor) -> Tensor:
    """The attributes that codes have."""
    factors = latents @ torch.linalg.inv(MIXING)
    a = factors[:, 0] + 0.5 * factors[:, 1] + 1
    b = 2 + factors[:, 1] + 0.2 * factors[:, 2] ** 2
    c = (factors[:, 3] > 0.3).float()
    d = (factors[:, 4] + 1.5).round().clamp(0, 3)
    return torch.stack([a, b, c, d], dim=1)


def problem(count: int = 2000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes ``[count, 8]`` with values ``[count, 4]``."""
    factors = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    # Yes and no are apart from each other, as shapes with and without a part are.
    factors[:, 3] += 0.7 * (factors[:, 3] - 0.3).sign()
    latents = factors @ MIXING
    return latents, values_of(latents)


def request(count: int, **values: float) -> tuple[Tensor, Tensor]:
    """The same request ``count`` times, as values and mask."""
    names = [spec.name for spec in SPECS]
    row, mask = torch.full((len(SPECS),), torch.nan), torch.zeros(len(SPECS), dtype=torch.bool)
    for name, value in values.items():
        row[names.index(name)], mask[names.index(name)] = value, True
    return row.expand(count, -1), mask.expand(count, -1)
