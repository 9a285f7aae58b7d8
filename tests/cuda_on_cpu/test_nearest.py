"""The CUDA kernels of nearest and of its derivative, run by the emulation or on a GPU, against the reference."""

import pytest
import torch
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.ops import reference


def assert_equal_to_reference(cuda, x, y, x_lengths=None, y_lengths=None):
    expected = reference.nearest_both(x, y, x_lengths, y_lengths)
    both = cuda("nearest_both", x, y, x_lengths, y_lengths)
    one = cuda("nearest", x, y, x_lengths, y_lengths)
    rtol = 1e-14 if x.dtype == torch.float64 else 0  # the reference cannot fuse float64
    for got, want in zip((*both, *one), (*expected, *expected[:2]), strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("batch", "n", "m"),
    [(1, 1, 1), (2, 31, 33), (1, 32, 129), (1, 129, 127), (3, 128, 128), (1, 257, 640), (1, 1024, 65), (2, 1025, 40)],
)
def test_sizes_around_tiles_and_parts(cuda, batch, n, m):
    assert_equal_to_reference(cuda, clouds(batch, n), on_a_grid(batch, m, seed=1))


@pytest.mark.parametrize(("batch", "n", "m"), [(0, 5, 5), (2, 0, 5), (2, 5, 0), (1, 0, 0)])
def test_empty(cuda, batch, n, m):
    assert_equal_to_reference(cuda, clouds(batch, n), clouds(batch, m))


@pytest.mark.parametrize("dim", [2, 5, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_dimensions(cuda, dim, dtype):
    assert_equal_to_reference(cuda, clouds(2, 70, dtype, dim=dim), clouds(2, 140, dtype, seed=1, dim=dim))


def test_double(cuda):
    assert_equal_to_reference(cuda, clouds(2, 520, torch.float64), clouds(2, 130, torch.float64, seed=1))


def test_ties_take_the_lowest_index(cuda):
    assert_equal_to_reference(cuda, on_a_grid(2, 300), on_a_grid(2, 200, seed=1))
    assert_equal_to_reference(cuda, torch.zeros(1, 300, 3), torch.zeros(1, 200, 3))


def test_bad_points_and_lengths(cuda):
    x, y = with_bad_points(on_a_grid(6, 150)), with_bad_points(on_a_grid(6, 140, seed=3), seed=4)
    y[5] = torch.nan
    lengths = torch.tensor([0, 1, 60, 100, 1000, -3]), torch.tensor([7, 0, 31, 140, 129, 140])
    assert_equal_to_reference(cuda, x, y, *lengths)


def test_squares_that_overflow(cuda):
    x, y = clouds(1, 40), clouds(1, 50, seed=1)
    x[0, ::2] *= 1e30
    y[0, 3:] *= 1e25
    y[0, 0] = torch.nan
    assert_equal_to_reference(cuda, x, y)


@pytest.mark.parametrize(
    ("batch", "n", "m", "dim"),
    [(1, 1, 1, 3), (2, 300, 33, 3), (1, 5, 700, 3), (2, 40, 31, 16), (2, 0, 4, 3), (2, 4, 0, 3)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_backward(cuda, batch, n, m, dim, dtype):
    x, y, grad = (
        clouds(batch, n, dtype, dim=dim),
        clouds(batch, m, dtype, seed=1, dim=dim),
        clouds(batch, n, dtype)[..., 0],
    )
    index = torch.randint(-1, max(m, 0), (batch, n), generator=torch.Generator().manual_seed(2))
    for got, want in zip(
        cuda("nearest_backward", grad, x, y, index),
        torch.ops.pcgen.nearest_backward(grad, x, y, index),
        strict=True,
    ):
        assert torch.equal(got, want)


SIZES = [
    (400, 50, 1),
    (400, 50, 9),
    (2048, 1100, 1100),
    (515, 1024, 513),
    (8191, 60, 3),
    (8192, 60, 2),
    (8200, 600, 600),
]


@pytest.mark.parametrize(("n", "m", "most"), SIZES)
def test_backward_of_points_that_many_are_nearest_to(cuda, n, m, most):
    """Sums of up to thousands of pulls, in the order of the CPU; arranged in shared memory, or sorted."""
    x, y, grad = clouds(2, n), clouds(2, m, seed=1), clouds(2, n, seed=3)[..., 0]
    index = torch.randint(-1, most, (2, n), generator=torch.Generator().manual_seed(2))
    got = cuda("nearest_backward", grad, x, y, index)
    for part, want in zip(got, torch.ops.pcgen.nearest_backward(grad, x, y, index), strict=True):
        assert torch.equal(part, want)
