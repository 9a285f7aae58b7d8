"""The CUDA kernel of the Earth Mover's Distance, run by the emulation or on a GPU: certificates checked outside."""

import pytest
import torch
from ops.inputs import clouds, on_a_grid, with_bad_points

from pcgen.ops import reference

ROUNDING = 1e-12


def costs(x, y, squared):
    dist = (x.double()[:, None] - y.double()[None]).norm(dim=-1)
    return dist.square() if squared else dist


def check_pair(x, y, answer, squared, tol):
    """A bijection, at a cost and with a bound as claimed, around the optimum and within the tolerance."""
    assignment, prices, lower_bound, gap, converged = answer
    n = len(x)
    assert torch.equal(assignment[:n].sort()[0], torch.arange(n)) and (assignment[n:] == -1).all()
    assert (prices[:n] >= 0).all() and (prices[n:] == 0).all()
    cost, prices = costs(x, y, squared), prices[:n]
    primal = cost[torch.arange(n), assignment[:n]].mean().item()
    dual = ((cost + prices).amin(1).mean() - prices.mean()).item()
    optimum = reference.emd(x[None], y[None], None, None, squared, tol, True)[2].item()
    assert lower_bound.item() == pytest.approx(max(0.0, dual), rel=1e-9, abs=ROUNDING)
    assert lower_bound.item() <= optimum + ROUNDING and optimum <= primal + ROUNDING
    assert gap.item() * primal == pytest.approx(primal - lower_bound.item(), abs=ROUNDING)
    assert converged and primal - lower_bound.item() <= tol * primal + ROUNDING


def solve(cuda, x, y, squared=False, tol=0.01, exact=False, lengths=None, prices=None, **options):
    answer = cuda("emd", x, y, lengths, prices, squared, tol, exact, **options)
    counts = [x.shape[1]] * len(x) if lengths is None else lengths.clamp(0, x.shape[1]).tolist()
    for b, count in enumerate(counts):
        if count:
            check_pair(x[b, :count], y[b, :count], [part[b] for part in answer], squared, 1e-9 if exact else tol)
    return answer


@pytest.mark.parametrize("n", [1, 2, 16, 33])
@pytest.mark.parametrize("squared", [False, True])
def test_certificates(cuda, n, squared):
    solve(cuda, clouds(2, n), clouds(2, n, seed=1), squared)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ties_and_duplicates(cuda, dtype):
    solve(cuda, on_a_grid(1, 40).to(dtype), on_a_grid(1, 40, seed=1).to(dtype))
    solve(cuda, torch.zeros(1, 20, 3, dtype=dtype), torch.zeros(1, 20, 3, dtype=dtype))
    solve(cuda, torch.zeros(1, 20, 3, dtype=dtype), clouds(1, 20, dtype))


def test_exact(cuda):
    solve(cuda, clouds(1, 24), clouds(1, 24, seed=1), exact=True)


def test_lengths_and_bad_points(cuda):
    x, y = clouds(5, 20), clouds(5, 20, seed=1)
    x[3] = with_bad_points(x[3:4], 0.9)[0]
    y[4, 19] = torch.nan
    lengths = torch.tensor([0, 7, 1000, 20, 19])
    answer = cuda("emd", x, y, lengths, None, False, 0.01, False)
    for b in (1, 2, 4):
        count = min(int(lengths[b]), 20)
        check_pair(x[b, :count], y[b, :count], [part[b] for part in answer], False, 0.01)
    assert (answer[0][3] == -1).all() and answer[2][3].isnan() and answer[3][3].isnan() and not answer[4][3]
    assert (answer[0][0] == -1).all() and answer[2][0] == 0 and answer[4][0]


def test_prices_to_start_from(cuda):
    x, y = clouds(1, 30), clouds(1, 30, seed=1)
    first = solve(cuda, x, y)
    solve(cuda, x + 0.01, y, prices=first[1] + 5)
    solve(cuda, x, y, prices=torch.full((1, 30), torch.nan, dtype=torch.float64))


def test_pairs_that_do_not_fit_into_shared_memory(cuda):
    """On the older of the emulated devices; more pairs than blocks would need a thousand of them."""
    x = clouds(1, 950)
    y = x.flip(1) + 0.001 * clouds(1, 950, seed=1)
    answer = cuda("emd", x, y, None, None, False, 0.5, False)
    assert torch.equal(answer[0].sort(1)[0][0], torch.arange(950))


def test_empty(cuda):
    for batch, n in [(0, 4), (2, 0)]:
        answer = cuda("emd", clouds(batch, n), clouds(batch, n), None, None, False, 0.01, False)
        assert [part.shape for part in answer] == [(batch, n), (batch, n), (batch,), (batch,), (batch,)]
        assert answer[4].all()
