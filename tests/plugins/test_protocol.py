"""What holds for every plugin, on random vectors that never were points."""

import pytest
import torch
from plugins.latents import SPECS, problem, request, values_of

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError
from pcgen.plugins import METHODS, load_plugin
from pcgen.plugins.network import NetworkPlugin, Schedule

# How far from the request an edit ends, over how far it began: the control that ignores it stays where it was.
REACH = {"random_direction": 2.0, "plugen": 0.6}
NAMES = sorted(METHODS)
SCHEDULE = Schedule(steps=300, batch_size=64, learning_rate=4e-3, every=100)
SLOW = Schedule(steps=800, batch_size=128, learning_rate=3e-3, every=100)


def make(name, seed=0):
    method = METHODS[name]
    if issubclass(method, NetworkPlugin):
        return method(SPECS, seed=seed, hidden=32, schedule=SLOW if name == "plugen" else SCHEDULE)
    return method(SPECS)


@pytest.fixture(scope="module", params=NAMES)
def plugin(request):
    latents, values = problem()
    return make(request.param).fit(latents, values)


def test_an_edit_comes_nearer_to_the_request(plugin):
    latents, before = problem(200, seed=9)
    after = values_of(plugin.edit(latents, *request(200, a=2.5)))
    ratio = (after[:, 0] - 2.5).abs().mean() / (before[:, 0] - 2.5).abs().mean()
    assert ratio < REACH.get(plugin.method, 0.4)


def test_nothing_requested_changes_nothing(plugin):
    latents, _ = problem(5)
    assert torch.equal(plugin.edit(latents, *request(5)), latents)


def test_strength_zero_changes_nothing(plugin):
    latents, _ = problem(5)
    torch.testing.assert_close(plugin.edit(latents, *request(5, a=2.0), strength=0.0), latents, atol=1e-4, rtol=0)


def test_what_it_was_fitted_on_is_untouched(plugin):
    latents, values = problem(300)
    kept = latents.clone(), values.clone()
    plugin.edit(latents, *request(300, a=2.0, c=1))
    plugin.log_prob(latents, values, torch.ones_like(values, dtype=torch.bool))
    assert torch.equal(latents, kept[0]) and torch.equal(values, kept[1])


def test_samples_are_seeded_and_varied(plugin):
    conditions = request(1, a=2.0)
    drawn = plugin.sample(60, *conditions, seed=4)
    assert drawn.shape == (60, 8) and drawn.isfinite().all() and drawn.std(0).min() > 0.05
    assert torch.equal(drawn, plugin.sample(60, *conditions, seed=4))
    assert not torch.equal(drawn, plugin.sample(60, *conditions, seed=5))


def test_prediction_correlates_with_the_value(plugin):
    latents, values = problem(500, seed=7)
    pairs = torch.stack([plugin.predict(latents)[:, 0], values[:, 0]])
    assert torch.corrcoef(pairs)[0, 1] > 0.8


def test_codes_of_the_distribution_are_likelier_than_others(plugin):
    latents, _ = problem(300, seed=7)
    assert plugin.log_prob(latents).median() > plugin.log_prob(latents * 4).median()


def test_a_true_value_explains_a_code_better_than_a_wrong_one(plugin):
    latents, values = problem(300, seed=7)
    mask = torch.tensor([True, False, False, False]).expand(300, 4)
    wrong = values.roll(1, dims=0)
    assert (plugin.log_prob(latents, values, mask) - plugin.log_prob(latents, wrong, mask)).mean() > 0.2


def test_save_and_load(plugin, tmp_path):
    plugin.save(tmp_path / "p.safetensors", {"note": "kept"})
    loaded = load_plugin(tmp_path / "p.safetensors")
    latents, _ = problem(7)
    assert type(loaded) is type(plugin) and loaded.specs == tuple(SPECS)
    conditions = request(7, a=2.0, c=1)
    assert torch.equal(loaded.edit(latents, *conditions), plugin.edit(latents, *conditions))
    assert torch.equal(loaded.log_prob(latents), plugin.log_prob(latents))
    assert loaded.num_parameters == plugin.num_parameters <= 500_000


@pytest.mark.parametrize("name", NAMES)
def test_fits_are_deterministic_and_leave_the_global_seed_alone(name):
    latents, values = problem(300)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    short = make(name)
    if isinstance(short, NetworkPlugin):
        short.schedule = Schedule(steps=20, batch_size=32)
    first = short.fit(latents, values).state()
    first = {key: value.clone() for key, value in first.items()}
    assert torch.equal(torch.rand(1), expected)
    second = short.fit(latents, values).state()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_missing_labels_are_never_read(name):
    latents, values = problem(300)
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[100:, 0] = mask[:100, 2] = False
    spoiled, absent = values.clone(), values.clone()
    spoiled[~mask], absent[~mask] = 1e6, torch.nan
    plugins = []
    for labels, given in ((spoiled, mask), (absent, None)):
        one = make(name)
        if isinstance(one, NetworkPlugin):
            one.schedule = Schedule(steps=20, batch_size=32)
        plugins.append(one.fit(latents, labels, given).state())
    assert all(torch.equal(plugins[0][key], plugins[1][key]) for key in plugins[0])
    assert all(value.isfinite().all() for value in plugins[0].values())


@pytest.mark.parametrize("name", NAMES)
def test_mistakes_are_explained(name):
    latents, values = problem(10)
    with pytest.raises(InputError, match="not fitted"):
        make(name).predict(latents)
    with pytest.raises(InputError, match="not fitted"):
        make(name).sample(2, *request(1))
    with pytest.raises(InputError, match=r"values \(and mask\) \[S, 4\]"):
        make(name).fit(latents, values[:, :2])
    with pytest.raises(InputError, match="a has 0 labelled codes"):
        make(name).fit(latents, torch.full_like(values, torch.nan))
    with pytest.raises(InputError, match="finite"):
        make(name).fit(latents * torch.nan, values)


def test_an_unknown_method_is_explained(tmp_path):
    save_checkpoint(tmp_path / "p.safetensors", "plugin", {"w": torch.ones(1)}, {"method": "rigde", "specs": []})
    with pytest.raises(InputError, match="did you mean 'ridge'"):
        load_plugin(tmp_path / "p.safetensors")
