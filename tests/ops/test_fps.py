"""Farthest-point sampling: the greedy order of its reference, its edges, its covering law."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import farthest_point_sample, gather_points, nearest, reference


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
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 140), st.booleans())
def test_random_inputs_equal_reference(seed, batch, n, bad):
    points = on_a_grid(batch, n, seed)
    if bad:
        points = with_bad_points(points, seed=seed)
    lengths = torch.randint(0, n + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    k = seed % (n + 1)
    start = lengths // 2
    expected = reference.farthest_point_sample(points, k, start, lengths)
    assert torch.equal(farthest_point_sample(points, k, start=start, lengths=lengths), expected)


def test_ties_take_the_lowest_index():
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0]])
    assert farthest_point_sample(corners, 4).tolist() == [0, 1, 2, 3]


def test_duplicates_are_taken_once_each():
    index = farthest_point_sample(torch.zeros(2, 200, 3), 200)
    assert torch.equal(index.sort(1)[0], torch.arange(200).expand(2, -1))


def test_bad_points_come_last_and_a_bad_start_gives_way():
    points = torch.tensor([[torch.nan, 0, 0], [1.0, 0, 0], [torch.inf, 0, 0], [2.0, 0, 0]])
    assert farthest_point_sample(points, 4).tolist() == [1, 3, 0, 2]


def test_farthest_of_a_shorter_k_is_a_prefix():
    points = clouds(2, 400)
    assert torch.equal(farthest_point_sample(points, 300)[:, :50], farthest_point_sample(points, 50))


def test_no_points_wanted():
    assert farthest_point_sample(torch.zeros(2, 5, 3), 0).shape == (2, 0)


def test_non_contiguous_inputs():
    points = clouds(2, 200, seed=4)[:, ::2]
    assert not points.is_contiguous()
    assert torch.equal(farthest_point_sample(points, 20), farthest_point_sample(points.contiguous(), 20))


def test_unbatched_equals_batched():
    points = clouds(1, 40)
    assert torch.equal(farthest_point_sample(points[0], 9), farthest_point_sample(points, 9)[0])


def test_gather_points_takes_zeros_for_minus_one():
    points = clouds(2, 5)
    taken = gather_points(points, torch.tensor([[4, -1], [0, 2]]))
    assert torch.equal(taken[0, 0], points[0, 4]) and torch.equal(taken[0, 1], torch.zeros(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    points, lengths = clouds(2, 30, dtype), torch.tensor([30, 4])
    torch.library.opcheck(
        torch.ops.pcgen.farthest_point_sample, (points, 7, torch.zeros(2, dtype=torch.int64), lengths)
    )


def test_compile_fullgraph():
    points = clouds(2, 40)

    def sample(points):
        return gather_points(points, farthest_point_sample(points, 10))

    compiled = torch.compile(sample, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(points), sample(points))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_farthest_covers_at_most_twice_as_badly_as_its_own_spacing_allows(seed, k):
    """Gonzalez' argument: the covering radius of the greedy sample never exceeds the least distance within it."""
    points = clouds(1, 60, torch.float64, seed)
    chosen = gather_points(points, farthest_point_sample(points, k))
    radius = nearest(points, chosen).dist2.max()
    spacing = torch.cdist(chosen, chosen)[0].fill_diagonal_(torch.inf).min().square()
    assert radius <= spacing * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: farthest_point_sample(clouds(1, 3), 4), InputError, "between 0 and the number of points N = 3, got 4"),
        (lambda: farthest_point_sample(torch.rand(1, 9, 5), 4), InputError, r"shape \[B, N, 3\].*got \[1, 9, 5\]"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(1)), InputTypeError, "integers"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(2).long()), InputError, r"shape \[1\]"),
        (lambda: gather_points(clouds(1, 3), torch.zeros(3).long()), InputError, "index must have shape"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
