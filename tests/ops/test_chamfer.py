"""Chamfer distance: known answers, derivatives, laws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.inputs import clouds

from pcgen.ops import chamfer_distance


def test_chamfer_of_a_set_with_itself_is_zero():
    x = clouds(3, 200)
    assert torch.equal(chamfer_distance(x, x.flip(1)), torch.zeros(3))


def test_chamfer_of_a_translated_lattice_is_twice_the_squared_shift():
    axis = torch.arange(4.0)
    lattice = torch.cartesian_prod(axis, axis, axis)
    shift = torch.tensor([0.3, 0.0, 0.0])
    torch.testing.assert_close(chamfer_distance(lattice, lattice + shift), torch.tensor(2 * 0.3**2))


def test_chamfer_equals_its_definition():
    x, y = clouds(4, 60, torch.float64), clouds(4, 90, torch.float64, seed=2)
    d = torch.cdist(x, y).square()
    torch.testing.assert_close(chamfer_distance(x, y), d.amin(2).mean(1) + d.amin(1).mean(1))


def test_lengths_cut_the_clouds():
    x, y = clouds(2, 50), clouds(2, 40, seed=1)
    lengths = torch.tensor([30, 50]), torch.tensor([40, 7])
    got = chamfer_distance(x, y, x_lengths=lengths[0], y_lengths=lengths[1])
    expected = [chamfer_distance(x[b, : lengths[0][b]], y[b, : lengths[1][b]]) for b in range(2)]
    torch.testing.assert_close(got, torch.stack(expected))


def test_empty_inputs():
    assert chamfer_distance(torch.zeros(0, 5, 3), torch.zeros(0, 4, 3)).shape == (0,)
    assert chamfer_distance(torch.zeros(4, 3), torch.zeros(0, 3)).isinf()


def test_a_bad_point_is_left_out_and_has_no_gradient():
    x = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0], [torch.inf, 0.0, 0.0]], requires_grad=True)
    chamfer = chamfer_distance(x, y)
    assert chamfer.item() == 2.0
    gradient = torch.autograd.grad(chamfer, x)[0]
    assert gradient.isfinite().all()


def test_unbatched_gives_a_scalar():
    x, y = clouds(1, 40), clouds(1, 30, seed=1)
    assert torch.equal(chamfer_distance(x[0], y[0]), chamfer_distance(x, y)[0])


def test_derivatives():
    x = clouds(2, 9, torch.float64).requires_grad_()
    y = clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(chamfer_distance, (x, y))
    assert torch.autograd.gradgradcheck(chamfer_distance, (x, y))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own forward mode uses it
def test_forward_mode_derivatives():
    x, y = clouds(2, 9, torch.float64).requires_grad_(), clouds(2, 7, torch.float64, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(chamfer_distance, (x, y), check_forward_ad=True)


def test_gradients_are_deterministic():
    x, y = clouds(4, 500).requires_grad_(), clouds(4, 20, seed=1).requires_grad_()
    first = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    second = torch.autograd.grad(chamfer_distance(x, y).sum(), (x, y))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_compile_fullgraph():
    x, y = clouds(2, 40).requires_grad_(), clouds(2, 30, seed=1)

    def loss(x, y):
        return chamfer_distance(x, y).sum()

    # aot_eager traces forward, backward and fake kernels; the C++ code generator is torch's business.
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, y), loss(x, y))
    torch.testing.assert_close(torch.autograd.grad(compiled(x, y), x), torch.autograd.grad(loss(x, y), x))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_laws_of_chamfer(seed, scale):
    x, y = clouds(1, 40, torch.float64, seed), clouds(1, 25, torch.float64, seed + 1)
    base = chamfer_distance(x, y)
    torch.testing.assert_close(chamfer_distance(y, x), base)
    torch.testing.assert_close(chamfer_distance(x * scale, y * scale), base * scale**2)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(chamfer_distance(x[:, order], y), base)
