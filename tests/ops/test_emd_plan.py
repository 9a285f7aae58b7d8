"""Transport between clouds of different sizes: certificates from outside, the optimum of SciPy, derivatives."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.test_emd import KINDS, ROUNDING, clouds, cost_matrix
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack

from pcgen.errors import InputError, UnavailableError
from pcgen.ops import EmdPlan, earth_movers_distance, emd_assignment, emd_plan, reference


def optimum(x, y, squared=False):
    n, m = len(x), len(y)
    sums = [kron(eye_array(n), [[1.0] * m]), kron([[1.0] * n], eye_array(m))]
    result = linprog(
        cost_matrix(x, y, squared).flatten().numpy(), A_eq=vstack(sums), b_eq=[1 / n] * n + [1 / m] * m, method="highs"
    )
    return result.fun


def check_certificate(x, y, plan, squared):
    n, m = len(x), len(y)
    used = plan.source >= 0
    source, target, mass = plan.source[used], plan.target[used], plan.mass[used]
    assert (plan.target[~used] == -1).all() and not plan.mass[~used].any() and (mass > 0).all()
    for index, count in ((source, n), (target, m)):
        sums = torch.zeros(count, dtype=torch.float64).index_add(0, index, mass)
        torch.testing.assert_close(sums, torch.full_like(sums, 1 / count), rtol=1e-12, atol=1e-15)
    cost = cost_matrix(x, y, squared)
    scale = ROUNDING * max(1.0, cost.max().item())
    assert plan.value.item() == pytest.approx((cost[source, target] * mass).sum().item(), rel=1e-12, abs=scale)
    dual = ((cost + plan.prices).amin(1).mean() - plan.prices.mean()).item()
    assert 0 <= plan.lower_bound <= max(0, dual) + scale
    assert plan.lower_bound <= plan.value + scale
    assert (plan.prices >= 0).all()


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**31),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
    st.booleans(),
)
def test_certificates_and_optima(seed, n, m, kind, squared, exact):
    x, y = KINDS[kind](max(n, m), torch.Generator().manual_seed(seed))
    x, y = x[:n], y[:m]
    plan = emd_plan(x, y, squared=squared, exact=exact)
    check_certificate(x, y, plan, squared)
    assert plan.converged
    expected = optimum(x, y, squared)
    scale = 1e-8 * max(1.0, expected)  # of the linear program
    assert plan.lower_bound.item() - scale <= expected <= plan.value.item() + scale
    if exact:
        assert plan.value.item() == pytest.approx(expected, rel=1e-7, abs=scale)


@pytest.mark.parametrize(("n", "m"), [(700, 640), (640, 700), (701, 700), (900, 30), (1, 500), (500, 1)])
@pytest.mark.parametrize("kind", ["random", "near", "clusters", "collinear", "grid", "far apart"])
def test_larger_pairs(kind, n, m):
    x, y = KINDS[kind](max(n, m), torch.Generator().manual_seed(2))
    plan = emd_plan(x[:n], y[:m])
    check_certificate(x[:n], y[:m], plan, False)
    assert plan.converged and plan.gap <= 0.01


@pytest.mark.parametrize(("n", "m"), [(300, 250), (250, 300)])
@pytest.mark.parametrize("apart", [0, 5])
def test_warm_prices_keep_the_promise_and_rubbish_does_no_harm(n, m, apart):
    x, y = clouds(2, n), clouds(2, m, seed=1) + apart
    first = emd_plan(x, y, tol=0.001)
    for prices in (first.prices, first.prices * -1e6, torch.full_like(first.prices, torch.nan)):
        again = emd_plan(x + 1e-3, y, tol=0.001, prices=prices)
        assert again.converged.all() and (again.gap <= 0.001).all()
        check_certificate(x[0] + 1e-3, y[0], EmdPlan(*(part[0] for part in again)), False)


def test_equal_sizes_cost_what_the_assignment_costs():
    x, y = clouds(2, 60), clouds(2, 60, seed=1)
    torch.testing.assert_close(emd_plan(x, y, exact=True).value, emd_assignment(x, y, exact=True).value)


def test_one_point_is_reached_from_everywhere():
    x, y = clouds(1, 50), clouds(1, 1, seed=1)
    torch.testing.assert_close(earth_movers_distance(x, y), (x - y).norm(dim=2).mean(1))
    torch.testing.assert_close(earth_movers_distance(y, x), (x - y).norm(dim=2).mean(1))


def test_each_point_twice_changes_nothing():
    x, y = clouds(1, 40), clouds(1, 40, seed=1)
    twice = torch.cat([y, y], 1)
    expected = earth_movers_distance(x, y, exact=True)
    torch.testing.assert_close(earth_movers_distance(x, twice, exact=True), expected)
    torch.testing.assert_close(earth_movers_distance(twice, x, exact=True), expected)


@pytest.mark.parametrize("kind", ["random", "grid", "all one point"])
def test_equals_reference(kind):
    x, y = KINDS[kind](30, torch.Generator().manual_seed(1))
    y = y[:24]
    source, target, mass, prices, lower_bound, _, _ = reference.emd_plan(
        x[None], y[None], None, None, None, False, 0.1, False
    )
    torch.testing.assert_close(emd_plan(x, y, exact=True).value, lower_bound[0], rtol=1e-8, atol=ROUNDING)
    cost = cost_matrix(x, y)
    torch.testing.assert_close((cost + prices[0]).amin(1).mean() - prices.mean(), lower_bound[0])
    used = source[0] >= 0
    sums = torch.zeros(30, dtype=torch.float64).index_add(0, source[0, used], mass[0, used])
    torch.testing.assert_close(sums, torch.full_like(sums, 1 / 30))
    assert (target[0, used] >= 0).all()


def test_lengths_cut_each_cloud():
    x, y = clouds(5, 20), clouds(5, 30, seed=1)
    x_lengths, y_lengths = torch.tensor([20, 3, 0, 0, 7]), torch.tensor([11, 30, 0, 4, 7])
    distance = earth_movers_distance(x, y, exact=True, lengths=x_lengths, y_lengths=y_lengths)
    for b in (0, 1, 4):
        expected = optimum(x[b, : x_lengths[b]], y[b, : y_lengths[b]])
        assert distance[b].item() == pytest.approx(expected, rel=1e-7)
    assert distance[2] == 0 and distance[3].isnan()


def test_empty_inputs():
    assert earth_movers_distance(torch.zeros(0, 5, 3), torch.zeros(0, 4, 3)).shape == (0,)
    assert emd_plan(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3)).value.tolist() == [0, 0]
    assert earth_movers_distance(torch.zeros(2, 0, 3), torch.zeros(2, 3, 3)).isnan().all()


@pytest.mark.parametrize("squared", [False, True])
def test_derivatives(squared):
    x, y = clouds(2, 6).requires_grad_(), clouds(2, 4, seed=1).requires_grad_()

    def distance(x, y):
        return earth_movers_distance(x, y, squared=squared, exact=True)

    assert torch.autograd.gradcheck(distance, (x, y))
    assert torch.autograd.gradgradcheck(distance, (x, y))


def test_results_are_deterministic():
    x, y = clouds(3, 200), clouds(3, 150, seed=1)
    for first, second in zip(emd_plan(x, y), emd_plan(x, y), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck_and_compile(dtype):
    x, y, lengths = clouds(2, 20, dtype), clouds(2, 13, dtype, seed=1), torch.tensor([20, 4])
    prices = torch.zeros(2, 13, dtype=torch.float64)
    torch.library.opcheck(torch.ops.pcgen.emd_plan, (x, y, None, lengths, prices, False, 0.01, False))
    compiled = torch.compile(lambda x, y: earth_movers_distance(x, y).sum(), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), earth_movers_distance(x, y).sum())


def test_bad_inputs():
    x, y = clouds(1, 3), clouds(1, 4)
    with pytest.raises(InputError, match="give y_lengths"):
        earth_movers_distance(x, y, lengths=torch.tensor([2]))
    with pytest.raises(InputError, match="tol must be above 0"):
        emd_plan(x, y, tol=math.nan)
    with pytest.raises(UnavailableError, match=r"no kernel for meta.*\.cpu\(\)"):
        reference.emd_plan(x.to("meta"), y.to("meta"), None, None, None, False, 0.01, False)
