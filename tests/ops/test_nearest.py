"""Nearest neighbours: equal to the reference on every kind of input, eager and compiled."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import nearest, reference

SIZES = [(1, 1, 1), (2, 5, 3), (1, 127, 128), (3, 129, 257), (2, 1025, 40)]


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_nearest_equals_reference(batch, n, m, make):
    x, y = make(batch, n), make(batch, m, seed=7)
    assert torch.equal(nearest(x, y).index, reference.nearest(x, y)[1])


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
def test_nearest_equals_reference_with_bad_points_and_lengths(batch, n, m):
    x, y = with_bad_points(on_a_grid(batch, n)), with_bad_points(on_a_grid(batch, m, seed=7))
    lengths = torch.arange(batch) * m // max(1, batch - 1)
    assert torch.equal(nearest(x, y, y_lengths=lengths).index, reference.nearest(x, y, None, lengths)[1])


def test_nearest_in_float64_finds_the_least_distance():
    x, y = clouds(2, 300, torch.float64), clouds(2, 200, torch.float64, seed=3)
    torch.testing.assert_close(nearest(x, y).dist2, torch.cdist(x, y).square().amin(2))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 140), st.integers(0, 140), st.booleans())
def test_random_inputs_equal_reference(seed, batch, n, m, bad):
    x, y = on_a_grid(batch, n, seed), on_a_grid(batch, m, seed + 1)
    if bad:
        x, y = with_bad_points(x, seed=seed), with_bad_points(y, seed=seed + 1)
    lengths = torch.randint(0, m + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(nearest(x, y, y_lengths=lengths).index, reference.nearest(x, y, None, lengths)[1])


def test_ties_take_the_lowest_index():
    x, y = torch.zeros(1, 1, 3), torch.ones(1, 300, 3)
    assert nearest(x, y).index.item() == 0


def test_overflowing_distances_still_have_a_nearest():
    x, y = torch.full((1, 1, 3), 3e38), torch.full((1, 3, 3), -3e38)
    y[0, 0] = torch.nan
    assert nearest(x, y).index.item() == reference.nearest(x, y)[1].item() == 1


def test_empty_inputs():
    result = nearest(torch.zeros(2, 3, 3), torch.zeros(2, 0, 3))
    assert result.dist2.isinf().all() and (result.index == -1).all()
    assert nearest(torch.zeros(2, 0, 3), torch.zeros(2, 3, 3)).index.shape == (2, 0)


def test_a_bad_query_has_no_nearest_and_no_gradient():
    x = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0], [torch.inf, 0.0, 0.0]], requires_grad=True)
    result = nearest(x, y)
    assert result.index.tolist() == [-1, 0] and result.dist2[0].isnan()
    result.dist2[1].backward()
    assert x.grad.tolist() == [[0, 0, 0], [-2, 0, 0]] and y.grad.tolist() == [[2, 0, 0], [0, 0, 0]]


def test_non_contiguous_inputs():
    x = clouds(2, 120).transpose(1, 2).contiguous().transpose(1, 2)
    y = clouds(2, 200, seed=4)[:, ::2]
    assert not x.is_contiguous() and not y.is_contiguous()
    assert torch.equal(nearest(x, y).index, nearest(x.contiguous(), y.contiguous()).index)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    x, y = clouds(1, 50).to(dtype).requires_grad_(), clouds(1, 60, seed=1).to(dtype)
    result = nearest(x, y)
    assert result.dist2.dtype == torch.float32
    torch.testing.assert_close(result.dist2, nearest(x.float(), y.float()).dist2)
    result.dist2.sum().backward()
    assert x.grad.dtype == dtype


def test_large_batch():
    x, y = clouds(700, 16), clouds(700, 16, seed=5)
    assert torch.equal(nearest(x, y).index, reference.nearest(x, y)[1])


def test_unbatched_equals_batched():
    x, y = clouds(1, 40), clouds(1, 30, seed=1)
    assert torch.equal(nearest(x[0], y[0]).dist2, nearest(x, y).dist2[0])


def test_derivatives():
    x = clouds(2, 9, torch.float64).requires_grad_()
    y = clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: nearest(a, b).dist2, (x, y))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    x, y, lengths = clouds(2, 20, dtype), clouds(2, 30, dtype), torch.tensor([30, 4])
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, None, None))
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, None, lengths))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nearest([1, 2], clouds(1, 2)), InputTypeError, "x must be a torch.Tensor, got list"),
        (lambda: nearest(torch.zeros(2, 17), torch.zeros(2, 17)), InputError, r"D from 2 to 16, got \[2, 17\]"),
        (lambda: nearest(torch.zeros(2, 3).int(), torch.zeros(2, 3)), InputTypeError, "floating point"),
        (lambda: nearest(clouds(2, 3), clouds(3, 3)), InputError, "same batch size, got 2 and 3"),
        (lambda: nearest(clouds(1, 3), clouds(1, 3).double()), InputTypeError, "same dtype"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), y_lengths=torch.ones(3).long()), InputError, r"shape \[2\]"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), y_lengths=torch.ones(2)), InputTypeError, "integer"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
