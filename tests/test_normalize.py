from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import InputError, InputTypeError
from pcgen.normalize import NORMALIZATIONS, dataset, rotation_to_frame, unit_cube, unit_diagonal, unit_sphere

AXES = ["x", "-x", "y", "-y", "z", "-z"]
# Rounding of a handful of float64 operations on coordinates up to 100.
assert_close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)


@st.composite
def clouds(draw: st.DrawFn) -> torch.Tensor:
    """Batches ``[B, N, 3]`` float64 of Gaussian clouds, anisotropic, off the origin."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    batch, number = draw(st.integers(1, 3)), draw(st.integers(2, 20))
    spread = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    return torch.randn(batch, number, 3, generator=generator, dtype=torch.float64) * spread + 3.0


def test_known_answers_on_a_box():
    box = torch.tensor(list(itertools.product([1.0, 3.0], [0.0, 4.0], [0.0, 4.0])))
    for normalize, radius in [(unit_sphere, 3.0), (unit_cube, 2.0), (unit_diagonal, 3.0)]:
        norm = normalize(box)
        assert norm.center.tolist() == [[2.0, 2.0, 2.0]]
        assert norm.scale.tolist() == [[radius]]


def test_the_sphere_takes_the_centroid_and_the_box_its_middle():
    points = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    assert unit_sphere(points).center.tolist() == [[1.0, 0.0, 0.0]]
    assert unit_cube(points).center.tolist() == [[1.5, 0.0, 0.0]]


def test_dataset_has_one_mean_and_one_scalar():
    norm = dataset(torch.tensor([1.0, 2.0, 3.0]), 2.0)
    assert norm.apply(torch.tensor([[3.0, 2.0, 1.0]])).tolist() == [[1.0, 0.0, -1.0]]
    assert norm.apply(torch.zeros(4, 5, 3)).shape == (4, 5, 3)


@pytest.mark.parametrize(("mean", "std"), [([0.0, 0.0], 1.0), ([0.0, 0.0, 0.0], 0.0), ([0.0, 0.0, 0.0], -1.0)])
def test_dataset_refuses(mean, std):
    with pytest.raises(InputError, match=r"(mean|std) must be"):
        dataset(mean, std)


@pytest.mark.parametrize("name", NORMALIZATIONS)
@given(points=clouds())
@settings(deadline=None)
def test_invert_undoes_apply(name, points):
    norm = NORMALIZATIONS[name](points)
    assert norm.name == name
    assert_close(norm.invert(norm.apply(points)), points)


@pytest.mark.parametrize("name", NORMALIZATIONS)
@given(points=clouds(), shift=st.floats(-50, 50), size=st.floats(0.01, 100))
@settings(deadline=None)
def test_translation_and_scale_change_nothing(name, points, shift, size):
    normalize = NORMALIZATIONS[name]
    moved = points * size + shift
    assert_close(
        normalize(moved).apply(moved), normalize(points).apply(points), rtol=1e-7, atol=1e-7
    )  # a shift of 50 on a cloud of size 0.01 costs four digits


@given(points=clouds())
@settings(deadline=None)
def test_what_each_name_promises(points):
    sphere = unit_sphere(points).apply(points)
    assert_close(sphere.norm(dim=-1).amax(-1), torch.ones(len(points)).double())
    assert_close(sphere.mean(-2), torch.zeros(len(points), 3).double())
    cube = unit_cube(points).apply(points)
    assert_close(cube.abs().amax((-1, -2)), torch.ones(len(points)).double())
    diagonal = unit_diagonal(points).apply(points)
    assert_close(diagonal.amax(-2).norm(dim=-1), torch.ones(len(points)).double())


@pytest.mark.parametrize("name", NORMALIZATIONS)
@given(points=clouds())
@settings(deadline=None)
def test_a_batch_is_its_clouds(name, points):
    normalize = NORMALIZATIONS[name]
    alone = torch.stack([normalize(cloud).apply(cloud) for cloud in points])
    assert_close(normalize(points).apply(points), alone)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_derivative_is_right(name):
    points = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: NORMALIZATIONS[name](x).apply(x), points)


@pytest.mark.parametrize("name", NORMALIZATIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_dtype_is_kept(name, dtype):
    points = torch.arange(12, dtype=dtype).reshape(4, 3)
    assert NORMALIZATIONS[name](points).apply(points).dtype == dtype


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_clouds_without_extent_are_counted(name):
    good = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(0))
    equal = torch.full((1, 10, 3), 0.1)  # their rounded mean is not exactly 0.1
    infinite = good[:1].clone()
    infinite[0, 0, 0] = float("inf")
    with pytest.raises(InputError, match="2 of 4"):
        NORMALIZATIONS[name](torch.cat([good, equal, infinite]))
    with pytest.raises(InputError, match="1 of 1"):
        NORMALIZATIONS[name](torch.ones(1, 3))
    with pytest.raises(InputError, match="1 of 1"):
        NORMALIZATIONS[name](torch.tensor([[0.0, 0.0, 0.0], [1.0, float("nan"), 0.0]]))


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_an_empty_batch_stays_empty(name):
    points = torch.zeros(0, 5, 3)
    assert NORMALIZATIONS[name](points).apply(points).shape == (0, 5, 3)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_wrong_shapes_and_types_are_named(name):
    with pytest.raises(InputError, match=r"got \[4, 2\]"):
        NORMALIZATIONS[name](torch.zeros(4, 2))
    with pytest.raises(InputError, match=r"got \[0, 3\]"):
        NORMALIZATIONS[name](torch.zeros(0, 3))
    with pytest.raises(InputTypeError, match="int64"):
        NORMALIZATIONS[name](torch.zeros(4, 3, dtype=torch.int64))


def test_our_own_frame_needs_no_turning():
    assert torch.equal(rotation_to_frame(up="y", front="-z"), torch.eye(3))


def test_z_up_data_stands_up_and_looks_away():
    turn = rotation_to_frame(up="z", front="-y")
    assert (torch.tensor([[1.0, 2.0, 3.0]]) @ turn.T).tolist() == [[-1.0, 3.0, 2.0]]


@pytest.mark.parametrize(("up", "front"), [(u, f) for u in AXES for f in AXES if u[-1] != f[-1]])
def test_frames_are_rotations_that_put_up_and_front_in_place(up, front):
    turn = rotation_to_frame(up, front)
    assert_close(turn @ turn.T, torch.eye(3), rtol=0, atol=0)
    assert torch.linalg.det(turn).item() == pytest.approx(1.0)
    axis = {name: torch.eye(3)["xyz".index(name[-1])] * (-1 if name[0] == "-" else 1) for name in AXES}
    assert torch.equal(turn @ axis[up], axis["y"])
    assert torch.equal(turn @ axis[front], axis["-z"])


def test_impossible_frames_are_refused():
    with pytest.raises(InputError, match="different axes, got up 'y' and front '-y'"):
        rotation_to_frame("y", "-y")
    with pytest.raises(InputError, match="unknown axis 'Y'"):
        rotation_to_frame("Y", "z")
