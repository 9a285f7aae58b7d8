"""The CUDA kernels of knn and of the spatial index, run by the emulation or on a GPU, against the reference."""

import math

import pytest
import torch
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.ops import reference


def assert_same(got, expected):
    rtol = 1e-14 if expected[0].dtype == torch.float64 else 0  # the reference cannot fuse float64
    torch.testing.assert_close(got[0], expected[0], rtol=rtol, atol=0, equal_nan=True)
    assert torch.equal(got[1], expected[1])


def assert_equal_to_reference(cuda, query, points, k, radius=math.inf, query_lengths=None, points_lengths=None):
    expected = reference.knn(query, points, k, radius, query_lengths, points_lengths)
    assert_same(cuda("knn", query, points, k, radius, query_lengths, points_lengths), expected)
    if query.shape[2] == 3:
        index = cuda("spatial_index", points, points_lengths)
        assert_same(cuda("spatial_index_knn", query, query_lengths, *index, k, radius), expected)


@pytest.mark.parametrize(
    ("batch", "n", "m", "k"), [(1, 1, 1, 1), (2, 33, 31, 8), (1, 129, 130, 1), (2, 40, 520, 5), (1, 300, 600, 16)]
)
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_sizes(cuda, batch, n, m, k, make):
    assert_equal_to_reference(cuda, clouds(batch, n), make(batch, m, seed=1), k)


@pytest.mark.parametrize("k", [17, 40, 100])
def test_many_neighbours(cuda, k):
    assert_equal_to_reference(cuda, on_a_grid(1, 50), on_a_grid(1, 100, seed=1), k)


def test_radius(cuda):
    assert_equal_to_reference(cuda, on_a_grid(2, 50), on_a_grid(2, 120, seed=1), 9, 1.0)
    assert_equal_to_reference(cuda, on_a_grid(2, 50), on_a_grid(2, 120, seed=1), 30, 0.0)


@pytest.mark.parametrize("dim", [2, 16])
def test_other_dimensions(cuda, dim):
    assert_equal_to_reference(cuda, clouds(2, 40, dim=dim), clouds(2, 140, seed=1, dim=dim), 4)


def test_double(cuda):
    assert_equal_to_reference(cuda, clouds(2, 70, torch.float64), clouds(2, 140, torch.float64, seed=1), 11)


def test_bad_points_and_lengths(cuda):
    query, points = with_bad_points(on_a_grid(5, 70)), with_bad_points(on_a_grid(5, 90, seed=3), seed=4)
    points[4] = torch.nan
    lengths = torch.tensor([0, 1, 60, 1000, 70]), torch.tensor([7, 0, 31, 90, 1000])
    assert_equal_to_reference(cuda, query, points, 10, math.inf, *lengths)


def test_squares_that_overflow_and_outliers(cuda):
    query, points = clouds(1, 40), clouds(1, 90, seed=1)
    query[0, ::2] *= 1e30
    points[0, 3:20] *= 1e25
    assert_equal_to_reference(cuda, query, points, 7)


@pytest.mark.parametrize(("batch", "n", "m", "k"), [(0, 5, 5, 2), (2, 0, 5, 2), (2, 5, 4, 0), (1, 5, 0, 0)])
def test_empty(cuda, batch, n, m, k):
    assert_equal_to_reference(cuda, clouds(batch, n), clouds(batch, m), k)


def test_index_has_the_form_of_the_cpu(cuda):
    """Each point once, in a leaf of its box, boxes within boxes; padding as the CPU pads."""
    points = with_bad_points(clouds(2, 700))
    lengths = torch.tensor([700, 333])
    got = cuda("spatial_index", points, lengths)
    expected = torch.ops.pcgen.spatial_index(points, lengths)
    assert [(part.shape, part.dtype) for part in got] == [(part.shape, part.dtype) for part in expected]
    leaves, index, boxes, least = got
    stored = index.flatten(1).sort(1)[0]
    assert torch.equal(stored, expected[1].flatten(1).sort(1)[0])
    assert torch.equal(index, index.sort(2)[0])
    assert torch.equal(leaves.isnan().any(2), index == reference.NO_INDEX)
    low, high = leaves.nan_to_num(torch.inf).amin(3), leaves.nan_to_num(-torch.inf).amax(3)
    first = boxes[:, : -(-leaves.shape[1] // 16)].transpose(1, 2).flatten(2)[..., : leaves.shape[1]]
    assert torch.equal(first[:, :3], low.transpose(1, 2)) and torch.equal(first[:, 3:], high.transpose(1, 2))
    assert torch.equal(boxes[:, -1, :3].amin(2), low.amin(1)) and torch.equal(boxes[:, -1, 3:].amax(2), high.amax(1))
    assert torch.equal(least[:, -1].amin(1), index.flatten(1).amin(1))
