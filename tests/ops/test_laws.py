"""Laws of the searches that hold to the bit: symmetry, motion, scale and order."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import clouds, on_a_grid

from pcgen.ops import farthest_point_sample, knn, nearest, nearest_both

SEEDS = st.integers(0, 10**6)
SIZES = st.integers(1, 300)


def shuffled(n, seed):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def equal(ours, theirs):
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@settings(deadline=None, max_examples=30)
@given(SEEDS, SIZES, SIZES)
def test_both_directions_swap_with_the_clouds(seed, n, m):
    x, y = clouds(2, n, seed=seed), clouds(2, m, seed=seed + 1)
    for ours, theirs in zip(nearest_both(x, y), reversed(nearest_both(y, x)), strict=True):
        equal(ours, theirs)


@settings(deadline=None, max_examples=30)
@given(SEEDS, SIZES, SIZES, st.integers(-9, 9), st.integers(-8, 8))
def test_moving_keeps_everything_and_scaling_multiplies_distances(seed, n, m, step, power):
    """With whole coordinates and a power of two nothing is rounded, and ties stay ties."""
    x, y = on_a_grid(1, n, seed), on_a_grid(1, m, seed + 1)
    turned = torch.tensor([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scale = 2.0**power

    def moved(points):
        return (points @ turned + step) * scale

    for search in (nearest, lambda a, b: knn(a, b, min(m, 5))):
        dist2, index = search(x, y)
        equal(search(moved(x), moved(y)), (dist2 * scale**2, index))
    index, radii = farthest_point_sample(y, m, return_radii=True)
    equal(farthest_point_sample(moved(y), m, return_radii=True), (index, radii * scale))


@settings(deadline=None, max_examples=30)
@given(SEEDS, SIZES, SIZES)
def test_the_order_of_the_points_only_renames_them(seed, n, m):
    x, y, order = clouds(1, n, seed=seed), clouds(1, m, seed=seed + 1), shuffled(m, seed)
    for search in (nearest, lambda a, b: knn(a, b, min(m, 5))):
        dist2, renamed = search(x, y[:, order])
        equal((dist2, order[renamed]), search(x, y))
    renamed = farthest_point_sample(y[:, order], m, start=int((order == 0).nonzero()))
    assert torch.equal(order[renamed], farthest_point_sample(y, m))
    of_shuffled = nearest(x[:, shuffled(n, seed)], y)
    equal(of_shuffled, [part[:, shuffled(n, seed)] for part in nearest(x, y)])
