"""What every measurer of a procedural family must do, whichever the family."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pcgen.attributes import Measurer, get
from pcgen.data.procedural import FAMILIES
from pcgen.errors import InputError, InputTypeError

# Median error of each continuous attribute over its range between the first and the last decile, and the share of
# right answers for each binary one and each count; on 2048 points.
TOLERANCE = {
    "table": {
        "height": 0.01,
        "depth": 0.01,
        "thickness": 0.01,
        "leg_thickness": 0.09,
        "stance": 0.02,
        "round": 0.98,
        "legs": 0.95,
        "shelf": 0.97,
        "apron": 0.96,
    },
    "lamp": {
        "shade_width": 0.02,
        "shade_height": 0.01,
        "taper": 0.04,
        "base_width": 0.02,
        "stem": 0.03,
        "pendant": 0.98,
        "square": 0.95,
        "shades": 0.97,
    },
    "mug": {
        "width": 0.03,
        "taper": 0.06,
        "bulge": 0.12,
        "wall": 0.08,
        "floor": 0.01,
        "handles": 0.96,
        "handle_height": 0.06,
        "handle_reach": 0.12,
        "handle_middle": 0.06,
        "lid": 0.97,
    },
    "airplane": {
        "span": 0.02,
        "fuselage": 0.06,
        "chord": 0.05,
        "taper": 0.07,
        "sweep": 0.04,
        "dihedral": 0.1,
        "wing_height": 0.07,
        "tail_span": 0.05,
        "fin": 0.04,
        "engines": 0.92,
        "t_tail": 0.98,
        "gear": 0.95,
    },
}

every_family = pytest.mark.parametrize("category", FAMILIES)


@pytest.fixture(scope="module")
def shapes() -> dict[str, tuple[Tensor, Tensor]]:
    """Points and exact values of 200 shapes of each family."""
    batches = {name: family.sample(200, 2048, seed=20) for name, family in FAMILIES.items()}
    return {name: (torch.from_numpy(b.points), torch.from_numpy(b.values)) for name, b in batches.items()}


def assert_within(measurer: Measurer, measured: Tensor, exact: Tensor, slack: float = 1.0) -> None:
    """Compare each column with its tolerance, which ``slack`` widens."""
    for column, spec in enumerate(measurer.specs):
        tolerance = TOLERANCE[measurer.category][spec.name]
        there = ~exact[:, column].isnan()
        error = (measured[there, column] - exact[there, column]).abs()
        if spec.kind == "continuous":
            deciles = exact[there, column].quantile(torch.tensor([0.1, 0.9]))
            assert error.nanmedian() / (deciles[1] - deciles[0]) < slack * tolerance, spec.name
        else:
            assert (error == 0).float().mean() >= 1 - slack * (1 - tolerance), spec.name


@every_family
def test_measured_agrees_with_exact(category: str, shapes: dict[str, tuple[Tensor, Tensor]]):
    points, exact = shapes[category]
    measured, measurable = get(category).measure(points)
    assert (measurable == ~exact.isnan()).float().mean() > 0.98
    assert_within(get(category), measured, exact)


@every_family
def test_place_size_and_order_do_not_matter(category: str, shapes: dict[str, tuple[Tensor, Tensor]]):
    points = shapes[category][0][:16]
    order = torch.randperm(points.shape[1], generator=torch.Generator().manual_seed(0))
    before = get(category).measure(points)[0]
    after = get(category).measure(points[:, order] * 8 + torch.tensor([1.0, -2.0, 4.0]))[0]
    # Rounding may move a point into the next bin.
    assert torch.isclose(before, after, rtol=0, atol=0.02, equal_nan=True).float().mean() > 0.97


@every_family
def test_spoilt_points_are_ignored(category: str, shapes: dict[str, tuple[Tensor, Tensor]]):
    points, exact = shapes[category][0][:100].clone(), shapes[category][1][:100]
    points[:, ::50] = torch.nan
    points[:, 1::100] = torch.inf
    assert_within(get(category), get(category).measure(points)[0], exact, slack=2)


@every_family
def test_a_spoilt_cloud_leaves_its_neighbours_alone(category: str, shapes: dict[str, tuple[Tensor, Tensor]]):
    points = shapes[category][0][:3].clone()
    alone = get(category).measure(points)[0]
    points[1] = torch.nan
    values, measurable = get(category).measure(points)
    assert not measurable[1].any()
    torch.testing.assert_close(values[::2], alone[::2], equal_nan=True)


@every_family
@pytest.mark.parametrize(
    "cloud",
    [
        torch.zeros(0, 3),
        torch.zeros(10, 3),
        torch.ones(1000, 3),
        torch.full((1000, 3), torch.nan),
        torch.full((1000, 3), torch.inf),
        torch.linspace(0, 1, 1000)[:, None] * torch.tensor([1.0, 0.0, 0.0]),
    ],
    ids=["empty", "few", "one place", "nan", "inf", "line"],
)
def test_what_is_no_shape_has_nothing_to_measure(category: str, cloud: Tensor):
    values, measurable = get(category).measure(cloud)
    assert values.isnan().all() and not measurable.any()


@every_family
def test_shapes_and_types(category: str):
    columns = len(get(category).specs)
    for shape, expected in (((0, 100, 3), (0, columns)), ((2, 256, 3), (2, columns)), ((256, 3), (columns,))):
        values, measurable = get(category).measure(torch.rand(shape, dtype=torch.float64))
        assert values.shape == measurable.shape == expected
        assert values.dtype == torch.float32 and measurable.dtype == torch.bool
        assert (values.isnan() == ~measurable).all()
    with pytest.raises(InputError, match=r"\[B, N, 3\]"):
        get(category).measure(torch.rand(5, 2))
    with pytest.raises(InputTypeError, match="floating-point"):
        get(category).measure(torch.ones(5, 3, dtype=torch.int64))
