"""Chamfer distance and the scores beside it: known answers, conventions, derivatives, laws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import Pointclouds, clouds, with_bad_points

from pcgen.errors import InputError
from pcgen.ops import (
    CHAMFER_PRESETS,
    chamfer_distance,
    chamfer_terms,
    f_score,
    hausdorff_distance,
    nearest,
    nearest_both,
)


def both_minima(x, y):
    """Distances of every point to the other cloud, by definition: ``[B, N]`` and ``[B, M]``, not squared."""
    distance = torch.cdist(x, y)
    return distance.amin(2), distance.amin(1)


# --- known answers --------------------------------------------------------------------------------------------------


def test_chamfer_of_a_set_with_itself_is_zero():
    x = clouds(3, 200)
    assert torch.equal(chamfer_distance(x, x.flip(1)), torch.zeros(3))


def test_chamfer_of_a_translated_lattice_is_twice_the_squared_shift():
    axis = torch.arange(4.0)
    lattice = torch.cartesian_prod(axis, axis, axis)
    shift = torch.tensor([0.3, 0.0, 0.0])
    torch.testing.assert_close(chamfer_distance(lattice, lattice + shift), torch.tensor(2 * 0.3**2))
    torch.testing.assert_close(hausdorff_distance(lattice, lattice + shift), torch.tensor(0.3))


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_chamfer_equals_its_definition(dim):
    x, y = clouds(4, 60, torch.float64, dim=dim), clouds(4, 90, torch.float64, seed=2, dim=dim)
    dx, dy = both_minima(x, y)
    torch.testing.assert_close(chamfer_distance(x, y), dx.square().mean(1) + dy.square().mean(1))


# --- options --------------------------------------------------------------------------------------------------------


def test_options_choose_what_is_averaged():
    x, y = clouds(4, 60, torch.float64), clouds(4, 90, torch.float64, seed=2)
    dx, dy = both_minima(x, y)
    expected = {
        ("squared", False): dx.mean(1) + dy.mean(1),
        ("directions", "mean"): (dx.square().mean(1) + dy.square().mean(1)) / 2,
        ("directions", "pooled"): torch.cat([dx, dy], 1).square().mean(1),
        ("directions", "forward"): dx.square().mean(1),
        ("point_reduction", "sum"): dx.square().sum(1) + dy.square().sum(1),
        ("batch_reduction", "mean"): (dx.square().mean(1) + dy.square().mean(1)).mean(),
        ("batch_reduction", "sum"): (dx.square().mean(1) + dy.square().mean(1)).sum(),
    }
    for (option, value), distance in expected.items():
        torch.testing.assert_close(chamfer_distance(x, y, **{option: value}), distance)


def test_presets_are_the_formulas_of_the_literature():
    x, y = clouds(4, 60, torch.float64), clouds(4, 90, torch.float64, seed=2)
    dx, dy = both_minima(x, y)
    expected = {
        "pointflow": dx.square().mean(1) + dy.square().mean(1),
        "dpm": dx.square().mean(1) + dy.square().mean(1),
        "changeit3d": (60 * dx.square().mean(1) + 90 * dy.square().mean(1)) / 150,
        "completion-l1": (dx.mean(1) + dy.mean(1)) / 2,
        "completion-l2": dx.square().mean(1) + dy.square().mean(1),
    }
    assert CHAMFER_PRESETS.keys() == expected.keys()
    for name, distance in expected.items():
        torch.testing.assert_close(chamfer_distance(x, y, **CHAMFER_PRESETS[name]), distance)


def test_whole_weights_count_points_that_often():
    x, y = clouds(2, 6, torch.float64), clouds(2, 5, torch.float64, seed=1)
    often = torch.tensor([3, 0, 1, 2, 1, 1])
    repeated = x.repeat_interleave(often, 1)
    kept = x[:, often > 0]
    for options in ({}, {"directions": "pooled"}, {"directions": "forward"}, {"point_reduction": "sum"}):
        expected = chamfer_distance(repeated, y, **options)
        weights = often[often > 0].double().expand(2, -1)
        torch.testing.assert_close(chamfer_distance(kept, y, x_weights=weights, **options), expected)
    forward = {"directions": "forward", "x_weights": often.double().expand(2, -1)}
    torch.testing.assert_close(chamfer_distance(x, y, **forward), chamfer_distance(repeated, y, directions="forward"))


def test_weights_of_zero_everywhere_give_zero():
    assert chamfer_distance(clouds(1, 5), clouds(1, 4), x_weights=torch.zeros(1, 5), directions="forward").item() == 0


def test_normals_are_compared_between_neighbours_and_without_sign():
    x, y = clouds(2, 30, torch.float64), clouds(2, 40, torch.float64, seed=1)
    u, v = clouds(2, 30, torch.float64, seed=2), clouds(2, 40, torch.float64, seed=3)
    of_x, of_y = nearest_both(x, y)
    terms = chamfer_terms(x, y, x_normals=u, y_normals=v)
    u, v = u / u.norm(dim=2, keepdim=True), v / v.norm(dim=2, keepdim=True)
    cosines = [
        torch.stack([(a[b] * c[b, index[b]]).sum(1) for b in range(2)])
        for a, c, index in ((u, v, of_x.index), (v, u, of_y.index))
    ]
    expected = (1 - cosines[0].abs()).mean(1) + (1 - cosines[1].abs()).mean(1)
    torch.testing.assert_close(terms.normals, expected)
    torch.testing.assert_close(terms.distance, chamfer_distance(x, y))
    one_sided = chamfer_terms(x, y, x_normals=-u, y_normals=v, directions="forward")
    torch.testing.assert_close(one_sided.normals, (1 - cosines[0].abs()).mean(1))
    assert one_sided.of_y is None


def test_terms_hold_every_distance_and_index():
    x, y = clouds(2, 30), clouds(2, 40, seed=1)
    terms = chamfer_terms(x, y)
    expected = nearest_both(x, y)
    assert torch.equal(terms.of_x.index, expected[0].index) and torch.equal(terms.of_y.dist2, expected[1].dist2)
    assert terms.normals is None
    torch.testing.assert_close(terms.distance, terms.of_x.dist2.mean(1) + terms.of_y.dist2.mean(1))


# --- edges ----------------------------------------------------------------------------------------------------------


def test_lengths_cut_the_clouds():
    x, y = clouds(2, 50), clouds(2, 40, seed=1)
    lengths = torch.tensor([30, 50]), torch.tensor([40, 7])
    for options in ({}, {"directions": "pooled"}, {"squared": False, "point_reduction": "sum"}):
        got = chamfer_distance(x, y, x_lengths=lengths[0], y_lengths=lengths[1], **options)
        expected = [chamfer_distance(x[b, : lengths[0][b]], y[b, : lengths[1][b]], **options) for b in range(2)]
        torch.testing.assert_close(got, torch.stack(expected))


def test_pointclouds_are_cut_to_their_sizes():
    parts = [clouds(1, n, seed=n)[0] for n in (5, 30)]
    y = clouds(2, 20)
    for measure in (chamfer_distance, hausdorff_distance, lambda a, b: f_score(a, b, 0.5)):
        expected = torch.stack([measure(part, y[b]) for b, part in enumerate(parts)])
        torch.testing.assert_close(measure(Pointclouds(parts), y), expected)
        torch.testing.assert_close(measure(y, Pointclouds(parts)), expected)


def test_empty_inputs():
    assert chamfer_distance(torch.zeros(0, 5, 3), torch.zeros(0, 4, 3)).shape == (0,)
    some, none = torch.zeros(4, 3), torch.zeros(0, 3)
    for options in CHAMFER_PRESETS.values():
        assert chamfer_distance(some, none, **options).isinf() and chamfer_distance(none, some, **options).isinf()
        assert chamfer_distance(none, none, **options).item() == 0
    assert hausdorff_distance(some, none).isinf() and hausdorff_distance(none, none).item() == 0
    assert f_score(some, none, 1.0).item() == f_score(none, none, 1.0).item() == 0


def test_a_bad_point_is_left_out_and_has_no_gradient():
    x = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0], [torch.inf, 0.0, 0.0]], requires_grad=True)
    chamfer = chamfer_distance(x, y)
    assert chamfer.item() == 2.0 and hausdorff_distance(x, y).item() == f_score(x, y, 1.0).item() == 1.0
    assert torch.autograd.grad(chamfer, x)[0].tolist() == [[0, 0, 0], [-4, 0, 0]]


@pytest.mark.parametrize("options", [*CHAMFER_PRESETS.values(), {"directions": "forward"}])
def test_gradients_stay_finite_where_points_coincide_or_are_bad(options):
    x = with_bad_points(clouds(2, 100)).requires_grad_()
    y = torch.cat([x.detach()[:, :50], with_bad_points(clouds(2, 60, seed=1))], 1).requires_grad_()
    for gradient in torch.autograd.grad(chamfer_distance(x, y, **options).sum(), (x, y), allow_unused=True):
        assert gradient.isfinite().all()


def test_unbatched_gives_a_scalar():
    x, y = clouds(1, 40), clouds(1, 30, seed=1)
    for measure in (chamfer_distance, hausdorff_distance, lambda a, b: f_score(a, b, 0.5)):
        assert torch.equal(measure(x[0], y[0]), measure(x, y)[0])


# --- F-score and Hausdorff distance -----------------------------------------------------------------------------------


def test_f_score_is_the_harmonic_mean_of_precision_and_recall():
    x = torch.tensor([[0.0, 0, 0], [0.25, 0, 0], [1, 0, 0], [2, 0, 0]])
    y = torch.tensor([[0.0, 0, 0], [5.0, 0, 0]])
    assert f_score(x, y, 0.25).item() == pytest.approx(2 * 0.5 * 0.5 / (0.5 + 0.5))  # the bound itself counts
    assert f_score(x, y, 0.24).item() == pytest.approx(2 * 0.25 * 0.5 / (0.25 + 0.5))
    assert f_score(x, x.flip(0), 1e-6).item() == 1


def test_hausdorff_is_the_greatest_distance_of_either_side():
    x, y = clouds(3, 50, torch.float64), clouds(3, 40, torch.float64, seed=1)
    dx, dy = both_minima(x, y)
    torch.testing.assert_close(hausdorff_distance(x, y), torch.maximum(dx.amax(1), dy.amax(1)))


# --- derivatives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measure",
    [
        chamfer_distance,
        hausdorff_distance,
        lambda a, b: chamfer_distance(a, b, **CHAMFER_PRESETS["completion-l1"]),
        lambda a, b: chamfer_distance(a, b, **CHAMFER_PRESETS["changeit3d"], batch_reduction="mean"),
    ],
)
def test_first_and_second_derivatives(measure):
    x = clouds(2, 9, torch.float64).requires_grad_()
    y = clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(measure, (x, y))
    assert torch.autograd.gradgradcheck(measure, (x, y))


def test_derivatives_by_weights_and_normals():
    x, y = clouds(2, 6, torch.float64), clouds(2, 5, torch.float64, seed=1)
    u, v = (clouds(2, n, torch.float64, seed=n).requires_grad_() for n in (6, 5))
    w = clouds(2, 6, torch.float64)[..., 0].exp().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: chamfer_distance(x, y, x_weights=w), (w,))
    assert torch.autograd.gradcheck(lambda u, v: chamfer_terms(x, y, x_normals=u, y_normals=v).normals, (u, v))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
def test_forward_mode_derivatives():
    x, y = clouds(2, 9, torch.float64).requires_grad_(), clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(chamfer_distance, (x, y), check_forward_ad=True)


def test_gradients_per_pair_by_transforms():
    x, y = clouds(4, 30, torch.float64).requires_grad_(), clouds(4, 20, torch.float64, seed=1)
    per_pair = torch.vmap(torch.func.grad(chamfer_distance))(x, y)
    torch.testing.assert_close(per_pair, torch.autograd.grad(chamfer_distance(x, y).sum(), x)[0])


def test_gradients_are_deterministic():
    x, y = clouds(4, 500).requires_grad_(), clouds(4, 20, seed=1).requires_grad_()
    first = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    second = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


@pytest.mark.parametrize("name", ["pointflow", "completion-l1"])
def test_compile_fullgraph(name):
    x, y = clouds(2, 40).requires_grad_(), clouds(2, 30, seed=1)

    def loss(x, y):
        return chamfer_distance(x, y, **CHAMFER_PRESETS[name]).sum()

    # aot_eager traces forward, backward and fake kernels; the C++ code generator is torch's business.
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), loss(x, y))
    torch.testing.assert_close(torch.autograd.grad(compiled(x, y), x), torch.autograd.grad(loss(x, y), x))


# --- laws ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_laws_of_chamfer(seed, scale):
    x, y = clouds(1, 40, torch.float64, seed), clouds(1, 25, torch.float64, seed + 1)
    base = chamfer_distance(x, y)
    torch.testing.assert_close(chamfer_distance(y, x), base)
    torch.testing.assert_close(chamfer_distance(x * scale, y * scale), base * scale**2)
    torch.testing.assert_close(chamfer_distance(x + scale, y + scale), base)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(chamfer_distance(x[:, order], y), base)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_hausdorff_is_a_metric_above_every_mean(seed):
    x, y, z = (clouds(1, n, torch.float64, seed + n) for n in (20, 15, 10))
    xy = hausdorff_distance(x, y)
    torch.testing.assert_close(hausdorff_distance(y, x), xy)
    assert xy <= hausdorff_distance(x, z) + hausdorff_distance(z, y)
    assert chamfer_distance(x, y, **CHAMFER_PRESETS["completion-l1"]) <= xy


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.01, 3))
def test_f_score_grows_with_the_threshold_and_is_full_at_the_hausdorff_distance(seed, threshold):
    x, y = clouds(1, 20, torch.float64, seed), clouds(1, 15, torch.float64, seed + 1)
    assert f_score(x, y, threshold) <= f_score(x, y, 1.5 * threshold)
    torch.testing.assert_close(f_score(y, x, threshold), f_score(x, y, threshold))
    assert f_score(x, y, hausdorff_distance(x, y).item() * (1 + 1e-12)).item() == 1


# --- bad inputs -------------------------------------------------------------------------------------------------------

X, Y = clouds(2, 5), clouds(2, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chamfer_distance(X, Y, directions="both"), "unknown directions 'both'. Known: forward, mean"),
        (lambda: chamfer_distance(X, Y, point_reduction="none"), "unknown point_reduction 'none'"),
        (lambda: chamfer_distance(X, Y, batch_reduction="max"), "unknown batch_reduction 'max'"),
        (lambda: chamfer_distance(X, Y, x_weights=torch.ones(2, 4)), r"x_weights must have shape \[2, 5\]"),
        (lambda: chamfer_distance(X, Y, directions="forward", y_weights=torch.ones(2, 4)), "y_weights"),
        (lambda: chamfer_terms(X, Y, x_normals=X), "belong together"),
        (lambda: chamfer_terms(X, Y, x_normals=X, y_normals=X), r"y_normals must have shape \[2, 4, 3\]"),
        (lambda: f_score(X, Y, 0.0), "threshold must be positive, got 0.0"),
        (lambda: hausdorff_distance(X, Y[:1]), "same batch size"),
    ],
)
def test_bad_inputs(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_nearest_of_one_side_is_the_forward_direction():
    of_x = nearest(X, Y)
    torch.testing.assert_close(chamfer_distance(X, Y, directions="forward"), of_x.dist2.mean(1))
