from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pcgen.attributes.chair import CHAIR_SPECS, measure_chair
from pcgen.data.procedural import counterfactual, make_chair, sample_chairs
from pcgen.errors import InputError, InputTypeError

# Median error, and the error of all but 5 %, over the range between the attribute's first and last decile.
ERRORS = {
    "seat_height": (0.01, 0.03),
    "back_height": (0.01, 0.03),
    "width": (0.02, 0.06),
    "back_tilt": (0.025, 0.12),
    "back_width": (0.015, 0.07),
    "seat_thickness": (0.01, 0.03),
    "leg_thickness": (0.03, 0.15),
    "arm_height": (0.025, 0.15),
}
TOLERANCE = 0.25  # of spoilt clouds, over the same range
# Rounding may move a point into the next bin, never the surface it lies on.
SAME = 0.005

SEAT, BACK, WIDTH = range(3)
NAMES = [spec.name for spec in CHAIR_SPECS]
CONTINUOUS, ARMS, LEGS = 8, NAMES.index("armrests"), NAMES.index("legs")

# Decided by looking at each chair of the collection; the others have none.
WITH_ARMRESTS = {
    "aws-chaira-01",
    "kenney-chairdesk",
    "kenney-loungechair",
    "kenney-loungechairrelax",
    "quaternius-f17-chairhandle",
    "quaternius-f19-officechair",
    "sh3d-contributions-blackdeckchair",
    "sh3d-contributions-chair",
    "sh3d-contributions-chair-granmother",
    "sh3d-contributions-chair-high",
    "sh3d-contributions-chair-office-x",
    "sh3d-contributions-chair2",
    "sh3d-contributions-fauteuil",
    "sh3d-contributions-latticechair",
    "sh3d-contributions-officechair",
    "sh3d-contributions-officechair2",
    "sh3d-contributions-officechair3",
    "sh3d-contributions-rocking-chair",
    "sh3d-contributions-singlechair",
    "sh3d-eteks-armchair",
    "sh3d-eteks-armchair2",
    "sh3d-katorlegaz-mid-century-chair",
    "sh3d-katorlegaz-office-chair",
    "sh3d-scopia-armchair",
    "sh3d-scopia-armchair2",
    "sh3d-scopia-armchair3",
    "sh3d-scopia-baby-high-chair",
    "sh3d-scopia-beach-chair",
    "sh3d-scopia-modern-armchair",
    "sh3d-scopia-office-chair",
    "sh3d-scopia-rattanarmchair",
    "sh3d-scopia-silla-teca",
    "sh3d-scopia-tubular-chair",
}
# Facing sideways in the collection.
TURNED = {"aws-chaira-01"}
STOOLS = {
    "kenney-stoolbar",
    "kenney-stoolbarsquare",
    "quaternius-f17-stool",
    "quaternius-f19-stool",
    "quaternius-house-stool",
    "sh3d-contributions-stool",
    "sh3d-contributions-tabouret",
    "sh3d-contributions-tabouretpiano",
    "sh3d-eteks-stool",
}


def relative_errors(measured: Tensor, exact: Tensor) -> Tensor:
    """Absolute errors of the continuous attributes over their inter-decile range ``[B, 8]``."""
    deciles = exact[:, :CONTINUOUS].nanquantile(torch.tensor([0.1, 0.9]), dim=0)
    return (measured - exact)[:, :CONTINUOUS].abs() / (deciles[1] - deciles[0])


@pytest.fixture(scope="module")
def procedural() -> tuple[Tensor, Tensor]:
    batch = sample_chairs(300, 2048, seed=20)
    return torch.from_numpy(batch.points), torch.from_numpy(batch.values)


@pytest.fixture(scope="module")
def real(realshapes: Path) -> tuple[list[str], Tensor]:
    """Names and clouds ``[76, 8192, 3]`` of the real chairs."""
    files = sorted((realshapes / "chair").glob("*.npy"))
    turned = torch.tensor([-1.0, 1.0, -1.0])  # the files face +Z
    return [file.stem for file in files], torch.stack([torch.from_numpy(np.load(f)) * turned for f in files])


def test_a_chair_of_plain_boards_is_measured_as_built():
    wanted = {"seat_height": 0.5, "back_height": 1.0, "width": 1.0, "back_tilt": 0.2, "back_width": 0.9}
    wanted |= {"seat_thickness": 0.06, "leg_thickness": 0.05, "arm_height": 0.45, "armrests": 1.0, "legs": 4.0}
    plain = replace(counterfactual(sample_chairs(1, 8, seed=0).params[0], **wanted), four="straight", arms="posts")
    chair = make_chair(plain, 8192, np.random.default_rng(0))
    values, measurable = measure_chair(torch.from_numpy(chair.points))
    assert dict(zip(NAMES, values.tolist(), strict=True)) == pytest.approx(wanted, abs=0.02)
    assert measurable.all()


def test_measured_agrees_with_exact_on_procedural_chairs(procedural: tuple[Tensor, Tensor]):
    points, exact = procedural
    measured, measurable = measure_chair(points)
    assert (measurable == ~exact.isnan()).float().mean(dim=0).min() >= 0.96
    errors = relative_errors(measured, exact)
    for column, (median, tail) in enumerate(ERRORS.values()):
        assert errors[:, column].nanquantile(0.5) < median, NAMES[column]
        assert errors[:, column].nanquantile(0.95) < tail, NAMES[column]
    assert (measured[:, ARMS] == exact[:, ARMS]).float().mean() >= 0.99
    assert (measured[:, LEGS] == exact[:, LEGS]).float().mean() >= 0.97


def test_a_few_strays_do_not_matter(procedural: tuple[Tensor, Tensor]):
    points, exact = procedural
    generator = torch.Generator().manual_seed(0)
    stray = torch.rand(points.shape[:2], generator=generator) < 0.01
    anywhere = 2 * torch.rand(points.shape, generator=generator) - torch.tensor([1.0, 0.5, 1.0])
    measured, _ = measure_chair(torch.where(stray[..., None], anywhere, points))
    medians = relative_errors(measured, exact).nanquantile(0.5, dim=0)
    assert (medians < 1.5 * torch.tensor([median for median, _ in ERRORS.values()])).all()
    assert (measured[:, ARMS] == exact[:, ARMS]).float().mean() >= 0.99
    assert (measured[:, LEGS] == exact[:, LEGS]).float().mean() >= 0.93


@settings(deadline=None, max_examples=20)
@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.tuples(*[st.floats(-10, 10)] * 3),
    seed=st.integers(0, 100),
)
def test_position_unit_and_order_do_not_matter(scale: float, shift: tuple[float, float, float], seed: int):
    points = torch.from_numpy(sample_chairs(2, 2048, seed=seed).points)
    order = torch.randperm(2048, generator=torch.Generator().manual_seed(seed))
    moved = (points[:, order] + torch.tensor(shift)) * scale
    before, after = measure_chair(points)[0], measure_chair(moved)[0]
    # Only the leg count of an undecided chair may jump when rounding moves a point to the next cell.
    columns = [NAMES.index(name) for name in NAMES if name not in ("leg_thickness", "legs")]
    assert torch.allclose(after[:, columns], before[:, columns], atol=SAME, equal_nan=True)


def test_a_counterfactual_moves_the_measurement_of_its_attribute_alone():
    for i, params in enumerate(sample_chairs(5, 8, seed=21).params):
        base = counterfactual(params, armrests=True, legs=4, back_width=0.8)
        for column, spec in enumerate(CHAIR_SPECS):
            value = getattr(base, spec.name)
            value = {"binary": 1 - value, "count": 1}.get(spec.kind, value * 1.1)
            pair = [base, counterfactual(base, **{spec.name: value})]
            chairs = [make_chair(p, 8192, np.random.default_rng(i)) for p in pair]
            measured, _ = measure_chair(torch.from_numpy(np.stack([chair.points for chair in chairs])))
            exact = torch.tensor([list(chair.attributes.values()) for chair in chairs])
            change, wanted = measured[1] - measured[0], exact[1] - exact[0]
            assert change[column].item() == pytest.approx(wanted[column].item(), abs=0.03), (i, spec.name)
            assert change[:3].tolist() == pytest.approx(wanted[:3].tolist(), abs=0.05), (i, spec.name)


def test_what_five_percent_outliers_or_half_the_points_spoil_is_not_measured(procedural: tuple[Tensor, Tensor]):
    points, exact = procedural
    generator = torch.Generator().manual_seed(0)
    low, high = points.amin(dim=1, keepdim=True), points.amax(dim=1, keepdim=True)
    anywhere = (low + high) / 2 + 1.5 * (high - low) * (torch.rand(points.shape, generator=generator) - 0.5)
    outlying = torch.rand(points.shape[:2], generator=generator) < 0.05
    for spoilt in (points.where(~outlying[..., None], anywhere), points[:, ::2]):
        values, measurable = measure_chair(spoilt)
        assert measurable[:, : WIDTH + 1].float().mean() >= 0.97
        near = relative_errors(values, exact) < TOLERANCE
        right = values[:, CONTINUOUS:] == exact[:, CONTINUOUS:]
        assert (torch.cat([near, right], dim=1) | values.isnan()).float().mean() >= 0.98


@pytest.mark.parametrize("degrees", [15, -15, 90])
def test_a_turned_chair_is_not_measured(procedural: tuple[Tensor, Tensor], degrees: float):
    angle = torch.tensor(degrees * torch.pi / 180)
    c, s = angle.cos(), angle.sin()
    turned = procedural[0] @ torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    assert (~measure_chair(turned)[1]).all(dim=1).float().mean() >= 0.98


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
def test_what_is_no_chair_has_nothing_to_measure(cloud: Tensor):
    values, measurable = measure_chair(cloud)
    assert values.isnan().all() and not measurable.any()


def test_spoilt_points_are_ignored(procedural: tuple[Tensor, Tensor]):
    points = procedural[0][:20].clone()
    points[:, ::50] = torch.nan
    points[:, 1::100] = torch.inf
    values, measurable = measure_chair(points)
    assert measurable[:, : WIDTH + 1].all()
    medians = relative_errors(values, procedural[1][:20]).nanquantile(0.5, dim=0)
    assert (medians < 2 * torch.tensor([median for median, _ in ERRORS.values()])).all()


def test_a_spoilt_cloud_leaves_its_neighbours_alone(procedural: tuple[Tensor, Tensor]):
    points = procedural[0][:3].clone()
    alone = measure_chair(points)[0]
    points[1] = torch.nan
    values, measurable = measure_chair(points)
    assert measurable[:, SEAT].tolist() == [True, False, True]
    torch.testing.assert_close(values[::2], alone[::2], equal_nan=True)


def test_shapes_and_types():
    for shape, expected in (((0, 100, 3), (0, 10)), ((2, 256, 3), (2, 10)), ((256, 3), (10,))):
        values, measurable = measure_chair(torch.rand(shape, dtype=torch.float64))
        assert values.shape == measurable.shape == expected
        assert values.dtype == torch.float32 and measurable.dtype == torch.bool
        assert (values.isnan() == ~measurable).all()
    with pytest.raises(InputError, match=r"\[B, N, 3\]"):
        measure_chair(torch.rand(5, 2))
    with pytest.raises(InputTypeError, match="floating-point"):
        measure_chair(torch.ones(5, 3, dtype=torch.int64))


def test_two_samplings_of_a_real_chair_agree(real: tuple[list[str], Tensor]):
    first, second = (measure_chair(real[1][:, part])[0] for part in (slice(2048), slice(2048, 4096)))
    difference = (first - second)[:, : WIDTH + 1].abs()
    assert difference.nanquantile(0.5, dim=0).tolist() == pytest.approx([0, 0, 0], abs=0.006)
    assert difference.nanquantile(0.95, dim=0).tolist() == pytest.approx([0, 0, 0], abs=0.03)
    assert (first[:, ARMS] == second[:, ARMS]).float().mean() >= 0.96


@pytest.mark.parametrize("count", [2048, 8192])
def test_armrests_of_real_chairs_are_seen(real: tuple[list[str], Tensor], count: int):
    names, points = real
    seen = measure_chair(points[:, :count])[0][:, ARMS] == 1
    there = torch.tensor([name in WITH_ARMRESTS for name in names])
    assert (seen == there).float().mean() >= 0.92


def test_only_stools_have_no_back(real: tuple[list[str], Tensor]):
    names, points = real
    values, measurable = measure_chair(points)
    assert {name for name, back in zip(names, measurable[:, BACK].tolist(), strict=True) if not back} == STOOLS | TURNED
    straight = torch.tensor([name not in TURNED for name in names])
    assert measurable[straight][:, [SEAT, WIDTH, ARMS]].all()
    assert values[straight, SEAT].min() > 0.2
