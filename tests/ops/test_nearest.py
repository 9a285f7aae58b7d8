"""Nearest neighbours: equal to the reference on every kind of input, eager and compiled, in one direction and both."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import Pointclouds, clouds, on_a_grid, with_bad_points

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import nearest, nearest_both, reference

# 2500 and 5000 points are split into several parts when there are few pairs of clouds.
SIZES = [(1, 1, 1), (2, 5, 3), (1, 127, 128), (3, 129, 257), (2, 1025, 40), (1, 2500, 300), (2, 30, 5000)]
WIDE = 40  # more pairs than a pair of clouds would be split into


def results(found):
    """All tensors of one or two Nearest."""
    of_x, of_y = found
    return *of_x, *of_y


def assert_equal(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


# --- equal to the reference ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_both_directions_equal_reference(batch, n, m, make):
    x, y = make(batch, n), make(batch, m, seed=7)
    assert_equal(nearest(x, y), reference.nearest(x, y))
    assert_equal(results(nearest_both(x, y)), reference.nearest_both(x, y))


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
def test_bad_points_and_lengths_equal_reference(batch, n, m):
    x, y = with_bad_points(on_a_grid(batch, n)), with_bad_points(on_a_grid(batch, m, seed=7))
    x_lengths, y_lengths = torch.arange(batch) * n // max(1, batch - 1), torch.arange(batch).flip(0) * m // batch
    options = {"x_lengths": x_lengths, "y_lengths": y_lengths}
    assert_equal(nearest(x, y, **options), reference.nearest(x, y, **options))
    assert_equal(results(nearest_both(x, y, **options)), reference.nearest_both(x, y, **options))


@pytest.mark.parametrize("dim", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_dimension_equals_reference(dim, dtype):
    x, y = on_a_grid(2, 300, dim=dim).to(dtype), on_a_grid(2, 150, seed=1, dim=dim).to(dtype)
    assert_equal(results(nearest_both(x, y)), reference.nearest_both(x, y))
    x, y = clouds(2, 60, dtype, dim=dim), clouds(2, 50, dtype, seed=1, dim=dim)
    torch.testing.assert_close(nearest(x, y).dist2, torch.cdist(x, y).square().amin(2))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 140), st.integers(0, 140), st.booleans())
def test_random_inputs_equal_reference(seed, batch, n, m, bad):
    x, y = on_a_grid(batch, n, seed), on_a_grid(batch, m, seed + 1)
    if bad:
        x, y = with_bad_points(x, seed=seed), with_bad_points(y, seed=seed + 1)
    generator = torch.Generator().manual_seed(seed)
    options = {
        "x_lengths": torch.randint(-1, n + 2, (batch,), generator=generator),
        "y_lengths": torch.randint(-1, m + 2, (batch,), generator=generator),
    }
    assert_equal(nearest(x, y, **options), reference.nearest(x, y, **options))
    assert_equal(results(nearest_both(x, y, **options)), reference.nearest_both(x, y, **options))


@pytest.mark.parametrize("batch", [WIDE, 700])
def test_large_batch(batch):
    x, y = clouds(batch, 16), clouds(batch, 16, seed=5)
    assert_equal(results(nearest_both(x, y)), reference.nearest_both(x, y))


# --- known answers --------------------------------------------------------------------------------------------------


def test_a_planted_permutation_is_found_from_both_sides():
    x = clouds(2, 3000)
    order = torch.randperm(3000, generator=torch.Generator().manual_seed(1))
    of_x, of_y = nearest_both(x, x[:, order])
    assert torch.equal(of_y.index, order.expand(2, -1)) and torch.equal(of_x.index, order.argsort().expand(2, -1))
    assert not of_x.dist2.any() and not of_y.dist2.any()


def test_ties_take_the_lowest_index_on_both_sides():
    x, y = torch.zeros(1, 2100, 3), torch.ones(1, 2300, 3)
    of_x, of_y = nearest_both(x, y)
    assert not nearest(x, y).index.any() and not of_x.index.any() and not of_y.index.any()


def test_overflowing_distances_still_have_a_nearest():
    x, y = torch.full((1, 2, 3), 3e38), torch.full((1, 3, 3), -3e38)
    x[0, 0] = y[0, 0] = torch.nan
    of_x, of_y = nearest_both(x, y)
    assert of_x.index.tolist() == [[-1, 1]] and of_y.index.tolist() == [[-1, 1, 1]]
    assert of_x.dist2[0, 1].isinf() and of_x.dist2[0, 0].isnan()
    assert_equal(results((of_x, of_y)), reference.nearest_both(x, y))


def test_distance_is_the_root_with_a_derivative_everywhere():
    x = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    distance = nearest(x, torch.zeros(1, 3)).distance
    assert distance.tolist() == [5.0, 0.0]
    distance.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]]))


# --- edges ----------------------------------------------------------------------------------------------------------


def test_empty_inputs():
    result = nearest(torch.zeros(2, 3, 3), torch.zeros(2, 0, 3))
    assert result.dist2.isinf().all() and (result.index == -1).all()
    for batch, n, m in [(0, 3, 4), (2, 0, 3), (2, 3, 0), (2, 0, 0)]:
        x, y = torch.zeros(batch, n, 3), torch.zeros(batch, m, 3)
        assert_equal(results(nearest_both(x, y)), reference.nearest_both(x, y))


def test_gradients_of_empty_inputs():
    x, y = torch.zeros(2, 3, 3, requires_grad=True), torch.zeros(2, 0, 3, requires_grad=True)
    gradients = torch.autograd.grad(nearest(x, y).dist2.sum(), (x, y))
    assert not gradients[0].any() and gradients[1].shape == y.shape


def test_a_bad_query_has_no_nearest_and_no_gradient():
    x = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0], [torch.inf, 0.0, 0.0]], requires_grad=True)
    result = nearest(x, y)
    assert result.index.tolist() == [-1, 0] and result.dist2[0].isnan()
    result.dist2.nansum().backward()
    assert x.grad.tolist() == [[0, 0, 0], [-2, 0, 0]] and y.grad.tolist() == [[2, 0, 0], [0, 0, 0]]


def test_non_contiguous_inputs():
    x = clouds(2, 120).transpose(1, 2).contiguous().transpose(1, 2)
    y = clouds(2, 200, seed=4)[:, ::2]
    assert not x.is_contiguous() and not y.is_contiguous()
    assert_equal(results(nearest_both(x, y)), results(nearest_both(x.contiguous(), y.contiguous())))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    x, y = clouds(1, 50).to(dtype).requires_grad_(), clouds(1, 60, seed=1).to(dtype)
    result = nearest(x, y)
    assert_equal(result, nearest(x.float(), y.float()))
    result.dist2.sum().backward()
    assert x.grad.dtype == dtype and x.grad.any()


def test_autocast_mixes_precisions_and_computes_in_float32():
    x, y = clouds(2, 20), clouds(2, 30, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        decoded = x @ torch.eye(3)
        assert decoded.dtype == torch.bfloat16
        assert_equal(nearest(decoded, y), nearest(decoded.float(), y))


def test_unbatched_equals_batched():
    x, y = clouds(1, 40), clouds(1, 30, seed=1)
    assert_equal(nearest(x[0], y[0]), (part[0] for part in nearest(x, y)))
    assert_equal(results(nearest_both(x[0], y[0])), (part[0] for part in results(nearest_both(x, y))))


def test_pointclouds_bring_their_own_lengths():
    x, y = Pointclouds([clouds(1, n, seed=n)[0] for n in (5, 30)]), clouds(2, 20)
    expected = nearest_both(x.points_padded(), y, x_lengths=torch.tensor([5, 30]))
    assert_equal(results(nearest_both(x, y)), results(expected))
    assert (nearest(x, y).index[0, 5:] == -1).all() and (nearest(y, x).index[0] < 5).all()
    with pytest.raises(InputError, match="its own lengths, being a Pointclouds; leave out x_lengths"):
        nearest(x, y, x_lengths=torch.tensor([5, 30]))


# --- derivatives ----------------------------------------------------------------------------------------------------


def sum_of_both(x, y):
    """A scalar with every second derivative."""
    of_x, of_y = nearest_both(x, y)
    return of_x.dist2.square().sum() + of_y.dist2.square().sum() + nearest(x, y).dist2.pow(3).sum()


@pytest.mark.parametrize("dim", [2, 3])
def test_first_and_second_derivatives(dim):
    x = clouds(2, 9, torch.float64, dim=dim).requires_grad_()
    y = clouds(2, 7, torch.float64, seed=1, dim=dim).requires_grad_()
    assert torch.autograd.gradcheck(sum_of_both, (x, y))
    assert torch.autograd.gradgradcheck(sum_of_both, (x, y))


def test_backward_is_differentiable_to_any_order():
    grad, x, y = (
        t.requires_grad_()
        for t in (clouds(2, 9, torch.float64)[..., 0], clouds(2, 9, torch.float64), clouds(2, 7, torch.float64, seed=1))
    )
    index = nearest(x, y).index.masked_fill(torch.arange(9) == 4, -1)
    backward = functools.partial(torch.ops.pcgen.nearest_backward, index=index)
    assert torch.autograd.gradcheck(backward, (grad, x, y))
    assert torch.autograd.gradgradcheck(backward, (grad, x, y))


def test_backward_equals_reference():
    x, y, grad = clouds(3, 500), clouds(3, 40, seed=1), clouds(3, 500, seed=2)[..., 0]
    index = nearest(x, y).index.masked_fill(grad > 1, -1)
    torch.testing.assert_close(
        torch.ops.pcgen.nearest_backward(grad, x, y, index), reference.nearest_backward(grad, x, y, index)
    )


def test_results_and_gradients_do_not_depend_on_the_number_of_threads():
    x, y = clouds(1, 6000).requires_grad_(), clouds(1, 5000, seed=1).requires_grad_()
    threads, answers = torch.get_num_threads(), []
    try:
        for torch_threads in (1, 3):
            torch.set_num_threads(torch_threads)
            found = results(nearest_both(x, y))
            answers.append([*found, *torch.autograd.grad(found[0].sum() + found[2].sum(), (x, y))])
    finally:
        torch.set_num_threads(threads)
    assert_equal(*answers)


# --- transforms -----------------------------------------------------------------------------------------------------

# torch's own forward mode still uses it
FORWARD_MODE = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def test_func_grad():
    x, y = clouds(2, 6, torch.float64), clouds(2, 5, torch.float64, seed=1)
    expected = torch.autograd.functional.jacobian(sum_of_both, (x, y))
    torch.testing.assert_close(torch.func.grad(sum_of_both, (0, 1))(x, y), expected)


@FORWARD_MODE
def test_hessian():
    x, y = clouds(1, 6, torch.float64), clouds(1, 5, torch.float64, seed=1)
    expected = torch.autograd.functional.hessian(lambda a: sum_of_both(a, y), x)
    torch.testing.assert_close(torch.func.hessian(sum_of_both)(x, y), expected)


@FORWARD_MODE
def test_forward_mode():
    x, y = clouds(2, 6, torch.float64).requires_grad_(), clouds(2, 5, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(sum_of_both, (x, y), check_forward_ad=True)
    tangent = clouds(2, 6, torch.float64, seed=2)
    _, got = torch.func.jvp(lambda a: sum_of_both(a, y), (x.detach(),), (tangent,))
    torch.testing.assert_close(got, (torch.autograd.grad(sum_of_both(x, y), x)[0] * tangent).sum())


@pytest.mark.parametrize("in_dims", [(0, 0), (2, None), (None, 1)])
def test_vmap(in_dims):
    x, y = clouds(4, 9), clouds(4, 7, seed=1)
    arguments = [
        t if dim is None else torch.stack([t, t + 1, t * 2], dim) for t, dim in zip((x, y), in_dims, strict=True)
    ]
    got = torch.vmap(nearest_both, in_dims)(*arguments)
    for i in range(3):
        a, b = (t if dim is None else t.select(dim, i) for t, dim in zip(arguments, in_dims, strict=True))
        torch.testing.assert_close([part[i] for part in results(got)], [*results(nearest_both(a, b))])


def test_vmap_over_lengths_and_over_gradients():
    x, y = clouds(1, 9), clouds(1, 7, seed=1)
    lengths = torch.tensor([[3], [7]])
    got = torch.vmap(lambda n: nearest(x, y, y_lengths=n).index)(lengths)
    assert torch.equal(got, torch.stack([nearest(x, y, y_lengths=n).index for n in lengths]))
    jacobian = torch.autograd.functional.jacobian
    rows = jacobian(lambda a: nearest(a, y).dist2, x, vectorize=True)
    torch.testing.assert_close(rows, jacobian(lambda a: nearest(a, y).dist2, x))


# --- torch's own checks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    x, y = clouds(2, 20, dtype).requires_grad_(), clouds(2, 30, dtype).requires_grad_()
    everything = torch.tensor([30, 30])  # opcheck takes a NaN for a difference, so no point may be beyond its length
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, None, None))
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, everything, torch.tensor([30, 4])))
    torch.library.opcheck(torch.ops.pcgen.nearest_both, (x, y, everything, None))
    index = nearest(x, y).index
    torch.library.opcheck(torch.ops.pcgen.nearest_backward, (x[..., 0].detach().requires_grad_(), x, y, index))


def test_compile_fullgraph():
    x, y = clouds(2, 9), clouds(2, 7, seed=1)
    # aot_eager traces forward, backward and fake kernels; the C++ code generator is torch's business.
    compiled = functools.partial(torch.compile, fullgraph=True, backend="aot_eager")
    assert_equal(results(compiled(nearest_both)(x, y)), results(nearest_both(x, y)))
    expected = torch.func.grad(sum_of_both)(x, y)
    torch.testing.assert_close(compiled(torch.func.grad(sum_of_both))(x, y), expected)
    x.requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(compiled(sum_of_both)(x, y), x)[0], expected)


# --- bad inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nearest([1, 2], clouds(1, 2)), InputTypeError, "x must be a torch.Tensor, got list"),
        (lambda: nearest(torch.zeros(2, 17), torch.zeros(2, 17)), InputError, r"D from 2 to 16, got \[2, 17\]"),
        (lambda: nearest(torch.zeros(2, 3), torch.zeros(2, 4)), InputError, "same dimension, got 3 and 4"),
        (lambda: nearest(torch.zeros(2, 3).int(), torch.zeros(2, 3)), InputTypeError, "floating point"),
        (lambda: nearest(clouds(2, 3), clouds(3, 3)), InputError, "same batch size, got 2 and 3"),
        (lambda: nearest(clouds(1, 3), clouds(1, 3).double()), InputTypeError, "same dtype"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), y_lengths=torch.ones(3).long()), InputError, r"shape \[2\]"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), x_lengths=torch.ones(2)), InputTypeError, "x_lengths.*integer"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
