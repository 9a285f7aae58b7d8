from __future__ import annotations

import pytest
import torch

from pcgen.attributes.profile import Profile

VALUES = torch.rand(3, 5000, generator=torch.Generator().manual_seed(0))
USED = torch.rand(3, 5000, generator=torch.Generator().manual_seed(1)) < 0.5
LOW, HIGH = torch.tensor([0.1, 0.3, 0.0]), torch.tensor([0.4, 0.9, 1.0])


def inside(row: int) -> torch.Tensor:
    values = VALUES[row][USED[row]]
    return values[(values > LOW[row]) & (values < HIGH[row])]


def test_counts_quantiles_and_means_are_those_of_the_values():
    profile = Profile.of(VALUES, USED)
    count, mean = profile.held(LOW, HIGH), profile.mean(LOW, HIGH)
    for row in range(3):
        assert count[row].item() == pytest.approx(len(inside(row)), abs=5)
        assert mean[row].item() == pytest.approx(inside(row).mean().item(), abs=1e-3)
    for q in (0.0, 0.25, 0.5, 1.0):
        found = profile.quantile(LOW, HIGH, q)
        assert found.tolist() == pytest.approx([inside(row).quantile(q).item() for row in range(3)], abs=2e-3)


def test_many_limits_at_once():
    profile = Profile.of(VALUES, USED)
    limits = torch.stack([LOW, HIGH], dim=1)
    assert profile.held(torch.zeros(3, 2), limits).shape == (3, 2)


def test_between_limits_without_values():
    profile = Profile.of(torch.full((1, 10), 0.9), torch.ones(1, 10, dtype=torch.bool))
    assert profile.quantile(torch.tensor([0.2]), torch.tensor([0.4]), 0.5).item() == pytest.approx(0.3)
    assert profile.mean(torch.tensor([0.2]), torch.tensor([0.4])).isnan()
