"""Our operators against pytorch3d's, where it is installed (from source; `make test-pytorch3d` insists on it).

What is compared is what docs/from_pytorch3d.md says is the same.
"""

import warnings

import pytest
import torch
from ops.inputs import clouds

from pcgen.ops import (
    chamfer_distance,
    chamfer_terms,
    farthest_point_sample,
    gather_points,
    hausdorff_distance,
    knn,
    nearest,
    nearest_both,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies warn when imported
    pytest.importorskip("pytorch3d")
    import pytorch3d.loss
    import pytorch3d.ops
    import pytorch3d.structures

LENGTHS = {"full": (None, None), "ragged": (torch.tensor([150, 1, 77]), torch.tensor([3, 200, 111]))}


def pair(dim=3):
    return clouds(3, 150, seed=1, dim=dim), clouds(3, 200, seed=2, dim=dim)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("directions", ["sum", "forward"])
@pytest.mark.parametrize("over_points", ["mean", "sum"])
@pytest.mark.parametrize("over_batch", ["none", "mean", "sum"])
def test_chamfer_distance_with_normals_and_gradients(lengths, directions, over_points, over_batch):
    x_lengths, y_lengths = LENGTHS[lengths]
    normals = [torch.nn.functional.normalize(points, dim=-1) for points in pair()]
    results = []
    for ours in (True, False):
        x, y = (points.requires_grad_() for points in pair())
        if ours:
            terms = chamfer_terms(
                x,
                y,
                x_normals=normals[0],
                y_normals=normals[1],
                x_lengths=x_lengths,
                y_lengths=y_lengths,
                directions=directions,
                point_reduction=over_points,
                batch_reduction=over_batch,
            )
            distance, angle = terms.distance, terms.normals
        else:
            distance, angle = pytorch3d.loss.chamfer_distance(
                x,
                y,
                x_lengths,
                y_lengths,
                *normals,
                single_directional=directions == "forward",
                point_reduction=over_points,
                batch_reduction=None if over_batch == "none" else over_batch,
            )
        results.append([distance, angle, *torch.autograd.grad(distance.sum(), (x, y))])
    for ours, theirs in zip(*results, strict=True):
        close(ours.detach(), theirs.detach())


def test_chamfer_distance_with_weights_of_the_pairs():
    x, y = pair()
    weights = torch.tensor([0.2, 0.0, 3.0])
    theirs, _ = pytorch3d.loss.chamfer_distance(x, y, weights=weights, batch_reduction="mean")
    close((weights * chamfer_distance(x, y)).sum() / weights.sum(), theirs)


def test_chamfer_distance_of_every_point():
    x, y = pair()
    (theirs_x, theirs_y), _ = pytorch3d.loss.chamfer_distance(x, y, batch_reduction=None, point_reduction=None)
    of_x, of_y = nearest_both(x, y)
    close(of_x.dist2, theirs_x)
    close(of_y.dist2, theirs_y)


def test_the_greatest_distance_is_hausdorffs():
    x, y = pair()
    theirs, _ = pytorch3d.loss.chamfer_distance(x, y, batch_reduction=None, point_reduction="max")
    close(hausdorff_distance(x, y).square(), theirs)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dim", [2, 3, 8])
@pytest.mark.parametrize("k", [1, 7])
def test_knn_points(lengths, dim, k):
    x_lengths, y_lengths = LENGTHS[lengths]
    results = []
    for ours in (True, False):
        x, y = (points.requires_grad_() for points in pair(dim))
        if ours:
            dist2, index = knn(x, y, k, query_lengths=x_lengths, points_lengths=y_lengths)
        else:
            dist2, index, _ = pytorch3d.ops.knn_points(x, y, x_lengths, y_lengths, K=k)
        # Beyond a length their index and distance are 0, ours -1 and inf or NaN.
        both = knn(x, y, k, query_lengths=x_lengths, points_lengths=y_lengths).index >= 0
        dist2, index = dist2.where(both, 0), index.where(both, 0)
        results.append((dist2.detach(), index, *torch.autograd.grad(dist2.sum(), (x, y))))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("lengths", [None, torch.tensor([150, 1, 77])])
@pytest.mark.parametrize("k", [1, 60, 150])
def test_sample_farthest_points(lengths, k):
    points, _ = pair()
    sampled, theirs = pytorch3d.ops.sample_farthest_points(points, lengths, K=k)
    ours = farthest_point_sample(points, k, lengths=lengths)
    assert torch.equal(ours, theirs)
    close(gather_points(points, ours), sampled)


def test_pointclouds_are_taken_where_clouds_are():
    x, y = pytorch3d.structures.Pointclouds([clouds(1, n, seed=n)[0] for n in (5, 30, 20)]), pair()[1]
    padded, lengths = x.points_padded(), x.num_points_per_cloud()
    close(chamfer_distance(x, y), chamfer_distance(padded, y, x_lengths=lengths))
    close(chamfer_distance(x, y, batch_reduction="mean"), pytorch3d.loss.chamfer_distance(x, y)[0])
    assert torch.equal(nearest(y, x).index, nearest(y, padded, y_lengths=lengths).index)
    assert torch.equal(knn(x, y, 3).index, knn(padded, y, 3, query_lengths=lengths).index)
    assert torch.equal(farthest_point_sample(x, 7), farthest_point_sample(padded, 7, lengths=lengths))
