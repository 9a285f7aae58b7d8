"""Farthest-point sampling: the greedy order of its reference, its edges, its covering law."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import Pointclouds, clouds, on_a_grid, with_bad_points

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import farthest_point_sample, gather_points, nearest, reference


def assert_equals_reference(points, lengths, start, k):
    """Indices and squared radii of the operator; in float32, whose fused steps the reference emulates, to the bit."""
    index, dist2 = torch.ops.pcgen.farthest_point_sample(points, lengths, start, k)
    expected_index, expected_dist2 = reference.farthest_point_sample(points, lengths, start, k)
    assert torch.equal(index, expected_index)
    rtol = 0 if points.dtype == torch.float32 else 1e-14
    torch.testing.assert_close(dist2, expected_dist2, rtol=rtol, atol=0, equal_nan=True)


# Fewer than 32 samples leave the points in their order; more sort them into buckets, of several groups from about 2000.
@pytest.mark.parametrize(
    ("batch", "n", "k"), [(1, 1, 1), (2, 5, 5), (3, 128, 128), (2, 300, 77), (2, 5000, 20), (1, 5000, 300)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_farthest_equals_reference(batch, n, k, dtype, make):
    assert_equals_reference(make(batch, n).to(dtype), None, torch.arange(batch) * 3, k)


@pytest.mark.parametrize("dim", [2, 4, 7, 16])
@pytest.mark.parametrize("make", [clouds, on_a_grid])
def test_every_dimension_equals_reference(dim, make):
    points = make(2, 700, dim=dim)
    assert_equals_reference(points, torch.tensor([700, 650]), torch.tensor([3, 0]), 150)


def uneven(n):
    """Clusters of very different density, a far outlier, and many copies of one point."""
    generator = torch.Generator().manual_seed(2)
    spread = 10.0 ** -torch.randint(0, 6, (n, 1), generator=generator)
    points = torch.randn(n, 3, generator=generator) * spread + spread
    points[: n // 4] = points[0]
    points[-1] = 1e6
    return points[torch.randperm(n, generator=generator)][None]


@pytest.mark.parametrize(
    "make", [uneven, lambda n: clouds(1, n), lambda n: on_a_grid(1, n) + 0.5, lambda n: torch.zeros(1, n, 3)]
)
def test_a_large_cloud_equals_reference(make):
    assert_equals_reference(make(20_000), None, torch.tensor([777]), 120)


def test_a_large_cloud_does_not_depend_on_the_number_of_threads():
    points, threads = clouds(1, 200_000), torch.get_num_threads()
    try:
        samples = []
        for count in (1, 3):
            torch.set_num_threads(count)
            samples.append(farthest_point_sample(points, 500))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*samples)


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_distances_that_under_or_overflow_equal_reference(scale):
    assert_equals_reference(clouds(2, 600) * scale, None, torch.zeros(2, dtype=torch.int64), 100)


def test_farthest_equals_reference_with_bad_points_and_lengths():
    points = with_bad_points(on_a_grid(6, 150))
    lengths = torch.tensor([0, 1, 60, 100, 149, 150])
    assert_equals_reference(points, lengths, torch.tensor([0, 5, 59, 60, 0, 149]), 120)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 300), st.booleans())
def test_random_inputs_equal_reference(seed, batch, n, bad):
    points = on_a_grid(batch, n, seed)
    if bad:
        points = with_bad_points(points, seed=seed)
    lengths = torch.randint(0, n + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    assert_equals_reference(points, lengths, lengths // 2, seed % (n + 1))


def test_ties_take_the_lowest_index():
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0]])
    assert farthest_point_sample(corners, 4).tolist() == [0, 1, 2, 3]


def test_duplicates_are_taken_once_each():
    index, radii = farthest_point_sample(torch.zeros(2, 200, 3), 200, start=7, return_radii=True)
    assert index[0].tolist() == [7, *range(7), *range(8, 200)]
    assert torch.equal(index[0], index[1]) and not radii.any()


def test_bad_points_come_last_and_a_bad_start_gives_way():
    points = torch.tensor([[torch.nan, 0, 0], [1.0, 0, 0], [torch.inf, 0, 0], [2.0, 0, 0]])
    index, radii = farthest_point_sample(points, 4, return_radii=True)
    assert index.tolist() == [1, 3, 0, 2] and radii.tolist() == [1, 0, 0, 0]


def test_farthest_of_a_shorter_k_is_a_prefix():
    points = clouds(2, 400)
    longer, shorter = (farthest_point_sample(points, k, return_radii=True) for k in (300, 50))
    assert torch.equal(longer.index[:, :50], shorter.index) and torch.equal(longer.radii[:, :50], shorter.radii)


def test_no_points_wanted():
    assert farthest_point_sample(torch.zeros(2, 5, 3), 0).shape == (2, 0)
    assert farthest_point_sample(torch.zeros(2, 0, 3), 0, start="farthest_from_mean").shape == (2, 0)
    assert farthest_point_sample(torch.zeros(0, 5, 3), 2, start="random").shape == (0, 2)


def test_non_contiguous_inputs():
    points = clouds(2, 200, seed=4)[:, ::2]
    assert not points.is_contiguous()
    assert torch.equal(farthest_point_sample(points, 20), farthest_point_sample(points.contiguous(), 20))


def test_unbatched_equals_batched():
    points = clouds(1, 40)
    one, batch = (farthest_point_sample(p, 9, return_radii=True) for p in (points[0], points))
    assert torch.equal(one.index, batch.index[0]) and torch.equal(one.radii, batch.radii[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_points_are_sampled_in_float32(dtype):
    points = clouds(2, 60).to(dtype)
    index, radii = farthest_point_sample(points, 20, return_radii=True)
    assert torch.equal(index, farthest_point_sample(points.float(), 20)) and radii.dtype == torch.float32


def test_pointclouds_bring_their_own_lengths():
    first, second = clouds(1, 30)[0], clouds(1, 12, seed=1)[0]
    index = farthest_point_sample(Pointclouds([first, second]), 15)
    assert torch.equal(index[0], farthest_point_sample(first, 15))
    assert torch.equal(index[1, :12], farthest_point_sample(second, 12)) and (index[1, 12:] == -1).all()


def test_radii_are_those_of_the_nearest_sampled_point():
    points = clouds(2, 300)
    index, radii = farthest_point_sample(points, 40, return_radii=True)
    for taken in (1, 7, 40):
        sample = gather_points(points, index[:, :taken])
        torch.testing.assert_close(radii[:, taken - 1], nearest(points, sample).distance.amax(1))


def test_random_start_is_uniform_over_the_valid_points_and_repeats_with_its_generator():
    points, lengths = clouds(1, 8).expand(4000, -1, -1), torch.full((4000,), 5)
    draws = [
        farthest_point_sample(points, 1, lengths=lengths, start="random", generator=torch.Generator().manual_seed(seed))
        for seed in (3, 3, 4)
    ]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    counts = draws[0].flatten().bincount()
    assert len(counts) == 5 and (counts - 800).abs().max() < 120  # 4.7 standard deviations


def test_start_farthest_from_mean_ignores_what_is_not_valid():
    points = torch.tensor([[1.0, 0, 0], [0, 0, 0], [-2, 0, 0], [torch.inf, 0, 0], [100, 0, 0]])[None]
    sample = farthest_point_sample(points, 4, lengths=torch.tensor([4]), start="farthest_from_mean")
    assert sample.tolist() == [[2, 0, 1, 3]]


def test_start_farthest_from_mean_is_independent_of_the_order():
    points = clouds(1, 300, torch.float64)[0]
    order = torch.randperm(300, generator=torch.Generator().manual_seed(5))
    sample, other = (farthest_point_sample(p, 60, start="farthest_from_mean") for p in (points, points[order]))
    assert torch.equal(order[other], sample)


def test_gather_points_takes_zeros_for_minus_one():
    points = clouds(2, 5)
    taken = gather_points(points, torch.tensor([[4, -1], [0, 2]]))
    assert torch.equal(taken[0, 0], points[0, 4]) and torch.equal(taken[0, 1], torch.zeros(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    points, lengths = clouds(2, 30, dtype), torch.tensor([30, 9])
    torch.library.opcheck(
        torch.ops.pcgen.farthest_point_sample, (points, lengths, torch.zeros(2, dtype=torch.int64), 7)
    )


@pytest.mark.parametrize("start", [3, "random", "farthest_from_mean"])
def test_compile_fullgraph(start):
    points = clouds(2, 40)

    def sample(points):
        return gather_points(points, farthest_point_sample(points, 10, start=start))

    compiled = torch.compile(sample, fullgraph=True, backend="aot_eager")
    results = []
    for call in (sample, compiled):
        torch.manual_seed(0)
        results.append(call(points))
    assert torch.equal(*results)


def test_vmap_equals_the_batch():
    points, start = clouds(6, 40).unflatten(0, (3, 2)), torch.arange(6).view(3, 2)
    mapped = torch.func.vmap(lambda p, s: tuple(farthest_point_sample(p, 9, start=s, return_radii=True)))(points, start)
    expected = farthest_point_sample(points.flatten(0, 1), 9, start=start.flatten(), return_radii=True)
    for result, wanted in zip(mapped, expected, strict=True):
        assert torch.equal(result.flatten(0, 1), wanted)


def test_gradients_pass_through_the_gathered_points():
    points = clouds(1, 20)[0].requires_grad_()
    index = farthest_point_sample(points, 4)
    gather_points(points, index).sum().backward()
    assert torch.equal(points.grad.sum(1).nonzero()[:, 0], index.sort().values)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_farthest_covers_at_most_twice_as_badly_as_its_own_spacing_allows(seed, k):
    """Gonzalez' argument: the covering radius of the greedy sample never exceeds the least distance within it."""
    points = clouds(1, 60, torch.float64, seed)
    index, radii = farthest_point_sample(points, k, return_radii=True)
    chosen = gather_points(points, index)
    spacing = torch.cdist(chosen, chosen)[0].fill_diagonal_(torch.inf).min()
    assert radii[0, -1] <= spacing * (1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: farthest_point_sample(clouds(1, 3), 4), InputError, "between 0 and the number of points N = 3, got 4"),
        (lambda: farthest_point_sample(torch.rand(1, 9, 17), 4), InputError, r"D from 2 to 16, got \[1, 9, 17\]"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(1)), InputTypeError, "integers"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start=torch.zeros(2).long()), InputError, r"shape \[1\]"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, start="center"), InputError, "random, farthest_from_mean; got"),
        (lambda: farthest_point_sample(clouds(1, 3), 2, generator=torch.Generator()), InputError, "start is 0"),
        (lambda: gather_points(clouds(1, 3), torch.zeros(3).long()), InputError, "index must have shape"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
