"""Calibration: the map, the loop, the bound and the doubts, on vectors whose attributes are exact functions."""

import math

import pytest
import torch
from plugins.latents import SPECS, problem, request, values_of

from pcgen.errors import InputError
from pcgen.plugins import Calibrated, RidgePlugin, closed_loop, load_plugin
from pcgen.plugins.calibrated import conformal_quantile, monotone


def measure(latents):
    values = values_of(latents)
    return values, torch.ones_like(values, dtype=torch.bool)


@pytest.fixture(scope="module")
def plugin():
    inner = RidgePlugin(SPECS).fit(*problem())
    inner.directions[0] *= 0.5  # says one thing and does half of it
    return Calibrated(inner).fit(*problem(seed=1), measure=measure)


def test_the_map_makes_requests_mean_what_they_say(plugin):
    latents, _ = problem(400, seed=5)
    for asked in (-0.5, 2.5):
        mapped = values_of(plugin.edit(latents, *request(400, a=asked)))[:, 0].median()
        plain = values_of(plugin.inner.edit(latents, *request(400, a=asked)))[:, 0].median()
        assert abs(mapped - asked) < 0.3 < abs(plain - asked)


def test_the_loop_reaches_every_request_and_holds_the_rest(plugin):
    latents, before = problem(100, seed=6)
    values, mask = request(100, b=3.0)
    after = values_of(closed_loop(plugin.inner, latents, before, values, mask, measure))
    assert (after[:, 1] - 3.0).abs().quantile(0.9) < 0.02
    assert (after[:, 0] - before[:, 0]).abs().quantile(0.9) < 0.02
    once = values_of(plugin.inner.edit(latents, values, mask))
    assert (once[:, 1] - 3.0).abs().mean() > 0.1


def test_the_loop_without_requests_or_rounds_returns_the_code(plugin):
    latents, before = problem(5, seed=6)
    assert torch.equal(closed_loop(plugin.inner, latents, before, *request(5, a=1.0), measure, rounds=0), latents)
    torch.testing.assert_close(closed_loop(plugin.inner, latents, before, *request(5), measure), latents)


def test_an_edit_that_would_spoil_what_is_held_is_cut_short(plugin):
    def cliff(latents):
        values = values_of(latents)
        values[:, 1] = values[:, 1].where(values[:, 0] < 1.5, 99.0)
        return values, torch.ones_like(values, dtype=torch.bool)

    latents, before = problem(100, seed=6)
    start = before[:, 0] < 1
    latents, before = latents[start], before[start]
    request_ = request(len(latents), a=3.0)
    assert (cliff(plugin.edit(latents, *request_))[0][:, 1] > 90).float().mean() > 0.9
    after = cliff(closed_loop(plugin.inner, latents, before, *request_, cliff))[0]
    assert (after[:, 1] < 90).all() and (after[:, 0] > before[:, 0] - 0.1).all()


def test_no_code_depends_on_the_others_of_its_batch(plugin):
    latents, before = problem(20, seed=6)
    values, mask = request(20, b=2.0)
    together = closed_loop(plugin.inner, latents, before, values, mask, measure)
    alone = [
        closed_loop(plugin.inner, *(x[i : i + 1] for x in (latents, before, values, mask)), measure) for i in (3, 9)
    ]
    torch.testing.assert_close(together[[3, 9]], torch.cat(alone), atol=1e-4, rtol=0)


def test_what_cannot_be_measured_is_not_held(plugin):
    def blind(latents):
        values = values_of(latents)
        values[:, 1] = torch.nan
        return values, ~values.isnan()

    latents, before = problem(20, seed=6)
    before[:, 1] = torch.nan
    moved = closed_loop(plugin.inner, latents, before, *request(20, a=2.0), blind)
    assert moved.isfinite().all() and (values_of(moved)[:, 0] - 2.0).abs().median() < 0.02


def test_the_bound_covers_as_often_as_it_says(plugin):
    def errors(count, seed):
        latents, _ = problem(count, seed=seed)
        targets = -1 + 4 * torch.rand(count, generator=torch.Generator().manual_seed(seed))
        values, mask = torch.full((count, 4), torch.nan), torch.zeros(count, 4, dtype=torch.bool)
        values[:, 1], mask[:, 1] = targets, True
        off = torch.full((count, 4), torch.nan)
        off[:, 1] = values_of(plugin.edit(latents, values, mask))[:, 1] - targets
        return off

    plugin.set_errors("known", errors(500, 10))
    covered = (errors(2000, 11)[:, 1].abs() <= plugin.bound("known", 0.9)[1]).float().mean()
    assert abs(covered - 0.9) < 0.04
    assert plugin.bound("known", 0.5)[1] < plugin.bound("known", 0.9)[1]
    assert plugin.bound("known")[0] == math.inf  # nothing was calibrated for a


def test_conformal_quantile_is_exact_for_exchangeable_errors():
    """Over all equally likely ranks of the new error among n + 1, coverage is ceil((n + 1) level) / (n + 1)."""
    errors = torch.arange(20.0)
    covered = 0
    for left_out in range(20):
        rest = torch.cat([errors[:left_out], errors[left_out + 1 :]])
        covered += errors[left_out] <= conformal_quantile(rest, 0.8)
    assert covered == 16


def test_edits_of_one_shape_weigh_as_one():
    errors = torch.arange(1.0, 20.0)
    assert conformal_quantile(errors[:, None].expand(-1, 5), 0.9) == conformal_quantile(errors, 0.9)
    lone = torch.cat([errors[:, None], torch.full((19, 3), torch.nan)], dim=1)
    assert conformal_quantile(lone, 0.9) == conformal_quantile(errors, 0.9)
    assert conformal_quantile(torch.rand(5, 100), 0.9) == math.inf  # five shapes say little, however often edited


def test_the_bound_holds_for_further_shapes_whose_edits_are_alike():
    """Each shape has a scale of its own, so pooled edits would be no independent draws."""
    generator = torch.Generator().manual_seed(0)

    def errors(shapes, edits):
        scale = torch.randn(shapes, 1, generator=generator).exp()
        return scale * torch.randn(shapes, edits, generator=generator).abs()

    covered = [(errors(200, 1) <= conformal_quantile(errors(19, 4), 0.8)).float().mean() for _ in range(200)]
    assert 0.79 < torch.stack(covered).mean() < 0.87


def test_monotone_is_the_isotonic_regression():
    from scipy.optimize import isotonic_regression

    values = torch.randn(12, generator=torch.manual_seed(0)).cumsum(0)
    torch.testing.assert_close(monotone(values).double(), torch.tensor(isotonic_regression(values.numpy()).x).double())


def test_impossible_combinations_are_doubted(plugin):
    latents, values = problem(400, seed=8)
    ordinary = [plugin.doubts(latents, values)[row] is not None for row in range(400)]
    assert sum(ordinary) < 0.05 * 400
    absurd = torch.tensor([[9.0, -9.0, 0.0, 1.0]])
    assert "combination" in plugin.doubts(latents[:1], absurd)[0]
    assert "unlike" in plugin.doubts(latents[:1] * 20, values[:1])[0]


@pytest.mark.parametrize("kept", [300, 3000])
@pytest.mark.parametrize("unknown", [[], [0], [0, 3]])
def test_ordinary_combinations_are_not_doubted(plugin, kept, unknown):
    """New shapes of the same kind, however many were learnt from, and whichever of their attributes are known."""
    judge = Calibrated(plugin.inner).fit(*problem(kept, seed=21))
    latents, values = problem(400, seed=22)
    values[:, unknown] = torch.nan
    assert sum(doubt is not None for doubt in judge.doubts(latents, values)) < 0.05 * 400


def test_save_and_load(plugin, tmp_path):
    plugin.set_errors("known", torch.tensor([[0.1, torch.nan, 0, 0], [0.3, 0.2, 0, 1]]))
    plugin.save(tmp_path / "p.safetensors")
    loaded = load_plugin(tmp_path / "p.safetensors")
    latents, values = problem(7)
    conditions = request(7, a=2.0)
    assert torch.equal(loaded.edit(latents, *conditions), plugin.edit(latents, *conditions))
    assert torch.equal(loaded.bound("known", 0.5), plugin.bound("known", 0.5))
    assert loaded.doubts(latents, values) == plugin.doubts(latents, values)


def test_mistakes_are_explained(plugin):
    with pytest.raises(InputError, match="unknown calibrated population 'real'"):
        plugin.bound("real")
    with pytest.raises(InputError, match="between 0 and 1"):
        plugin.bound("known", 90)
    with pytest.raises(InputError, match="not fitted"):
        Calibrated(plugin.inner).command(torch.zeros(1, 4))
