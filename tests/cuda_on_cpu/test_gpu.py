"""What only a real GPU can show: large clouds, streams, graphs, compilation. Skipped without one."""

import pytest
import torch
from ops.inputs import clouds, on_a_grid

from pcgen.ops import SpatialIndex, chamfer_distance, emd_assignment, farthest_point_sample, knn, nearest, nearest_both

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CALLS = {
    "nearest_both": lambda x, y: (*nearest_both(x, y)[0], *nearest_both(x, y)[1]),
    "nearest": lambda x, y: nearest(x, y),
    "knn": lambda x, y: knn(x, y, k=min(16, y.shape[1])),
    "spatial_index": lambda x, y: SpatialIndex(y).knn(x, 3),
    "farthest_point_sample": lambda x, _: (farthest_point_sample(x, min(64, x.shape[1])),),
}


def assert_equal_on_cpu_and_gpu(call, *points):
    for got, want in zip(call(*(p.cuda() for p in points)), call(*points), strict=True):
        torch.testing.assert_close(got.cpu(), want, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("batch", "n"), [(32, 2048), (3, 5000), (1, 20000), (1, 150000)])
def test_large_clouds(name, batch, n):
    assert_equal_on_cpu_and_gpu(CALLS[name], clouds(batch, n), clouds(batch, n, seed=1))


def test_many_small_clouds():
    assert_equal_on_cpu_and_gpu(CALLS["nearest_both"], on_a_grid(5000, 17), on_a_grid(5000, 9, seed=1))


def test_chamfer_gradient():
    grads = []
    for device in ("cpu", "cuda"):
        x, y = (clouds(4, 1000, seed=seed).to(device).requires_grad_() for seed in (0, 1))
        chamfer_distance(x, y).sum().backward()
        grads.append((x.grad.cpu(), y.grad.cpu()))
    for got, want in zip(*grads, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-8)


def test_emd_within_the_tolerance_of_the_cpu():
    x, y = clouds(4, 2048), clouds(4, 2048, seed=1)
    got, want = emd_assignment(x.cuda(), y.cuda()), emd_assignment(x, y)
    assert got.converged.all() and (got.assignment.cpu().sort(1)[0] == torch.arange(2048)).all()
    torch.testing.assert_close(got.value.cpu(), want.value, rtol=0.01, atol=0)


def test_gradcheck():
    x, y = (clouds(2, 9, torch.float64, seed).cuda().requires_grad_() for seed in (0, 1))
    assert torch.autograd.gradcheck(lambda x, y: nearest(x, y).dist2, (x, y))


@pytest.mark.parametrize("name", CALLS)
def test_graph_capture_and_another_stream(name):
    x, y = clouds(2, 3000).cuda(), clouds(2, 3000, seed=1).cuda()
    expected = [part.clone() for part in CALLS[name](x, y)]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for got, want in zip(CALLS[name](x, y), expected, strict=True):
            assert torch.equal(got, want)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = CALLS[name](x, y)
    for part in captured:
        part.zero_()
    graph.replay()
    torch.cuda.synchronize()
    for got, want in zip(captured, expected, strict=True):
        assert torch.equal(got, want)


def test_opcheck():
    x, y = clouds(2, 40).cuda().requires_grad_(), clouds(2, 30).cuda().requires_grad_()
    torch.library.opcheck(torch.ops.pcgen.nearest, (x, y, None, None))
