"""kNN and the spatial index: equal to the reference on every kind of cloud, and the laws of neighbours."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import Pointclouds

from pcgen.errors import InputError, InputTypeError
from pcgen.ops import SpatialIndex, knn, nearest, nearest_both, reference

LEAF, FAN = reference.LEAF, reference.FAN
# Around one leaf, one group of leaves, and one group of groups.
SIZES = [1, 2, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF + 1, LEAF * FAN - 1, LEAF * FAN, LEAF * FAN + 1, LEAF * FAN**2 + 1]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def uniform(n, seed=0):
    return torch.randn(n, 3, generator=seeded(seed))


def grid(n, seed=0):
    """Many exact ties and duplicates."""
    return torch.randint(-3, 4, (n, 3), generator=seeded(seed)).float()


def duplicates(n, seed=0):
    return torch.full((n, 3), 0.25)


def few_places(n, seed=0):
    return uniform(3, seed)[torch.randint(0, 3, (n,), generator=seeded(seed))]


def outliers(n, seed=0):
    far = torch.rand(n, 1, generator=seeded(seed)) < 0.01
    return torch.where(far, 1e6 * uniform(n, seed), uniform(n, seed + 1))


def clusters(n, seed=0):
    """Densities that differ by a factor of a billion."""
    scale = 10.0 ** -torch.randint(0, 4, (n, 1), generator=seeded(seed))
    return uniform(n, seed) * scale + scale.log10()


def far_from_the_origin(n, seed=0):
    """Coordinates with few digits left for the shape."""
    return uniform(n, seed) * 3 + 1e7


def plane(n, seed=0):
    return uniform(n, seed) * torch.tensor([1.0, 1.0, 0.0])


def line(n, seed=0):
    return uniform(n, seed) * torch.tensor([0.0, 1.0, 0.0])


def rings(n, seed=0):
    """Circles on the ground at growing radius, as a turning LiDAR sees them."""
    ring = torch.arange(n) % 16
    angle = torch.arange(n) // 16 * (2 * torch.pi * 16 / max(n, 16))
    radius = 2 + 0.1 * ring**2
    return torch.stack([radius * angle.cos(), radius * angle.sin(), torch.full((n,), -1.5)], 1)


CLOUDS = [uniform, grid, duplicates, few_places, outliers, clusters, far_from_the_origin, plane, line, rings]


def with_bad_points(points, seed=1):
    """A tenth of the points NaN or infinite."""
    points = points.clone()
    chance = torch.rand(points.shape[:-1], generator=seeded(seed))
    points[..., 0][chance < 0.05] = torch.nan
    points[..., 2][chance > 0.95] = torch.inf
    return points


def assert_equals_reference(query, points, k, radius=None, query_lengths=None, points_lengths=None):
    cut = float("inf") if radius is None else radius
    expected = reference.knn(query, points, k, cut, query_lengths, points_lengths)
    got = knn(query, points, k, radius=radius, query_lengths=query_lengths, points_lengths=points_lengths)
    assert torch.equal(got.index, expected[1])
    assert torch.equal(got.dist2.nan_to_num(-1), expected[0].nan_to_num(-1))


def assert_nearest_equals_reference(x, y, x_lengths=None, y_lengths=None):
    expected = reference.nearest_both(x, y, x_lengths, y_lengths)
    of_x, of_y = nearest_both(x, y, x_lengths=x_lengths, y_lengths=y_lengths)
    for got, wanted in zip(
        (*of_x, *of_y, *nearest(x, y, x_lengths=x_lengths, y_lengths=y_lengths)),
        (*expected, *expected[:2]),
        strict=True,
    ):
        assert torch.equal(got.nan_to_num(-1), wanted.nan_to_num(-1))


# --- equal to the reference ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("make", [uniform, grid])
def test_equals_reference_around_the_sizes_of_leaves_and_groups(n, make):
    points, query = make(n)[None], make(100, seed=5)[None]
    for k in {1, min(n, 4), min(n, 16), min(n, 20), min(n, 40), min(n, 100), min(n, 600)}:
        assert_equals_reference(query, points, k)


@pytest.mark.parametrize("make", CLOUDS)
@pytest.mark.parametrize("k", [1, 16, 17, 64, 65])
def test_equals_reference_on_every_kind_of_cloud(make, k):
    points = torch.stack([make(1500), make(1500, seed=2)])
    assert_equals_reference(points, points, k)
    assert_equals_reference(with_bad_points(points), with_bad_points(points, seed=3), k)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_equals_reference_with_lengths_and_radius(k):
    points = with_bad_points(torch.stack([grid(300, seed) for seed in range(6)]))
    lengths = torch.tensor([0, 1, 31, 64, 299, 300])
    for radius in (None, 0.0, 1.0, 2.5, 1e30):
        assert_equals_reference(points, points, k, radius, None, lengths)
        assert_equals_reference(points, points, k, radius, lengths, lengths)
        assert_equals_reference(points, points, k, radius, lengths.flip(0), None)


@pytest.mark.parametrize("dimension", [2, 4, 7, 16])
@pytest.mark.parametrize("k", [1, 16, 90])
def test_other_dimensions_equal_reference(dimension, k):
    points = torch.randint(-2, 3, (3, 90, dimension), generator=seeded(0)).float()
    query = with_bad_points(torch.randn(3, 300, max(3, dimension), generator=seeded(1)))[..., :dimension]
    assert_equals_reference(query, points, k, None, torch.tensor([7, 300, 299]), torch.tensor([90, 40, 0]))
    assert_equals_reference(query, points, k, radius=3.0)


def test_every_point_is_its_own_neighbor_for_k_equal_n():
    points = uniform(700)[None]
    assert_equals_reference(points, points, 700)
    assert torch.equal(knn(points, points, 700).index.sort(2).values, torch.arange(700).expand(1, 700, -1))


def test_float64_finds_the_least_distances():
    query, points = uniform(400).double(), uniform(2000, seed=1).double()
    expected = torch.cdist(query, points).square().sort(1)
    got = knn(query, points, 20)
    torch.testing.assert_close(got.dist2, expected.values[:, :20])
    assert torch.equal(got.index, expected.indices[:, :20])


def test_queries_far_from_sparse_among_and_far_more_than_the_points():
    points = uniform(3000)[None]
    for query in (uniform(7, seed=1) + 100, uniform(40, seed=2) * 5, uniform(5000, seed=3) * 0.01):
        assert_equals_reference(query[None], points, 9)
    assert_equals_reference(points, uniform(40, seed=4)[None], 9)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(CLOUDS),
    st.sampled_from(CLOUDS),
    st.integers(0, 1200),
    st.integers(1, 1200),
    st.integers(1, 80),
    st.booleans(),
    st.integers(0, 1000),
)
def test_random_clouds_equal_reference(make_query, make, n, m, k, bad, seed):
    query, points = make_query(n, seed)[None], make(m, seed + 1)[None]
    if bad:
        query, points = with_bad_points(query, seed), with_bad_points(points, seed + 1)
    assert_equals_reference(query, points, min(k, m))
    assert_nearest_equals_reference(query, points)


# --- nearest through the index --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CLOUDS)
def test_nearest_of_large_clouds_equals_reference(make):
    x, y = with_bad_points(make(3500)[None]), with_bad_points(make(3100, seed=1)[None])  # large enough for the index
    assert_nearest_equals_reference(x, y)
    assert_nearest_equals_reference(x, y, torch.tensor([2000]), torch.tensor([1100]))
    assert_nearest_equals_reference(x, y, torch.tensor([2000]), torch.tensor([0]))


@pytest.mark.parametrize("n", [768, 769, 785, 1023, 1025, 4097])  # around blocks of 16 and groups of 16 and 256
def test_nearest_equals_reference_around_the_sizes_of_blocks_and_groups(n):
    assert_nearest_equals_reference(uniform(n)[None], uniform(770, seed=5)[None])
    # Integers, so that the reference is exact in float64 too.
    assert_nearest_equals_reference(grid(n)[None].double(), 1e3 * uniform(770, seed=5).round()[None].double())


@pytest.mark.parametrize("make", CLOUDS)
def test_nearest_of_many_pairs_is_that_of_each(make):
    lengths = torch.tensor([0, 1, 15, 16, 17, 31, 33, 255, 256, 257, 511, 513, 767, 799, 800, 801] * 2 + [-1, 700])
    x = with_bad_points(torch.stack([make(800, seed) for seed in range(len(lengths))]))
    y = torch.stack([make(790, seed) for seed in range(50, 50 + len(lengths))])
    of_x, of_y = nearest_both(x, y, x_lengths=lengths, y_lengths=lengths.flip(0))
    for b, (n, m) in enumerate(zip(lengths.clamp(0, 800), lengths.flip(0).clamp(0, 790), strict=True)):
        alone_x, alone_y = nearest_both(x[b, :n], y[b, :m])
        for got, wanted in zip((*of_x, *of_y), (*alone_x, *alone_y), strict=True):
            assert torch.equal(got[b, : len(wanted)].nan_to_num(-1), wanted.nan_to_num(-1))
            assert (got[b, len(wanted) :].nan_to_num(-1) == -1).all()


def test_nearest_of_queries_at_equal_distance_from_all_targets():
    shell = torch.nn.functional.normalize(uniform(1500), dim=1)[None]
    assert_nearest_equals_reference(1e-3 * uniform(900, seed=1)[None], shell)
    assert_nearest_equals_reference(torch.zeros(1, 900, 3), shell)


def test_nearest_of_some_queries_whose_distances_overflow():
    x, y = uniform(900)[None], uniform(800, seed=1)[None]
    x[0, ::50] *= 1e30
    y[0, 7::90] *= 1e30
    assert_nearest_equals_reference(x, y)


def test_overflowing_distances_still_have_neighbors():
    points = torch.full((1, 40, 3), 3e38)
    points[0, 0] = torch.nan
    query = -points[:, 1:3]
    result = knn(query, points, 3)
    assert result.index.tolist() == [[[1, 2, 3]] * 2] and result.dist2.isinf().all()
    assert (knn(query, points, 3, radius=1e10).index == -1).all()
    assert_equals_reference(query, points, 40)


# --- known answers and laws -------------------------------------------------------------------------------------------


def test_neighbors_on_a_line():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0]])
    result = knn(points[1:2], points, 4)
    assert result.index.tolist() == [[1, 0, 2, 3]] and result.dist2.tolist() == [[0, 1, 1, 81]]


def test_a_cloud_of_duplicates_gives_the_lowest_indices():
    points = duplicates(50_000)
    assert torch.equal(knn(points, points, 16).index, torch.arange(16).expand(50_000, -1))


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(CLOUDS), st.integers(1, 900), st.integers(1, 30), st.integers(0, 1000))
def test_fewer_neighbors_are_a_prefix_and_radius_is_a_cut(make, n, k, seed):
    points = make(n, seed)
    k = min(k, n)
    all_of_them = knn(points, points, n)
    few = knn(points, points, k)
    assert torch.equal(few.index, all_of_them.index[:, :k]) and torch.equal(few.dist2, all_of_them.dist2[:, :k])
    near = knn(points, points, k, radius=0.5)
    within = few.dist2 <= 0.25
    assert torch.equal(near.index, few.index.masked_fill(~within, -1))
    assert torch.equal(near.dist2, few.dist2.masked_fill(~within, torch.inf))


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([uniform, clusters, outliers, rings]), st.integers(2, 900), st.integers(0, 1000))
def test_distances_do_not_depend_on_the_order_of_points(make, n, seed):
    points = make(n, seed)
    order = torch.randperm(n, generator=seeded(seed))
    assert torch.equal(knn(points, points[order], min(n, 8)).dist2, knn(points, points, min(n, 8)).dist2)


# --- the index ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CLOUDS)
def test_an_index_answers_as_knn_does(make):
    points, query = with_bad_points(make(1000).expand(2, -1, -1)), uniform(300, seed=4).expand(2, -1, -1)
    lengths = torch.tensor([1000, 600])
    index = SpatialIndex(points, lengths=lengths)
    for k, radius in ((1, None), (7, 0.8), (50, None)):
        expected = knn(query, points, k, radius=radius, points_lengths=lengths)
        got = index.knn(query, k, radius=radius)
        assert torch.equal(got.index, expected.index) and torch.equal(got.dist2, expected.dist2)
    assert torch.equal(index.nearest(query).index, nearest(query, points, y_lengths=lengths).index)


@pytest.mark.parametrize("n", [1, 33, 700])
def test_a_reference_index_answers_the_same(n):
    points, query = with_bad_points(grid(n)[None]), grid(50, seed=1)[None]
    for build in (reference.spatial_index, torch.ops.pcgen.spatial_index):
        tensors = build(points, None)
        for search in (reference.spatial_index_knn, torch.ops.pcgen.spatial_index_knn):
            dist2, index = search(query, None, *tensors, min(n, 5), 4.0)
            expected = knn(query, points, min(n, 5), radius=4.0)
            assert torch.equal(index, expected.index) and torch.equal(dist2, expected.dist2)


def test_leaves_hold_every_valid_point_once():
    points = with_bad_points(clusters(1000)[None])
    leaves, index, _, _ = torch.ops.pcgen.spatial_index(points, None)
    stored = index.flatten() != reference.NO_INDEX
    original = index.flatten()[stored].long()
    assert torch.equal(original.sort().values, points[0].isfinite().all(1).nonzero()[:, 0])
    assert torch.equal(leaves.transpose(2, 3).flatten(1, 2)[0][stored], points[0][original])


# --- edges --------------------------------------------------------------------------------------------------------


def test_empty_inputs():
    assert knn(torch.zeros(0, 5, 3), torch.zeros(0, 4, 3), 2).index.shape == (0, 5, 2)
    assert knn(torch.zeros(2, 0, 3), torch.zeros(2, 4, 3), 2).dist2.shape == (2, 0, 2)
    assert knn(torch.zeros(2, 5, 3), torch.zeros(2, 0, 3), 0).index.shape == (2, 5, 0)
    assert SpatialIndex(torch.zeros(2, 0, 3)).knn(torch.zeros(2, 5, 3), 0).index.shape == (2, 5, 0)
    result = knn(torch.zeros(1, 2, 3), torch.full((1, 3, 3), torch.nan), 2)
    assert (result.index == -1).all() and result.dist2.isinf().all()


def test_unbatched_half_and_non_contiguous_inputs():
    points = uniform(600)
    expected = knn(points[None], points[None], 5)
    assert torch.equal(knn(points, points, 5).index, expected.index[0])
    strided = points.t().contiguous().t()
    assert torch.equal(knn(strided, strided, 5).index, expected.index[0])
    assert torch.equal(knn(points[::2], points[::2], 5).index, knn(points[::2].contiguous(), points[::2], 5).index)
    half = points.to(torch.bfloat16)
    result = knn(half, half, 5)
    assert result.dist2.dtype == torch.float32 and torch.equal(result.dist2, knn(half.float(), half.float(), 5).dist2)


def test_pointclouds():
    first, second = uniform(40), uniform(90, seed=1)
    clouds = Pointclouds([first, second])
    result = knn(clouds, clouds, 5)
    assert torch.equal(result.index[0, :40], knn(first, first, 5).index) and (result.index[0, 40:] == -1).all()
    assert torch.equal(result.dist2[1], knn(second, second, 5).dist2) and result.dist2[0, 40:].isnan().all()
    assert torch.equal(SpatialIndex(clouds).knn(clouds, 5).index, result.index)


def test_a_query_that_shares_memory_with_the_points_but_not_their_length():
    points = uniform(500)[None]
    assert_equals_reference(points[:, :200], points, 4)


# --- derivatives ----------------------------------------------------------------------------------------------------


def test_derivatives():
    query, points = uniform(9).double().requires_grad_(), uniform(12, seed=1).double().requires_grad_()
    for call in (lambda q, p: knn(q, p, 4).dist2, lambda q, p: SpatialIndex(p).knn(q, 4).dist2):
        assert torch.autograd.gradcheck(call, (query, points))
        assert torch.autograd.gradgradcheck(call, (query, points))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
def test_forward_mode_derivatives():
    query, points = uniform(9).double().requires_grad_(), uniform(12, seed=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda q, p: knn(q, p, 4).dist2, (query, points), check_forward_ad=True)


def test_values_do_not_depend_on_asking_for_a_gradient():
    query, points = uniform(500), uniform(800, seed=1)
    assert torch.equal(knn(query.requires_grad_(), points, 8).dist2, knn(query.detach(), points, 8).dist2)


def test_unusable_queries_and_missing_neighbors_have_no_gradient():
    query = torch.tensor([[torch.nan, 0, 0], [0.0, 0, 0]], requires_grad=True)
    points = torch.tensor([[1.0, 0, 0], [torch.inf, 0, 0], [5.0, 0, 0]], requires_grad=True)
    dist2 = knn(query, points, 3, radius=2.0).dist2
    assert dist2[0].isnan().all() and dist2[1].tolist() == [1, torch.inf, torch.inf]
    dist2[1, 0].backward()
    assert query.grad.tolist() == [[0, 0, 0], [-2, 0, 0]] and points.grad.tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


# --- torch's own checks -----------------------------------------------------------------------------------------------


def test_transforms():
    query, points = torch.stack([uniform(6), uniform(6, seed=1)]), torch.stack([uniform(9, seed=2), uniform(9, seed=3)])
    expected = knn(query, points, 3)
    mapped = torch.func.vmap(lambda q, p: tuple(knn(q, p, 3)))(query, points)
    assert torch.equal(mapped[0], expected.dist2) and torch.equal(mapped[1], expected.index)
    total = torch.func.grad(lambda q: knn(q, points, 3).dist2.sum())(query)
    leaf = query.clone().requires_grad_()
    torch.testing.assert_close(total, torch.autograd.grad(knn(leaf, points, 3).dist2.sum(), leaf)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opcheck(dtype):
    query, points = uniform(40).to(dtype)[None], uniform(2 * LEAF, seed=1).to(dtype)[None]
    lengths = torch.tensor([50])
    torch.library.opcheck(torch.ops.pcgen.knn, (query, points, 3, float("inf"), None, None))
    torch.library.opcheck(
        torch.ops.pcgen.knn, (query[..., :2], points[..., :2], 3, 1.0, torch.tensor([40]), lengths)
    )  # no NaN, see below
    torch.library.opcheck(torch.ops.pcgen.spatial_index, (points, None))  # full leaves: opcheck takes NaN for unequal
    tensors = torch.ops.pcgen.spatial_index(points, lengths)
    torch.library.opcheck(torch.ops.pcgen.spatial_index_knn, (query, None, *tensors, 3, 1.0))


def test_compile_fullgraph():
    query, points = uniform(40).requires_grad_(), uniform(50, seed=1)

    def loss(query, points):
        return knn(query, points, 4).dist2.sum() + SpatialIndex(points).nearest(query).dist2.sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(query, points), loss(query, points))
    expected = torch.autograd.grad(loss(query, points), query)
    torch.testing.assert_close(torch.autograd.grad(compiled(query, points), query), expected)


# --- bad inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: knn([1], uniform(3), 1), InputTypeError, "query must be a torch.Tensor, got list"),
        (lambda: knn(uniform(3).int(), uniform(3), 1), InputTypeError, "query must be floating point"),
        (lambda: knn(uniform(3), uniform(3), 4), InputError, "between 0 and the number of points M = 3, got 4"),
        (lambda: knn(uniform(3), uniform(3), -1), InputError, "got -1"),
        (lambda: knn(uniform(3), uniform(3), 1, radius=-1.0), InputError, "radius must not be negative"),
        (lambda: knn(uniform(3), uniform(3), 1, radius=float("nan")), InputError, "got nan"),
        (lambda: knn(uniform(3)[:, :2], uniform(3), 1), InputError, "same dimension, got 2 and 3"),
        (lambda: knn(torch.zeros(3, 17), torch.zeros(3, 17), 1), InputError, r"D from 2 to 16, got \[3, 17\]"),
        (lambda: knn(uniform(3)[None], torch.zeros(2, 3, 3), 1), InputError, "same batch size"),
        (lambda: knn(uniform(3), uniform(3).double(), 1), InputTypeError, "same dtype"),
        (lambda: SpatialIndex(torch.zeros(3, 2)), InputError, "dimension 3, got 2"),
        (lambda: SpatialIndex(uniform(3)).knn(uniform(3), 4), InputError, "number of points M = 3, got 4"),
        (lambda: SpatialIndex(uniform(3)).nearest(uniform(3).double()), InputTypeError, "same dtype"),
    ],
)
def test_bad_inputs(call, error, message):
    with pytest.raises(error, match=message):
        call()
