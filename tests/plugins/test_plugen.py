"""PluGeN's density against formulas written in another way."""

import pytest
import torch
from plugins.latents import SPECS, problem, request
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from pcgen.plugins import PluGeN
from pcgen.plugins.network import Schedule
from pcgen.plugins.plugen import factor_log_prob
from pcgen.spec import AttributeSpec


@pytest.fixture(scope="module")
def plugin():
    # Trained a little, so that the map is not the identity it starts as.
    return PluGeN(SPECS, hidden=32, schedule=Schedule(steps=120, batch_size=64, learning_rate=5e-3)).fit(*problem())


def test_volume_is_preserved(plugin):
    white = plugin.net.whitening(problem()[0][:5])
    moved, log_det = plugin.net.flow(white)
    assert (log_det == 0).all() and (moved - white).abs().mean() > 0.05
    for row in white:
        jacobian = torch.autograd.functional.jacobian(lambda x: plugin.net.flow(x[None])[0][0], row)
        assert torch.linalg.det(jacobian).item() == pytest.approx(1, abs=1e-4)


def test_log_prob_equals_an_independent_formula(plugin):
    """The paper's factorised density, by torch.distributions, and the Jacobian, by autograd."""
    latents, values = problem(6, seed=5)
    sigma, train = plugin.sigma[1], problem()[1]
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 0]]).bool()
    expected = []
    for z, y, known in zip(latents, values, mask, strict=True):
        coordinates = plugin.net.flow(z[None])[0][0]
        jacobian = torch.autograd.functional.jacobian(lambda x: plugin.net.flow(x[None])[0][0], z)
        total = torch.linalg.slogdet(jacobian)[1]
        total = total + Independent(Normal(torch.zeros(4), torch.ones(4)), 1).log_prob(coordinates[4:])
        for k in range(4):
            column = train[:, k]
            low, high = column.min(), column.max()

            def scaled(v, low=low, high=high):
                return -1 + 2 * (v - low) / (high - low)

            if k < 2:
                label = Normal(scaled(y[k]), sigma)
                spread = (scaled(column).std() ** 2 + sigma**2) ** 0.5
                missing = Normal(scaled(column).mean(), spread)
            else:
                levels, counts = column.unique(return_counts=True)
                width = sigma * (len(levels) * counts / counts.sum()) ** 0.5
                at = int((levels == y[k]).nonzero())
                label = Normal(scaled(levels[at]), width[at])
                missing = MixtureSameFamily(Categorical(torch.ones(len(levels))), Normal(scaled(levels), width))
            total = total + (label if known[k] else missing).log_prob(coordinates[k])
        expected.append(total)
    torch.testing.assert_close(plugin.log_prob(latents, values, mask), torch.stack(expected), atol=2e-3, rtol=1e-4)


def test_a_missing_label_is_the_mean_over_its_levels():
    """With equal prior weights, marginalising the label is averaging the labelled densities."""
    c = torch.linspace(-2, 2, 9)
    levels, shares = torch.tensor([-1.0, 1.0]), torch.tensor([0.7, 0.3])
    known = torch.ones(9, dtype=torch.bool)
    labelled = [factor_log_prob(c, torch.full((9,), y), known, 0.4, levels, shares).exp() for y in (-1.0, 1.0)]
    missing = factor_log_prob(c, torch.full((9,), torch.nan), ~known, 0.4, levels, shares).exp()
    torch.testing.assert_close(missing, sum(labelled) / 2)


def test_a_missing_continuous_label_integrates_the_gaussian_of_labels():
    c, known = torch.linspace(-1, 1, 5), torch.ones(5, dtype=torch.bool)
    moments = torch.tensor([0.1, 0.3])
    y = torch.linspace(-3, 3, 4001)
    weights = Normal(0.1, 0.3).log_prob(y).exp() * (y[1] - y[0])
    empty = torch.empty(0)
    given = torch.stack([factor_log_prob(c, v.expand(5), known, 0.2, empty, moments).exp() for v in y])
    missing = factor_log_prob(c, c, ~known, 0.2, empty, moments).exp()
    torch.testing.assert_close(missing, (weights[:, None] * given).sum(0), atol=1e-4, rtol=1e-4)


def test_an_edit_overwrites_one_coordinate(plugin):
    latents, _ = problem(20, seed=3)
    before = plugin.net.flow(latents)[0]
    after = plugin.net.flow(plugin.edit(latents, *request(20, a=2.0)))[0]
    low, high = plugin.net.low[0], plugin.net.high[0]
    torch.testing.assert_close(after[:, 0], (2 * (2.0 - low) / (high - low) - 1).expand(20), atol=1e-4, rtol=0)
    torch.testing.assert_close(after[:, 1:], before[:, 1:], atol=1e-4, rtol=0)


def test_a_constant_attribute_does_no_harm():
    latents, values = problem(200)
    constant = torch.cat([values[:, :1], torch.full((200, 1), 3.0)], dim=1)
    specs = [SPECS[0], AttributeSpec("same", "continuous", 0, 9)]
    plugin = PluGeN(specs, hidden=8, schedule=Schedule(steps=20)).fit(latents, constant)
    assert plugin.log_prob(latents).isfinite().all()
