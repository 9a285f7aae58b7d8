from __future__ import annotations

import pytest
import torch

from pcgen.attributes.robust import extents, few, masked_quantile, solid


def sheet(count: int, seed: int = 0) -> torch.Tensor:
    """Points spread uniformly over the unit square in the plane z = 0, ``[1, N, 3]``."""
    points = torch.rand(1, count, 3, generator=torch.Generator().manual_seed(seed))
    points[..., 2] = 0
    return points


def test_few_grows_with_the_cloud():
    assert [few(count) for count in (64, 1024, 2048, 8192)] == [1, 1, 3, 12]


def test_a_lone_point_is_not_solid_and_a_sheet_is():
    points = torch.cat([sheet(2048), torch.tensor([[[0.5, 0.5, 0.6]]])], dim=1)
    keep = solid(points)
    assert keep[0, :-1].all() and not keep[0, -1]


def test_points_that_are_not_finite_are_not_solid():
    points = sheet(2048)
    points[0, 0, 0], points[0, 1, 1] = torch.nan, torch.inf
    assert solid(points)[0].tolist() == [False, False] + [True] * 2046


@pytest.mark.parametrize("count", [512, 2048, 8192])
def test_extents_of_a_sheet(count: int):
    points = sheet(count)
    low, high = extents(points, torch.ones(1, count, dtype=torch.bool))
    assert low[0].tolist() == pytest.approx([0, 0, 0], abs=0.005)
    assert high[0].tolist() == pytest.approx([1, 1, 0], abs=0.005)


def test_extents_of_a_cube_with_points_on_its_faces_are_exact():
    points = torch.randint(0, 2, (1, 2048, 3), generator=torch.Generator().manual_seed(0)).float()
    low, high = extents(points, torch.ones(1, 2048, dtype=torch.bool))
    assert low.tolist() == [[0, 0, 0]] and high.tolist() == [[1, 1, 1]]


def test_extents_use_only_the_masked_points():
    points = torch.cat([sheet(2048), torch.full((1, 100, 3), 9.0)], dim=1)
    mask = torch.arange(2148)[None] < 2048
    assert extents(points, mask)[1].max() < 1.01


def test_quantiles_of_rows_with_and_without_values():
    values = torch.tensor([[4.0, 1.0, 3.0, 2.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    mask = torch.tensor([[True, True, True, True, True], [False] * 5])
    assert [masked_quantile(values, mask, q).tolist() for q in (0.0, 0.5, 1.0)] == [
        [1.0, torch.inf],
        [3.0, torch.inf],
        [5.0, torch.inf],
    ]
