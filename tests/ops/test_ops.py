"""What every operator must do: equal its reference, on every kind of input, eager and compiled."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import chamfer_distance, farthest_point_sample, gather_points, nearest, reference

SIZES = [(1, 1, 1), (2, 5, 3), (1, 127, 128), (3, 129, 257), (2, 1025, 40)]


def clouds(batch, n, dtype=torch.float32, seed=0):
    return torch.randn(batch, n, 3, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def on_a_grid(batch, n, seed=0):
    """Points with many exact ties."""
    return torch.randint(-2, 3, (batch, n, 3), generator=torch.Generator().manual_seed(seed)).float()


def with_bad_points(points, share=0.2, seed=1):
    """Some coordinates NaN or infinite."""
    generator = torch.Generator().manual_seed(seed)
    points = points.clone()
    points[torch.rand(points.shape, generator=generator) < share / 6] = torch.nan
    points[torch.rand(points.shape, generator=generator) < share / 6] = torch.inf
    return points


# --- equal to the reference ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_nearest_equals_reference(batch, n, m, make):
    x, y = make(batch, n), make(batch, m, seed=7)
    assert torch.equal(nearest(x, y).index, reference.nearest(x, y, None))


@pytest.mark.parametrize(("batch", "n", "m"), SIZES)
def test_nearest_equals_reference_with_bad_points_and_lengths(batch, n, m):
    x, y = with_bad_points(on_a_grid(batch, n)), with_bad_points(on_a_grid(batch, m, seed=7))
    lengths = torch.arange(batch) * m // max(1, batch - 1)
    assert torch.equal(nearest(x, y, y_lengths=lengths).index, reference.nearest(x, y, lengths))


def test_nearest_in_float64_finds_the_least_distance():
    x, y = clouds(2, 300, torch.float64), clouds(2, 200, torch.float64, seed=3)
    torch.testing.assert_close(nearest(x, y).dist2, torch.cdist(x, y).square().amin(2))


@pytest.mark.parametrize(("batch", "n", "k"), [(1, 1, 1), (2, 5, 5), (3, 128, 128), (2, 300, 77), (1, 1025, 300)])
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_farthest_equals_reference(batch, n, k, make):
    points, start = make(batch, n), torch.arange(batch) * 3
    expected = reference.farthest_point_sample(points, k, start, None)
    assert torch.equal(farthest_point_sample(points, k, start=start), expected)


def test_farthest_equals_reference_with_bad_points_and_lengths():
    points = with_bad_points(on_a_grid(6, 150))
    lengths = torch.tensor([0, 1, 60, 100, 149, 150])
    start = torch.tensor([0, 5, 59, 60, 0, 149])
    expected = reference.farthest_point_sample(points, 120, start, lengths)
    assert torch.equal(farthest_point_sample(points, 120, start=start, lengths=lengths), expected)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 140), st.integers(0, 140), st.booleans())
def test_random_inputs_equal_reference(seed, batch, n, m, bad):
    x, y = on_a_grid(batch, n, seed), on_a_grid(batch, m, seed + 1)
    if bad:
        x, y = with_bad_points(x, seed=seed), with_bad_points(y, seed=seed + 1)
    lengths = torch.randint(0, m + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(nearest(x, y, y_lengths=lengths).index, reference.nearest(x, y, lengths))
    k = seed % (m + 1)
    start = lengths // 2
    expected = reference.farthest_point_sample(y, k, start, lengths)
    assert torch.equal(farthest_point_sample(y, k, start=start, lengths=lengths), expected)


# --- known answers --------------------------------------------------------------------------------------------------


def test_ties_take_the_lowest_index():
    x, y = torch.zeros(1, 1, 3), torch.ones(1, 300, 3)
    assert nearest(x, y).index.item() == 0
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0]])
    assert farthest_point_sample(corners, 4).tolist() == [0, 1, 2, 3]


def test_chamfer_of_a_set_with_itself_is_zero():
    x = clouds(3, 200)
    assert torch.equal(chamfer_distance(x, x.flip(1)), torch.zeros(3))


def test_chamfer_of_a_translated_lattice_is_twice_the_squared_shift():
    axis = torch.arange(4.0)
    lattice = torch.cartesian_prod(axis, axis, axis)
    shift = torch.tensor([0.3, 0.0, 0.0])
    torch.testing.assert_close(chamfer_distance(lattice, lattice + shift), torch.tensor(2 * 0.3**2))


def test_chamfer_equals_its_definition():
    x, y = clouds(4, 60, torch.float64), clouds(4, 90, torch.float64, seed=2)
    d = torch.cdist(x, y).square()
    torch.testing.assert_close(chamfer_distance(x, y), d.amin(2).mean(1) + d.amin(1).mean(1))


def test_lengths_cut_the_clouds():
    x, y = clouds(2, 50), clouds(2, 40, seed=1)
    lengths = torch.tensor([30, 50]), torch.tensor([40, 7])
    got = chamfer_distance(x, y, x_lengths=lengths[0], y_lengths=lengths[1])
    expected = [chamfer_distance(x[b, : lengths[0][b]], y[b, : lengths[1][b]]) for b in range(2)]
    torch.testing.assert_close(got, torch.stack(expected))


def test_duplicates_are_taken_once_each():
    index = farthest_point_sample(torch.zeros(2, 200, 3), 200)
    assert torch.equal(index.sort(1)[0], torch.arange(200).expand(2, -1))


def test_bad_points_come_last_and_a_bad_start_gives_way():
    points = torch.tensor([[torch.nan, 0, 0], [1.0, 0, 0], [torch.inf, 0, 0], [2.0, 0, 0]])
    assert farthest_point_sample(points, 4).tolist() == [1, 3, 0, 2]


def test_farthest_of_a_shorter_k_is_a_prefix():
    points = clouds(2, 400)
    assert torch.equal(farthest_point_sample(points, 300)[:, :50], farthest_point_sample(points, 50))


def test_overflowing_distances_still_have_a_nearest():
    x, y = torch.full((1, 1, 3), 3e38), torch.full((1, 3, 3), -3e38)
    y[0, 0] = torch.nan
    assert nearest(x, y).index.item() == reference.nearest(x, y, None).item() == 1


# --- edges ----------------------------------------------------------------------------------------------------------


def test_empty_inputs():
    assert chamfer_distance(torch.zeros(0, 5, 3), torch.zeros(0, 4, 3)).shape == (0,)
    result = nearest(torch.zeros(2, 3, 3), torch.zeros(2, 0, 3))
    assert result.dist2.isinf().all() and (result.index == -1).all()
    assert nearest(torch.zeros(2, 0, 3), torch.zeros(2, 3, 3)).index.shape == (2, 0)
    assert farthest_point_sample(torch.zeros(2, 5, 3), 0).shape == (2, 0)
    assert chamfer_distance(torch.zeros(4, 3), torch.zeros(0, 3)).isinf()


def test_a_bad_query_has_no_nearest_and_no_gradient():
    x = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0], [torch.inf, 0.0, 0.0]], requires_grad=True)
    result = nearest(x, y)
    assert result.index.tolist() == [-1, 0] and result.dist2[0].isnan()
    result.dist2[1].backward()
    assert x.grad.tolist() == [[0, 0, 0], [-2, 0, 0]] and y.grad.tolist() == [[2, 0, 0], [0, 0, 0]]
    chamfer = chamfer_distance(x, y)
    assert chamfer.item() == 2.0
    gradient = torch.autograd.grad(chamfer, x)[0]
    assert gradient.isfinite().all()


def test_non_contiguous_inputs():
    x = clouds(2, 3).new_tensor(clouds(2, 120).numpy()).transpose(1, 2).contiguous().transpose(1, 2)
    y = clouds(2, 200, seed=4)[:, ::2]
    assert not x.is_contiguous() and not y.is_contiguous()
    assert torch.equal(nearest(x, y).index, nearest(x.contiguous(), y.contiguous()).index)
    assert torch.equal(farthest_point_sample(y, 20), farthest_point_sample(y.contiguous(), 20))


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
    assert torch.equal(nearest(x, y).index, reference.nearest(x, y, None))


def test_unbatched_equals_batched():
    x, y = clouds(1, 40), clouds(1, 30, seed=1)
    assert torch.equal(nearest(x[0], y[0]).dist2, nearest(x, y).dist2[0])
    assert torch.equal(farthest_point_sample(x[0], 9), farthest_point_sample(x, 9)[0])
    assert chamfer_distance(x[0], y[0]).dim() == 0


def test_gather_points_takes_zeros_for_minus_one():
    points = clouds(2, 5)
    taken = gather_points(points, torch.tensor([[4, -1], [0, 2]]))
    assert torch.equal(taken[0, 0], points[0, 4]) and torch.equal(taken[0, 1], torch.zeros(3))


# --- derivatives ----------------------------------------------------------------------------------------------------


def test_derivatives():
    x = clouds(2, 9, torch.float64).requires_grad_()
    y = clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(chamfer_distance, (x, y))
    assert torch.autograd.gradgradcheck(chamfer_distance, (x, y))
    assert torch.autograd.gradcheck(lambda a, b: nearest(a, b).dist2, (x, y))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
def test_forward_mode_derivatives():
    x, y = clouds(2, 9, torch.float64).requires_grad_(), clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(chamfer_distance, (x, y), check_forward_ad=True)


def test_gradients_are_deterministic():
    x, y = clouds(4, 500).requires_grad_(), clouds(4, 20, seed=1).requires_grad_()
    first = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    second = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


# --- torch's own checks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    x, y, lengths = clouds(2, 20, dtype), clouds(2, 30, dtype), torch.tensor([30, 4])
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, None))
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, lengths))
    torch.library.opcheck(torch.ops.pcgen.farthest_point_sample, (y, 7, torch.zeros(2, dtype=torch.int64), lengths))


def test_compile_fullgraph():
    x, y = clouds(2, 40).requires_grad_(), clouds(2, 30, seed=1)

    def loss(x, y):
        sample = gather_points(x, farthest_point_sample(x, 10))
        return chamfer_distance(x, y).sum() + chamfer_distance(sample, y).sum()

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
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(chamfer_distance(x[:, order], y), base)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_farthest_covers_at_most_twice_as_badly_as_its_own_spacing_allows(seed, k):
    """Gonzalez' argument: the covering radius of the greedy sample never exceeds the least distance within it."""
    points = clouds(1, 60, torch.float64, seed)
    chosen = gather_points(points, farthest_point_sample(points, k))
    radius = nearest(points, chosen).dist2.max()
    spacing = torch.cdist(chosen, chosen)[0].fill_diagonal_(torch.inf).min().square()
    assert radius <= spacing * (1 + 1e-9)


# --- bad inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nearest([1, 2], clouds(1, 2)), InputTypeError, "x must be a torch.Tensor, got list"),
        (lambda: nearest(torch.zeros(2, 4), torch.zeros(2, 3)), InputError, r"\[B, N, 3\] or \[N, 3\], got \[2, 4\]"),
        (lambda: nearest(torch.zeros(2, 3).int(), torch.zeros(2, 3)), InputTypeError, "floating point"),
        (lambda: nearest(clouds(2, 3), clouds(3, 3)), InputError, "same batch size, got 2 and 3"),
        (lambda: nearest(clouds(1, 3), clouds(1, 3).double()), InputTypeError, "same dtype"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), y_lengths=torch.ones(3).long()), InputError, r"shape \[2\]"),
        (lambda: nearest(clouds(2, 3), clouds(2, 3), y_lengths=torch.ones(2)), InputTypeError, "integer"),
        (lambda: farthest_point_sample(clouds(1, 3), 4), InputError, "between 0 and the number of points N = 3, got 4"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(1)), InputTypeError, "integers"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(2).long()), InputError, r"shape \[1\]"),
        (lambda: gather_points(clouds(1, 3), torch.zeros(3).long()), InputError, "index must have shape"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
