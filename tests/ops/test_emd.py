"""Earth Mover's Distance: known answers, certificates recomputed from outside, the optimum of SciPy, laws."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pcgen import assets
from pcgen.data.layouts import realshapes as layout
from pcgen.errors import InputError, InputTypeError, UnavailableError
from pcgen.ops import earth_movers_distance, emd_assignment, emd_loss, emd_plan, legacy, reference

ROUNDING = 1e-12  # stated by emd_assignment, for clouds of extent about 1


def clouds(batch, n, dtype=torch.float64, seed=0):
    return torch.randn(batch, n, 3, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def cost_matrix(x, y, squared=False):
    dist = (x.double()[:, None] - y.double()[None]).norm(dim=-1)
    return dist.square() if squared else dist


def optimum(x, y, squared=False):
    cost = cost_matrix(x, y, squared)
    return cost[linear_sum_assignment(cost.numpy())].mean().item()


KINDS = {
    "random": lambda n, g: (torch.randn(n, 3, generator=g), torch.randn(n, 3, generator=g)),
    "near": lambda n, g: (lambda x: (x, x.flip(0) + 1e-4 * torch.randn(n, 3, generator=g)))(
        torch.rand(n, 3, generator=g)
    ),
    "grid": lambda n, g: tuple(torch.randint(0, 3, (n, 3), generator=g).float() for _ in range(2)),
    "collinear": lambda n, g: tuple(torch.rand(n, 1, generator=g) * torch.tensor([[1.0, 2, 0]]) for _ in range(2)),
    "clusters": lambda n, g: tuple(
        5.0 * torch.randint(0, 2, (n, 3), generator=g) + 0.1 * torch.randn(n, 3, generator=g) for _ in range(2)
    ),
    "far apart": lambda n, g: (torch.randn(n, 3, generator=g), torch.randn(n, 3, generator=g) + 20),
    "near and apart": lambda n, g: (lambda x: (x, x.flip(0) + torch.tensor([0.3, -0.2, 0.1])))(
        torch.rand(n, 3, generator=g)
    ),
    "far away": lambda n, g: tuple(1e3 + torch.randn(n, 3, generator=g) + k for k in (0, 3)),
    "one point": lambda n, g: (torch.zeros(n, 3), torch.rand(n, 3, generator=g)),
    "all one point": lambda n, g: (torch.zeros(n, 3), torch.zeros(n, 3)),
}


def check_certificate(x, y, result, squared):
    n = x.shape[0]
    assert torch.equal(result.assignment.sort()[0], torch.arange(n))
    cost = cost_matrix(x, y, squared)
    primal = cost[torch.arange(n), result.assignment].mean().item()
    dual = max(0.0, ((cost + result.prices).amin(1).mean() - result.prices.mean()).item())
    scale = ROUNDING * max(1.0, cost.max().item())
    assert result.value.item() == pytest.approx(primal, rel=1e-12, abs=scale)
    assert result.lower_bound.item() == pytest.approx(min(dual, primal), rel=1e-12, abs=scale)
    assert result.lower_bound.item() <= optimum(x, y, squared) + scale <= result.value.item() + 2 * scale
    if primal > 0:
        assert result.gap.item() == pytest.approx((primal - dual) / primal, abs=scale / primal)


# --- the certificate and the optimum ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 2**31), st.integers(1, 300), st.sampled_from(sorted(KINDS)), st.booleans(), st.booleans())
def test_certificates_hold_from_outside(seed, n, kind, squared, exact):
    x, y = KINDS[kind](n, torch.Generator().manual_seed(seed))
    result = emd_assignment(x, y, squared=squared, exact=exact)
    check_certificate(x, y, result, squared)
    assert result.converged
    assert result.value - result.lower_bound <= (1e-9 if exact else 0.01) * result.value + ROUNDING
    if exact:
        assert result.value.item() == pytest.approx(optimum(x, y, squared), rel=1e-9, abs=ROUNDING)


def test_a_gap_below_rounding_counts_as_none():
    x, y = KINDS["near"](3, torch.Generator().manual_seed(0))
    assert emd_assignment(x, y, squared=True, exact=True).converged  # 4e-8 between prices of about 5


@pytest.mark.parametrize("squared", [False, True])
def test_bounds_of_small_clouds_far_from_the_origin(squared):
    x, y = (100 + 1e-3 * clouds(50, 9, seed=seed) for seed in (0, 1))
    for b in range(50):
        result, expected = emd_assignment(x[b], y[b], squared=squared, exact=True), optimum(x[b], y[b], squared)
        assert result.lower_bound.item() == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize("kind", ["random", "near", "clusters"])
@pytest.mark.parametrize("exact", [False, True])
def test_large_pairs(kind, exact):
    x, y = KINDS[kind](2048, torch.Generator().manual_seed(5))
    result = emd_assignment(x, y, exact=exact, tol=0.001)
    check_certificate(x, y, result, False)
    assert result.converged and result.gap <= 0.001


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equals_reference(kind):
    x, y = KINDS[kind](90, torch.Generator().manual_seed(1))
    assignment, prices, lower_bound, _, _ = reference.emd(x[None], y[None], None, None, False, 0.01, False)
    ours = emd_assignment(x, y, exact=True)
    torch.testing.assert_close(ours.value, lower_bound[0], rtol=1e-9, atol=ROUNDING)
    cost = cost_matrix(x, y)
    torch.testing.assert_close((cost + prices[0]).amin(1).mean() - prices.mean(), lower_bound[0])
    assert torch.equal(assignment[0].sort()[0], torch.arange(90))


# Two samplings of one shape, and two different shapes: what generators are compared by.
@pytest.mark.parametrize(("first", "second"), [("chair_bar", "chair_bar"), ("table_round", "chair_office")])
@pytest.mark.parametrize("n", [64, 300, 700])
def test_real_pairs_equal_the_optimum(first, second, n):
    x, y = assets.load(first).tensor()[:n].double(), assets.load(second).tensor()[-n:].double()
    result = emd_assignment(x, y, exact=True)
    assert result.converged
    assert result.value.item() == pytest.approx(optimum(x, y), rel=1e-9)


@pytest.mark.slow
def test_200_random_and_real_pairs_equal_the_optimum(realshapes):
    g = torch.Generator().manual_seed(0)
    shapes = layout.list_shapes(realshapes)
    for trial in range(100):
        n = int(torch.randint(64, 2049, (), generator=g))
        kind = sorted(KINDS)[trial % len(KINDS)]
        first, second = (
            layout.load(realshapes, shapes[int(i)]).tensor() for i in torch.randperm(len(shapes), generator=g)[:2]
        )
        for x, y in (KINDS[kind](n, g), (first[:n], (first if trial % 4 == 0 else second)[-n:])):
            result = emd_assignment(x.double(), y.double(), exact=True)
            assert result.converged
            assert result.value.item() == pytest.approx(optimum(x, y), rel=1e-6, abs=ROUNDING)


# --- known answers ----------------------------------------------------------------------------------------------------


def test_a_planted_permutation_is_found():
    axis = torch.arange(8.0)
    lattice = torch.cartesian_prod(axis, axis, axis)
    order = torch.randperm(512, generator=torch.Generator().manual_seed(0))
    noise = 0.2 * torch.rand(512, 3, generator=torch.Generator().manual_seed(1))
    result = emd_assignment(lattice, (lattice + noise)[order], exact=True)
    assert torch.equal(order[result.assignment], torch.arange(512))


@pytest.mark.parametrize("squared", [False, True])
def test_a_translation_costs_its_length(squared):
    x, shift = clouds(1, 300)[0], torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64)
    distance = earth_movers_distance(x, x.flip(0) + shift, squared=squared, exact=True)
    assert distance.item() == pytest.approx(25.0 if squared else 5.0, rel=1e-9)


@pytest.mark.parametrize("squared", [False, True])
def test_on_a_line_the_sorted_points_meet(squared):
    x, y = torch.zeros(2, 500, 3, dtype=torch.float64)
    x[:, 1], y[:, 1] = clouds(1, 500)[0, :, 0], clouds(1, 500, seed=1)[0, :, 0]
    moved = (x[:, 1].sort()[0] - y[:, 1].sort()[0]).abs()
    expected = (moved.square() if squared else moved).mean().item()
    assert earth_movers_distance(x, y, squared=squared, exact=True).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("thickness", [0.0, 1e-6, 1e-3, 0.02])
def test_clouds_on_and_near_a_line_anywhere(thickness, exact, squared):
    g = torch.Generator().manual_seed(3)
    direction = torch.tensor([0.6, -0.64, 0.48], dtype=torch.float64)
    along = torch.rand(2, 400, 1, dtype=torch.float64, generator=g).square() * torch.tensor([[[1.0]], [[1.3]]])
    x, y = 7 + along * direction + thickness * torch.randn(2, 400, 3, dtype=torch.float64, generator=g)
    result = emd_assignment(x, y, squared=squared, exact=exact)
    check_certificate(x, y, result, squared)
    assert result.converged
    if exact:
        assert result.value.item() == pytest.approx(optimum(x, y, squared), rel=1e-9, abs=ROUNDING)


def test_a_set_with_itself_costs_nothing():
    x = clouds(2, 200, torch.float32)
    result = emd_assignment(x, x.flip(1))
    assert torch.equal(result.value, torch.zeros(2, dtype=torch.float64)) and result.converged.all()


# --- laws ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_laws(seed, scale):
    x, y, z = (clouds(1, 60, seed=seed + k) for k in range(3))
    xy = earth_movers_distance(x, y, exact=True)
    torch.testing.assert_close(earth_movers_distance(y, x, exact=True), xy)
    torch.testing.assert_close(earth_movers_distance(x * scale, y * scale, exact=True), xy * scale)
    through_z = earth_movers_distance(x, z, exact=True) + earth_movers_distance(z, y, exact=True)
    assert xy.item() <= through_z.item() * (1 + 1e-9)


def test_warm_prices_keep_the_promise_and_rubbish_does_no_harm():
    x, y = clouds(2, 300), clouds(2, 300, seed=1)
    first = emd_assignment(x, y, tol=0.001)
    for prices in (first.prices, first.prices * -1e6, torch.full_like(first.prices, torch.nan)):
        again = emd_assignment(x + 1e-3, y, tol=0.001, prices=prices)
        assert again.converged.all() and (again.gap <= 0.001).all()


# --- edges ----------------------------------------------------------------------------------------------------------


def test_lengths_cut_both_clouds():
    x, y, lengths = clouds(4, 40), clouds(4, 40, seed=1), torch.tensor([0, 1, 25, 40])
    result = emd_assignment(x, y, exact=True, lengths=lengths)
    for b, count in enumerate(lengths.tolist()):
        expected = optimum(x[b, :count], y[b, :count]) if count else 0.0
        assert result.value[b].item() == pytest.approx(expected, rel=1e-9)
        assert (result.assignment[b, count:] == -1).all()
    assert result.converged.all()


@pytest.mark.parametrize("solve", [emd_assignment, emd_plan])
def test_a_bad_point_spoils_its_pair_alone(solve):
    x, y = clouds(3, 20, torch.float32), clouds(3, 20 if solve is emd_assignment else 9, torch.float32, seed=1)
    x[0, 3, 1], y[1, 2, 0] = torch.nan, torch.inf
    x.requires_grad_()
    result = solve(x, y)
    assert result.value.isnan().tolist() == result.gap.isnan().tolist() == [True, True, False]
    assert result.converged.tolist() == [False, False, True] and (result[3][:2] == -1).all()
    gradient = torch.autograd.grad(result.value[2], x)[0]
    assert gradient.isfinite().all() and not gradient[:2].any() and gradient[2].any()


def test_empty_inputs():
    assert earth_movers_distance(torch.zeros(0, 5, 3), torch.zeros(0, 5, 3)).shape == (0,)
    assert earth_movers_distance(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3)).tolist() == [0, 0]


def test_unreachable_tolerance_ends_honestly():
    x, y = clouds(1, 30)[0], clouds(1, 30, seed=1)[0]
    result = emd_assignment(x, y, tol=1e-18)
    check_certificate(x, y, result, False)
    assert result.gap < 1e-9


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    x, y = clouds(1, 50).to(dtype).requires_grad_(), clouds(1, 50, seed=1).to(dtype)
    distance = earth_movers_distance(x, y)
    assert distance.dtype == torch.float32
    torch.testing.assert_close(distance, earth_movers_distance(x.float(), y.float()))
    distance.sum().backward()
    assert x.grad.dtype == dtype


def test_non_contiguous_and_unbatched_inputs():
    x, y = clouds(1, 80)[:, ::2], clouds(1, 40, seed=1).transpose(1, 2).contiguous().transpose(1, 2)
    expected = earth_movers_distance(x.contiguous(), y.contiguous())
    torch.testing.assert_close(earth_movers_distance(x, y), expected)
    torch.testing.assert_close(earth_movers_distance(x[0], y[0]), expected[0])


# --- derivatives and torch's own checks -----------------------------------------------------------------------------


@pytest.mark.parametrize("squared", [False, True])
def test_derivatives(squared):
    x, y = clouds(2, 6).requires_grad_(), clouds(2, 6, seed=1).requires_grad_()

    def distance(x, y):
        return earth_movers_distance(x, y, squared=squared, exact=True)

    assert torch.autograd.gradcheck(distance, (x, y))
    assert torch.autograd.gradgradcheck(distance, (x, y))


def test_gradient_where_points_coincide_is_zero():
    x = clouds(1, 20).requires_grad_()
    assert not torch.autograd.grad(earth_movers_distance(x, x.detach()), x)[0].any()


def test_results_are_deterministic():
    x, y = clouds(3, 200).requires_grad_(), clouds(3, 200, seed=1)
    results = [emd_assignment(x, y) for _ in range(2)]
    gradients = [torch.autograd.grad(result.value.sum(), x)[0] for result in results]
    assert torch.equal(results[0].assignment, results[1].assignment) and torch.equal(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    x, y, lengths = clouds(2, 20, dtype), clouds(2, 20, dtype, seed=1), torch.tensor([20, 4])
    torch.library.opcheck(torch.ops.pcgen.emd, (x, y, None, None, False, 0.01, False))
    prices = torch.zeros(2, 20, dtype=torch.float64)
    torch.library.opcheck(torch.ops.pcgen.emd, (x, y, lengths, prices, True, 0.01, True))


def test_compile_fullgraph():
    x, y = clouds(2, 40).requires_grad_(), clouds(2, 40, seed=1)

    def loss(x, y):
        return earth_movers_distance(x, y).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), loss(x, y))
    torch.testing.assert_close(torch.autograd.grad(compiled(x, y), x), torch.autograd.grad(loss(x, y), x))


def test_training_by_the_loss_brings_the_clouds_together():
    x, y = clouds(2, 60, torch.float32).requires_grad_(), clouds(2, 60, torch.float32, seed=1)
    optimizer, prices = torch.optim.SGD([x], lr=6.0), None
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss, prices = emd_loss(x, y, prices=prices)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


# --- legacy kinds -----------------------------------------------------------------------------------------------------


def slow_approxmatch(x, y, powers, cost):
    """The published three passes of each round, entry by entry."""
    n = len(x)
    dist2 = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in y] for p in x]
    left, right, match = [1.0] * n, [1.0] * n, [[0.0] * n for _ in x]
    for power in powers:
        level = -(4.0**power) if power != -2 else 0.0
        w = [[math.exp(level * d) for d in row] for row in dist2]
        ratio_left = [left[k] / (1e-9 + sum(w[k][j] * right[j] for j in range(n))) for k in range(n)]
        ratio_right = []
        for j in range(n):
            total = right[j] * sum(w[k][j] * ratio_left[k] for k in range(n))
            ratio_right.append(min(right[j] / (total + 1e-9), 1.0) * right[j])
            right[j] = max(0.0, right[j] - total)
        for k in range(n):
            moved = [w[k][j] * ratio_left[k] * ratio_right[j] for j in range(n)]
            match[k] = [a + b for a, b in zip(match[k], moved, strict=True)]
            left[k] = max(0.0, left[k] - sum(moved))
    return sum(match[k][j] * cost(dist2[k][j]) for k in range(n) for j in range(n)) / n


def test_legacy_kinds_equal_the_published_formula():
    x, y = clouds(2, 25) * 0.5, clouds(2, 25, seed=1) * 0.5
    for b in range(2):
        pointflow = slow_approxmatch(x[b].tolist(), y[b].tolist(), range(7, -2, -1), math.sqrt)
        pvd = slow_approxmatch(x[b].tolist(), y[b].tolist(), range(7, -3, -1), lambda d: d)
        assert legacy.approxmatch_pointflow(x, y)[b].item() == pytest.approx(pointflow, rel=1e-9)
        assert legacy.approxmatch_pvd(x, y)[b].item() == pytest.approx(pvd, rel=1e-9)


def test_legacy_kinds_are_above_the_true_distance():
    x, y = (torch.rand(256, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert legacy.approxmatch_pointflow(x, y) > 1.1 * earth_movers_distance(x, y, exact=True)
    assert legacy.approxmatch_pvd(x, y) > 1.5 * earth_movers_distance(x, y, exact=True, squared=True)


# --- bad inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: emd_assignment(clouds(1, 3), clouds(1, 4)), InputError, r"got 3 and 4.*emd_plan"),
        (lambda: earth_movers_distance(clouds(1, 3), clouds(1, 3), tol=0), InputError, "tol must be above 0.*exact"),
        (lambda: earth_movers_distance(clouds(1, 3), clouds(2, 3)), InputError, "same batch size"),
        (lambda: emd_assignment(clouds(1, 3), clouds(1, 3), prices=torch.zeros(1, 4)), InputError, r"shape \[1, 3\]"),
        (lambda: emd_assignment(clouds(1, 3), clouds(1, 3), prices=[1]), InputTypeError, "floating point tensor"),
        (lambda: legacy.approxmatch_pvd(clouds(1, 3), clouds(1, 4)), InputError, "got 3 and 4"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_device_without_kernel_says_what_to_do():
    x = torch.zeros(1, 3, 3, device="meta")
    with pytest.raises(UnavailableError, match=r"no kernel for meta.*\.cpu\(\)"):
        reference.emd(x, x, None, None, False, 0.01, False)
