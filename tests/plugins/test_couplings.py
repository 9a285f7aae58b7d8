"""Coupling layers: they invert, and their log-determinant is that of the Jacobian."""

import pytest
import torch
from torch import nn

from pcgen.plugins.couplings import Couplings


def random_flow(dims, context, affine):
    """A flow that is far from the identity it starts as."""
    torch.manual_seed(dims)
    flow = Couplings(dims, context, layers=4, hidden=16, affine=affine).double()
    for parameter in flow.parameters():
        nn.init.normal_(parameter, std=0.3)
    return flow


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("dims", "context"), [(2, 0), (5, 0), (8, 3)])
def test_inverse_and_log_determinant(dims, context, affine):
    flow = random_flow(dims, context, affine)
    x = torch.randn(6, dims, dtype=torch.float64)
    c = torch.randn(6, context, dtype=torch.float64) if context else None
    y, log_det = flow(x, c)
    assert (y - x).abs().mean() > 0.1
    torch.testing.assert_close(flow.inverse(y, c), x, atol=1e-10, rtol=0)
    for row in range(len(x)):
        given = None if c is None else c[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(lambda v, g=given: flow(v[None], g)[0][0], x[row])
        torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[row], atol=1e-8, rtol=1e-8)
    assert (log_det == 0).all() if not affine else log_det.abs().min() > 0


def test_float32_inverts_to_1e_5():
    flow = random_flow(16, 2, True).float()
    x, c = torch.randn(200, 16), torch.randn(200, 2)
    y, _ = flow(x, c)
    assert (flow.inverse(y, c) - x).abs().max() < 1e-5 * y.abs().max()
