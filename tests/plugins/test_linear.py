"""What tells the linear plugins apart."""

import pytest
import torch
from plugins.latents import SPECS, problem, request

from pcgen.plugins import (
    ConditionalGaussianPlugin,
    MeanDifferencePlugin,
    RandomDirectionPlugin,
    RidgeNormalPlugin,
    RidgePlugin,
)


@pytest.fixture(scope="module")
def data():
    return problem(4000)


def step(plugin, latents, **values):
    moved = plugin.edit(latents, *request(len(latents), **values))
    return (moved - latents) @ plugin.whitening.into


def test_ridge_reads_linear_attributes(data):
    latents, values = data
    assert (RidgePlugin(SPECS).fit(*data).predict(latents) - values)[:, 0].abs().max() < 0.05


def test_ridge_reaches_the_reading_and_holds_the_others(data):
    plugin, latents = RidgePlugin(SPECS).fit(*data), data[0][:20]
    before, after = plugin.predict(latents), plugin.predict(plugin.edit(latents, *request(20, a=3.0)))
    torch.testing.assert_close(after[:, 0], torch.full((20,), 3.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(after[:, 1:], before[:, 1:], atol=1e-3, rtol=0)


def test_ridge_takes_the_shortest_whitened_step(data):
    """Any other step with the same effect is at least as long."""
    plugin = RidgePlugin(SPECS).fit(*data)
    null = torch.linalg.svd(plugin.readout)[2][len(SPECS) :]
    taken = step(plugin, data[0][:1], a=3.0)
    torch.testing.assert_close(taken @ null.T, torch.zeros(1, len(null)), atol=1e-4, rtol=0)


def test_strength_scales_the_step(data):
    plugin, latents = RidgePlugin(SPECS).fit(*data), data[0][:1]
    whole = plugin.edit(latents, *request(1, a=3.0)) - latents
    half = plugin.edit(latents, *request(1, a=3.0), strength=0.5) - latents
    torch.testing.assert_close(half * 2, whole, atol=1e-5, rtol=1e-4)


def test_the_normal_alone_is_shorter_and_leaks(data):
    """Without holding the others the same reading is nearer, and the others change along."""
    normal, held = RidgeNormalPlugin(SPECS).fit(*data), RidgePlugin(SPECS).fit(*data)
    latents = data[0][:50]
    after = normal.predict(normal.edit(latents, *request(50, a=3.0)))
    torch.testing.assert_close(after[:, 0], torch.full((50,), 3.0), atol=1e-3, rtol=0)
    short, long = step(normal, latents, a=3.0).norm(dim=1), step(held, latents, a=3.0).norm(dim=1)
    assert (short <= long + 1e-5).all() and (short < 0.999 * long).any()


def test_mean_difference_joins_the_means(data):
    latents, values = data
    plugin = MeanDifferencePlugin(SPECS).fit(*data)
    white, yes = plugin.whitening(latents), values[:, 2] == 1
    torch.testing.assert_close(plugin.directions[2], white[yes].mean(0) - white[~yes].mean(0), atol=1e-5, rtol=1e-4)


def test_conditional_gaussian_equals_the_conditional_of_the_joint_covariance(data):
    latents, values = data
    plugin = ConditionalGaussianPlugin(SPECS).fit(*data)
    joint = torch.cov(torch.cat([plugin.whitening(latents), values], dim=1).T)
    dims = plugin.whitening.dims
    expected = joint[:dims, dims:] @ torch.linalg.inv(joint[dims:, dims:])
    torch.testing.assert_close(plugin.directions.T, expected, atol=1e-3, rtol=1e-3)


def test_the_random_control_has_the_step_length_of_ridge(data):
    random, ridge = RandomDirectionPlugin(SPECS).fit(*data), RidgePlugin(SPECS).fit(*data)
    torch.testing.assert_close(random.directions.norm(dim=1), ridge.directions.norm(dim=1))
    cosine = (random.directions * ridge.directions).sum(1) / ridge.directions.norm(dim=1).square()
    assert cosine.abs().max() < 0.9


def test_log_prob_equals_the_gaussian_of_whitened_codes(data):
    latents = data[0]
    plugin = RidgePlugin(SPECS).fit(*data)
    white = (latents[:7] - latents.mean(0)) @ plugin.whitening.into
    normal = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(plugin.log_prob(latents[:7]), normal.log_prob(white).sum(1), atol=1e-4, rtol=1e-4)


def test_conditional_density_integrates_back_to_the_marginal(data):
    """The mean of ``p(w | a)`` over values drawn from the model's own ``p(a)`` is ``p(w)``."""
    plugin = RidgePlugin(SPECS[:1]).fit(data[0], data[1][:, :1])
    plugin.noise = torch.tensor([0.25])
    spread = (plugin.readout.square().sum() + 0.25).sqrt()
    a = torch.linspace(-9, 9, 3001) * spread + plugin.bias
    weights = torch.distributions.Normal(plugin.bias, spread).log_prob(a).exp() * (a[1] - a[0])
    latents = data[0][:1]
    given = plugin.log_prob(latents.expand(3001, -1), a[:, None], torch.ones(3001, 1, dtype=torch.bool)).exp()
    torch.testing.assert_close((weights * given).sum(), plugin.log_prob(latents).exp()[0], rtol=1e-3, atol=0)


def test_prediction_survives_missing_labels(data):
    latents, values = data
    spoiled = values.clone()
    spoiled[1000:, 0] = torch.nan
    assert (RidgePlugin(SPECS).fit(latents, spoiled).predict(latents)[:, 0] - values[:, 0]).abs().mean() < 0.2
