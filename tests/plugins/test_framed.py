"""Our own plugins: what each promises beyond the protocol."""

import pytest
import torch
from plugins.latents import SPECS, problem, request, values_of
from torch.distributions import Normal

from pcgen.plugins import EditorPlugin, FlowMatchingPlugin, FlowPlugin
from pcgen.plugins.flow_matching import transport_plan
from pcgen.plugins.joint import JointValues
from pcgen.plugins.network import Schedule

BRIEF = Schedule(steps=300, batch_size=128, learning_rate=3e-3, every=100)


def measure(latents):
    values = values_of(latents)
    return values, torch.ones_like(values, dtype=torch.bool)


@pytest.fixture(scope="module")
def flow():
    return FlowPlugin(SPECS, hidden=32, schedule=BRIEF).fit(*problem())


def test_flow_inverts_and_its_density_is_the_change_of_variables(flow):
    latents, values = problem(5, seed=2)
    white, features = flow.net.whitening(latents), flow.net.scale.features(flow.net.scale(values))
    every, all_features = torch.ones_like(values, dtype=torch.bool), torch.ones_like(features, dtype=torch.bool)
    u, _ = flow._transform(white, features, all_features)
    torch.testing.assert_close(flow._inverse(u, features, all_features), white, atol=1e-5, rtol=1e-5)
    for row in range(5):
        given = features[row : row + 1], all_features[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(lambda w, g=given: flow._transform(w[None], *g)[0][0], white[row])
        expected = Normal(0.0, 1.0).log_prob(u[row]).sum() + torch.linalg.slogdet(jacobian)[1]
        got = flow.log_prob(latents[row : row + 1], values[row : row + 1], every[row : row + 1])[0]
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)


def test_flow_draws_companions_from_their_joint_distribution(flow):
    """a and b are correlated: where a is high, so is b, though only a was asked for."""
    drawn = [values_of(flow.sample(300, *request(1, a=a)))[:, 1].mean() for a in (-0.5, 2.5)]
    assert drawn[1] - drawn[0] > 0.6


def test_joint_density_integrates_to_one_and_conditions():
    values = torch.randn(400, 1, generator=torch.manual_seed(0)) * torch.tensor([[1.0, -1.0]])
    joint = JointValues.fit(values, torch.tensor([False, False]))
    axis = torch.linspace(-6, 6, 121)
    grid, mask = torch.cartesian_prod(axis, axis), torch.ones(121**2, 2, dtype=torch.bool)
    assert (joint.log_prob(grid, mask).exp().sum() * 0.01).item() == pytest.approx(1, abs=0.02)
    one = torch.tensor([[True, False]]).expand(121, -1)
    marginal = joint.log_prob(torch.stack([axis, axis], 1), one).exp()
    torch.testing.assert_close(
        marginal, joint.log_prob(grid, mask).exp().view(121, 121).sum(1) * 0.1, atol=1e-3, rtol=0
    )
    likely, unlikely = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    assert joint.log_prob(likely, mask[:1]) - joint.log_prob(unlikely, mask[:1]) > 3


def test_joint_keeps_levels_whole():
    values = torch.cat([torch.randn(100, 1), torch.tensor([[-1.0], [2.0]]).repeat(50, 1)], dim=1)
    joint = JointValues.fit(values, torch.tensor([False, True]))
    drawn = joint.sample(torch.zeros(80, 2), torch.zeros(80, 2, dtype=torch.bool), torch.manual_seed(1))
    assert sorted(drawn[:, 1].unique().tolist()) == [-1.0, 2.0]


def test_transport_plan_finds_the_best_assignment():
    from scipy.optimize import linear_sum_assignment

    cost = torch.cdist(torch.rand(12, 2, generator=torch.manual_seed(0)), torch.rand(12, 2)).square()
    plan = transport_plan(cost)
    torch.testing.assert_close(plan.sum(1), torch.ones(12))
    best = cost[linear_sum_assignment(cost)].sum()
    assert (plan * cost).sum() < 1.2 * best < (cost.mean(1)).sum()


def test_flow_matching_holds_what_is_not_asked_for():
    plugin = FlowMatchingPlugin(SPECS, hidden=64, schedule=BRIEF).fit(*problem())
    latents, before = problem(200, seed=9)
    after = values_of(plugin.edit(latents, *request(200, a=2.0)))
    assert (after[:, 1] - before[:, 1]).abs().mean() < 0.5 * before[:, 1].std()


def test_measured_rounds_make_the_editor_better():
    errors = []
    for callback in (None, measure):
        plugin = EditorPlugin(SPECS, hidden=64, schedule=BRIEF).fit(*problem(600), measure=callback)
        latents, _ = problem(300, seed=9)
        after = values_of(plugin.edit(latents, *request(300, b=3.5)))
        errors.append((after[:, 1] - 3.5).abs().mean().item())
    assert errors[1] < errors[0]


def test_editor_comes_back():
    plugin = EditorPlugin(SPECS, hidden=64, schedule=BRIEF).fit(*problem())
    latents, _ = problem(200, seed=9)
    values = plugin.predict(latents)
    mask = torch.tensor([True, False, False, False]).expand(200, 4)
    there = plugin.edit(latents, *request(200, a=2.0))
    back = plugin.edit(there, values, mask)
    assert (back - latents).norm(dim=1).mean() < 0.2 * (there - latents).norm(dim=1).mean()
