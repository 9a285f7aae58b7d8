import math

import pytest
import torch

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError
from pcgen.models import FlowMatchingPrior, GaussianMixturePrior, load_prior
from pcgen.models.prior import Whitening


def codes(count, dim=3, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def two_classes():
    """Two humps on the first axis, of classes 0 and 1, and the flow fitted on them."""
    labels = torch.arange(2000) % 2
    data = codes(2000) * torch.tensor([0.3, 1.0, 0.5]) + (labels * 8 - 4.0)[:, None] * torch.tensor([1.0, 0, 0])
    return data, labels, FlowMatchingPrior.fit(data, labels, ("left", "right"), steps=600, width=64, blocks=2)


def test_whitening_keeps_what_varies():
    data = codes(500, 6) * torch.tensor([3.0, 1, 1, 1e-3, 1e-3, 1e-3]) + 5
    whitening = Whitening.fit(data)
    white = whitening.apply(data)
    assert white.shape == (500, 3)
    torch.testing.assert_close(white.T @ white / 500, torch.eye(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(whitening.invert(white), data, atol=0.01, rtol=0)


def test_prior_recovers_a_mixture():
    generator = torch.Generator().manual_seed(0)
    centers = torch.tensor([[-4.0, 0, 0], [4.0, 0, 0]])
    data = centers[torch.arange(2000) % 2] + torch.randn(2000, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5])
    prior = GaussianMixturePrior.fit(data, components=2)
    drawn = prior.sample(2000, seed=1)
    torch.testing.assert_close(drawn.mean(0), data.mean(0), atol=0.3, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(data.T), atol=1.5, rtol=0.1)
    assert ((drawn[:, 0].abs() - 4).abs() < 3.5).float().mean() > 0.99  # two humps, nothing between


def test_prior_density_equals_an_independent_formula():
    data = torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    prior = GaussianMixturePrior.fit(data, components=3, steps=5)
    white = prior.whitening.apply(data[:9])
    covariance = prior.factors @ prior.factors.mT
    parts = torch.distributions.MultivariateNormal(prior.centers, covariance)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(prior.weights), parts)
    torch.testing.assert_close(prior.log_prob(data[:9]), mixture.log_prob(white), atol=1e-4, rtol=1e-4)


def test_prior_sample_i_depends_on_seed_and_i_alone(tmp_path):
    prior = GaussianMixturePrior.fit(codes(200), components=4)
    assert torch.equal(prior.sample(5, seed=3)[:2], prior.sample(2, seed=3))
    assert not torch.equal(prior.sample(2, seed=3), prior.sample(2, seed=4))
    prior.save(tmp_path / "p.safetensors", {})
    loaded = load_prior(tmp_path / "p.safetensors")
    assert torch.equal(loaded.sample(3), prior.sample(3))


def test_prior_needs_enough_codes():
    with pytest.raises(InputError, match="at least as many"):
        GaussianMixturePrior.fit(torch.randn(3, 2), components=4)


def test_flow_draws_each_class_from_its_own_hump(two_classes):
    data, labels, prior = two_classes
    for label, name in enumerate(prior.classes):
        drawn, true = prior.sample(1000, seed=1, category=name), data[labels == label]
        torch.testing.assert_close(drawn.mean(0), true.mean(0), atol=0.15, rtol=0)
        torch.testing.assert_close(drawn.std(0), true.std(0), atol=0.1, rtol=0.1)


def test_flow_density_is_a_density_and_that_of_the_data():
    """The change of variables against plain counting on a grid, and against the formula of what was fitted."""
    data = codes(4000, 2)
    prior = FlowMatchingPrior.fit(data, steps=800, width=64, blocks=2)
    cells = (torch.arange(40) + 0.5) / 40 * 10 - 5
    mass = prior.log_prob(prior.whitening.invert(torch.cartesian_prod(cells, cells))).exp().sum() / 16
    assert abs(mass - 1) < 0.02
    expected = -(data[:500].square().sum(1) + 2 * math.log(2 * math.pi)) / 2
    assert (prior.log_prob(data[:500]) - expected).abs().mean() < 0.15


def test_flow_checkpoint_rebuilds_the_prior(two_classes, tmp_path):
    _, _, prior = two_classes
    prior.save(tmp_path / "p.safetensors", {"note": "kept"})
    loaded = load_prior(tmp_path / "p.safetensors")
    assert loaded.classes == ("left", "right")
    assert torch.equal(loaded.sample(3, category="right"), prior.sample(3, category="right"))
    torch.testing.assert_close(prior.sample(5, seed=3)[:2], prior.sample(2, seed=3))
    assert not torch.allclose(prior.sample(2, seed=3), prior.sample(2, seed=4))
    assert prior.sample(0).shape == (0, 3)


def test_flow_fit_is_reproducible_and_leaves_the_global_randomness_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    a, b = (FlowMatchingPrior.fit(codes(50), steps=5, width=8, blocks=1, seed=2) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(a.sample(2), b.sample(2))


def test_mistakes_are_explained(two_classes, tmp_path):
    with pytest.raises(InputError, match="a label below 1"):
        FlowMatchingPrior.fit(codes(5), torch.tensor([0, 0, 0, 0, 1]))
    with pytest.raises(InputError, match="did you mean 'left'"):
        two_classes[2].sample(1, category="lefty")
    save_checkpoint(tmp_path / "p.safetensors", "prior", {}, {"method": "flow_matchin"})
    with pytest.raises(InputError, match="did you mean 'flow_matching'"):
        load_prior(tmp_path / "p.safetensors")
