"""The CUDA kernels of farthest-point sampling, run by the emulation or on a GPU, against the reference."""

import pytest
import torch
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.ops import reference

# A cloud too large for one block goes to a cluster, to a cooperative grid, or through global memory.
LARGE = (
    {"seed": 1, "poison": 0xFF, "capability": 90, "processors": 4},
    {"seed": 2, "poison": 0x2D, "capability": 75, "processors": 4},
    {"seed": 3, "poison": 0xFF, "capability": 80, "processors": 2},
    {"seed": 4, "poison": 0x2D, "capability": 90, "processors": 4, "built_for": 75},  # from PTX: without clusters
)


def assert_equal_to_reference(cuda, points, k, start=None, lengths=None, **options):
    start = torch.zeros(len(points), dtype=torch.int64) if start is None else start
    expected = reference.farthest_point_sample(points, lengths, start, k)
    got = cuda("farthest_point_sample", points, lengths, start, k, **options)
    assert torch.equal(got[0], expected[0])
    rtol = 1e-14 if points.dtype == torch.float64 else 0  # the reference cannot fuse float64
    torch.testing.assert_close(got[1], expected[1], rtol=rtol, atol=0, equal_nan=True)


@pytest.mark.parametrize(("batch", "n", "k"), [(1, 1, 1), (3, 31, 31), (2, 65, 20), (1, 1023, 6), (2, 1025, 5)])
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_one_block(cuda, batch, n, k, make):
    assert_equal_to_reference(cuda, make(batch, n), k, torch.arange(batch) * 7)


def test_double(cuda):
    assert_equal_to_reference(cuda, clouds(2, 70, torch.float64), 30)
    assert_equal_to_reference(cuda, clouds(1, 4100, torch.float64), 3, runs=LARGE)


@pytest.mark.parametrize("n", [8193, 16500])
def test_several_blocks(cuda, n):
    assert_equal_to_reference(cuda, with_bad_points(on_a_grid(1, n), 0.01), 4, runs=LARGE)


def test_bad_points_lengths_and_starts(cuda):
    points = with_bad_points(on_a_grid(6, 40))
    points[5] = torch.nan
    lengths = torch.tensor([0, 1, 20, 40, 1000, 3])
    assert_equal_to_reference(cuda, points, 30, torch.tensor([5, -2, 19, 20, 100, 1]), lengths)


def test_distances_that_overflow(cuda):
    points = clouds(1, 50)
    points[0, ::3] *= 1e30
    assert_equal_to_reference(cuda, points, 50)


def test_nothing_to_do(cuda):
    assert_equal_to_reference(cuda, clouds(2, 5), 0)
    assert_equal_to_reference(cuda, clouds(0, 5), 3)
