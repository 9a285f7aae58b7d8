"""The plugin on random vectors that never were points: it must not care."""

import pytest
import torch

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError
from pcgen.plugins import RidgePlugin, load_plugin
from pcgen.spec import AttributeSpec

SPECS = [AttributeSpec(name, "continuous", -10, 10) for name in ("a", "b")] + [AttributeSpec("c", "binary", 0, 1)]
TRUE = torch.tensor([[1.0, 0.5, 0, 0, 0, 0], [0.5, -1, 0, 0, 0, 0], [0, 0, 0.2, 0, 0, 0]])


def problem(count=4000, noise=0.0):
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 6, generator=generator)
    factors = torch.randn(count, 6, generator=generator)
    values = factors @ TRUE.T + torch.tensor([1.0, 2.0, 0.5])
    return factors @ mixing, values + noise * torch.randn(values.shape, generator=generator)


def fitted():
    latents, values = problem()
    return RidgePlugin(SPECS).fit(latents, values), latents, values


def test_predicts_a_linear_attribute():
    plugin, latents, values = fitted()
    assert (plugin.predict(latents) - values).abs().max() < 0.05


def test_edit_reaches_the_request_and_holds_the_others():
    plugin, latents, _ = fitted()
    before = plugin.predict(latents[:20])
    request, mask = torch.full((20, 3), 3.0), torch.tensor([True, False, False]).expand(20, 3)
    after = plugin.predict(plugin.edit(latents[:20], request, mask))
    torch.testing.assert_close(after[:, 0], torch.full((20,), 3.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(after[:, 1:], before[:, 1:], atol=1e-3, rtol=0)


def test_edit_is_the_shortest_whitened_step():
    """Any other step with the same effect is at least as long."""
    plugin, latents, _ = fitted()
    mask = torch.tensor([[True, False, False]])
    step = (plugin.edit(latents[:1], torch.tensor([[3.0, 0, 0]]), mask) - latents[:1]) @ plugin.whiten
    null = torch.linalg.svd(plugin.readout)[2][len(SPECS) :]
    torch.testing.assert_close(step @ null.T, torch.zeros(1, len(null)), atol=1e-4, rtol=0)


def test_nothing_requested_changes_nothing():
    plugin, latents, _ = fitted()
    mask = torch.zeros(5, 3, dtype=torch.bool)
    assert torch.equal(plugin.edit(latents[:5], torch.full((5, 3), torch.nan), mask), latents[:5])


def test_strength_scales_the_step():
    plugin, latents, _ = fitted()
    request, mask = torch.full((1, 3), 3.0), torch.tensor([[True, False, False]])
    half = plugin.edit(latents[:1], request, mask, strength=0.5) - latents[:1]
    torch.testing.assert_close(half * 2, plugin.edit(latents[:1], request, mask) - latents[:1], atol=1e-5, rtol=1e-4)


def test_missing_labels_are_left_out():
    latents, values = problem(noise=0.1)
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[1000:, 0] = False
    spoiled = values.clone()
    spoiled[1000:, 0] = 1e6
    whole = RidgePlugin(SPECS).fit(latents, spoiled, mask)
    spoiled[1000:, 0] = torch.nan
    same = RidgePlugin(SPECS).fit(latents, spoiled)
    assert torch.equal(whole.readout, same.readout)
    assert (whole.predict(latents)[:, 0] - values[:, 0]).abs().mean() < 0.2


def test_sample_has_the_requested_value_and_is_seeded():
    plugin, _, _ = fitted()
    request, mask = torch.full((50, 3), 2.0), torch.tensor([True, False, False]).expand(50, 3)
    drawn = plugin.sample(50, request, mask, seed=4)
    torch.testing.assert_close(plugin.predict(drawn)[:, 0], torch.full((50,), 2.0), atol=1e-3, rtol=0)
    assert torch.equal(drawn, plugin.sample(50, request, mask, seed=4))
    assert drawn.std(0).min() > 0.1


def test_log_prob_equals_the_gaussian_of_whitened_codes():
    plugin, latents, _ = fitted()
    white = (latents[:7] - latents.mean(0)) @ plugin.whiten
    normal = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(plugin.log_prob(latents[:7]), normal.log_prob(white).sum(1), atol=1e-4, rtol=1e-4)


def test_save_and_load(tmp_path):
    plugin, latents, _ = fitted()
    plugin.save(tmp_path / "p.safetensors", {})
    loaded = load_plugin(tmp_path / "p.safetensors")
    assert loaded.specs == tuple(SPECS) and torch.equal(loaded.predict(latents), plugin.predict(latents))
    assert plugin.num_parameters < 500


def test_mistakes_are_explained(tmp_path):
    latents, values = problem(10)
    with pytest.raises(InputError, match="not fitted"):
        RidgePlugin(SPECS).predict(latents)
    with pytest.raises(InputError, match=r"values \(and mask\) \[S, 3\]"):
        RidgePlugin(SPECS).fit(latents, values[:, :2])
    with pytest.raises(InputError, match="a has 0 labelled codes"):
        RidgePlugin(SPECS).fit(latents, torch.full_like(values, torch.nan))
    with pytest.raises(InputError, match="finite"):
        RidgePlugin(SPECS).fit(latents * torch.nan, values)
    save_checkpoint(tmp_path / "p.safetensors", "plugin", {"w": torch.ones(1)}, {"method": "rigde", "specs": []})
    with pytest.raises(InputError, match="did you mean 'ridge'"):
        load_plugin(tmp_path / "p.safetensors")
