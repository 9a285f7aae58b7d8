from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pcgen import assets
from pcgen.attributes import get
from pcgen.attributes.generic import GENERIC_SPECS, measure_generic
from pcgen.pointcloud import PointCloud

WIDTH, DEPTH, CENTRE, ASYMMETRY, FULLNESS, COMPACTNESS = range(len(GENERIC_SPECS))


def sphere(count: int = 4096) -> Tensor:
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return points / points.norm(dim=1, keepdim=True)


def cuboid(size: list[float], count: int = 4096) -> Tensor:
    """Points spread uniformly over the faces of a box."""
    generator = torch.Generator().manual_seed(0)
    extent = torch.tensor(size)
    face = torch.multinomial(extent.prod() / extent, count, replacement=True, generator=generator)
    points = torch.rand(count, 3, generator=generator)
    side = torch.randint(0, 2, (count, 1), generator=generator).float()
    return points.scatter(1, face[:, None], side) * extent


def test_a_sphere():
    values, measurable = measure_generic(sphere())
    assert measurable.all()
    assert values[[WIDTH, DEPTH]].tolist() == pytest.approx([1, 1], abs=0.01)
    assert values[CENTRE].item() == pytest.approx(0.5, abs=0.02)
    assert values[FULLNESS].item() == pytest.approx(math.pi / 6, rel=0.05)
    assert values[COMPACTNESS].item() == pytest.approx(1, abs=0.02)


def test_a_cuboid_fills_its_box():
    values, _ = measure_generic(cuboid([2.0, 1.0, 3.0]))
    assert values[[WIDTH, DEPTH]].tolist() == pytest.approx([2, 3], abs=0.01)
    assert values[FULLNESS].item() == pytest.approx(1, abs=0.06)
    # Mean squared distance of the faces from the centre, by hand: pairs of faces of area 3, 6 and 2.
    squared = (3 * (1 + 1 / 12 + 9 / 12) + 6 * (0.25 + 4 / 12 + 9 / 12) + 2 * (2.25 + 4 / 12 + 1 / 12)) / 11
    assert values[COMPACTNESS].item() == pytest.approx((6 * 3 / (4 * math.pi)) ** (1 / 3) / squared**0.5, rel=0.03)


def test_a_symmetric_shape_has_no_asymmetry_whatever_the_sampling():
    for points in (sphere(1000), sphere(4096), cuboid([1.0, 1.0, 1.0])):
        assert measure_generic(points)[0][ASYMMETRY].item() < 0.002


def test_asymmetry_is_the_distance_of_the_mirror_image():
    left = cuboid([1.0, 1.0, 1.0])
    right = cuboid([0.2, 1.0, 1.0]) + torch.tensor([1.8, 0.0, 0.0])
    lopsided = measure_generic(torch.cat([left, right]))[0][ASYMMETRY].item()
    even = measure_generic(torch.cat([left, left + torch.tensor([1.0, 0.0, 0.0])]))[0][ASYMMETRY].item()
    assert lopsided > 0.02 and even < 0.005


def test_two_samplings_of_a_real_chair_agree():
    points = PointCloud.load(assets.path("chair_dining")).tensor()
    first, second = (measure_generic(points[start::2])[0] for start in (0, 1))
    assert first.tolist() == pytest.approx(second.tolist(), abs=0.04)


def test_anything_can_be_measured():
    assert get("shape").measure is measure_generic


@pytest.mark.parametrize("cloud", [torch.zeros(10, 3), torch.ones(1000, 3), torch.full((1000, 3), torch.nan)])
def test_nothing_is_not_measurable(cloud: Tensor):
    values, measurable = measure_generic(cloud)
    assert values.isnan().all() and not measurable.any()
