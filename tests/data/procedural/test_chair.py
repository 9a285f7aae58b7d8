from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from pcgen.attributes.chair import CHAIR_SPECS
from pcgen.data.procedural.chair import PARTS, chair_surface, make_chair, sample_chairs
from pcgen.data.procedural.chair_params import ATTRIBUTES, ChairParams, Layout, exact_attributes
from pcgen.data.procedural.chair_style import counterfactual, sample_params
from pcgen.data.procedural.law import AttributeLaw
from pcgen.data.procedural.primitives import areas, bounds, circle, rms_radius
from pcgen.errors import InputError

EXACT = 1e-9
SIGMAS = 5.0


def chairs(count: int, seed: int = 0) -> list[ChairParams]:
    return [sample_params(np.random.default_rng((seed, i))) for i in range(count)]


def test_the_generator_and_the_measurer_speak_of_the_same_attributes():
    assert list(exact_attributes(chairs(1)[0])) == [spec.name for spec in CHAIR_SPECS]


def test_every_value_drawn_may_also_be_requested():
    for params in chairs(500):
        for spec, value in zip(CHAIR_SPECS, exact_attributes(params).values(), strict=True):
            assert isnan(value) or spec.parse(value) == value


def test_the_bounding_box_is_the_one_the_attributes_state():
    for params in chairs(300):
        low, high = bounds(chair_surface(params)[0])
        size = np.array([params.overall_width, 1, params.overall_depth])
        assert np.allclose(low, [-size[0] / 2, 0, -size[2] / 2], atol=EXACT)
        assert np.allclose(high, [size[0] / 2, 1, size[2] / 2], atol=EXACT)
        assert size[0] / size[2] == pytest.approx(params.width)
        assert (1 - params.seat_height) / size[0] == pytest.approx(params.back_height)


def part_of(params: ChairParams, name: str) -> np.ndarray:
    """Corners ``[C, 3]`` of one part of a chair."""
    triangles, part = chair_surface(params)
    return triangles[part == PARTS.index(name)].reshape(-1, 3)


def test_the_back_is_as_wide_and_as_tilted_as_stated():
    for params in chairs(200):
        back = part_of(replace(params, back_curve=0.0), "back")
        assert np.ptp(back[:, 0]) / params.overall_width == pytest.approx(params.back_width)
        top = back[back[:, 1] > 1 - EXACT]
        low = max(back[:, 1].min(), Layout.of(params).underside)
        foot = back[back[:, 1] <= low + EXACT]
        slope = (top[:, 2].max() - foot[:, 2].max()) / (1 - low)
        # A spine under a panel is thinner than the panel.
        assert slope * (1 - params.seat_height) / params.overall_depth == pytest.approx(params.back_tilt, abs=0.03)


def test_the_seat_is_as_thick_as_stated():
    for params in chairs(200):
        seat = part_of(replace(params, seat_tilt=0.0, seat_dish=0.0), "seat")
        assert np.ptp(seat[:, 1]) == pytest.approx(params.seat_thickness)


def test_armrests_are_as_high_as_stated():
    for params in chairs(200):
        if params.armrests:
            top = part_of(params, "arm")[:, 1].max()
            assert (top - params.seat_height) / (1 - params.seat_height) == pytest.approx(params.arm_height, abs=1e-3)


def test_a_leg_is_as_thick_as_stated():
    for params in chairs(100):
        plain = replace(params, legs=4, four="straight", leg_taper=1.0, leg_splay=0.0, stretcher=0.0)
        leg = part_of(plain, "leg")
        right_front = leg[(leg[:, 0] > 0) & (leg[:, 2] < leg[:, 2].mean())]
        # A square as far from its axis as a circle, in the root mean square, has sides of √3/2 of its diameter.
        width = plain.leg_thickness / rms_radius(circle()) if plain.leg_round else plain.leg_thickness * np.sqrt(3) / 2
        assert np.ptp(right_front[:, 0]) == pytest.approx(width, rel=1e-6)


def test_the_middle_of_the_seat_is_flat_at_its_height_unless_it_is_tilted():
    for params in chairs(100):
        triangles, part = chair_surface(replace(params, seat_tilt=0.0))
        seat = triangles[part == PARTS.index("seat")]
        cap = seat[(np.abs(seat[:, :, 1] - params.seat_height) < EXACT).all(axis=1)]
        footprint = np.ptp(seat[..., 0]) * np.ptp(seat[..., 2])
        assert areas(cap).sum() > 0.08 * footprint


def test_the_back_is_behind():
    for params in chairs(100):
        triangles, part = chair_surface(params)
        middle = {name: triangles[part == i][..., 2].mean() for i, name in enumerate(PARTS[:2])}
        assert middle["back"] > middle["seat"]


def test_armrests_are_there_exactly_if_they_are_said_to_be():
    for params in chairs(100):
        assert (PARTS.index("arm") in chair_surface(params)[1]) == params.armrests


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_counterfactual_changes_only_its_attribute(name: str):
    others = {"armrests": lambda v: not v, "legs": lambda v: (v + 1) % 5, "back_width": lambda v: v * 0.9}
    for params in chairs(30):
        armed = replace(params, armrests=True, legs=4) if name in ("arm_height", "leg_thickness") else params
        before = exact_attributes(armed)
        other = counterfactual(armed, **{name: others.get(name, lambda v: v * 1.1)(getattr(armed, name))})
        after = exact_attributes(other)
        changed = {key for key in before if before[key] != after[key] and not isnan(before[key] + after[key])}
        assert changed == {name}
        assert bounds(chair_surface(other)[0])[1][1] == pytest.approx(1)


def test_unknown_attributes_of_a_counterfactual_are_explained():
    with pytest.raises(InputError, match="did you mean 'seat_height'"):
        counterfactual(chairs(1)[0], seat_hight=0.5)


def test_points_are_shared_out_by_area():
    params, count = chairs(1)[0], 50_000
    triangles, part = chair_surface(params)
    drawn = make_chair(params, count, np.random.default_rng(0)).part
    for label in np.unique(part):
        share = areas(triangles[part == label]).sum() / areas(triangles).sum()
        assert abs((drawn == label).sum() - count * share) < SIGMAS * np.sqrt(count * share)


def test_a_chair_depends_only_on_the_seed_and_its_number():
    many, one = sample_chairs(5, 100, seed=3), sample_chairs(1, 100, seed=3, first=4)
    assert many.params[4] == one.params[0]
    assert (many.points[4] == one.points[0]).all() and (many.part[4] == one.part[0]).all()
    assert (sample_chairs(1, 100, seed=4).points[0] != many.points[0]).any()


def test_a_batch_has_the_documented_types():
    batch = sample_chairs(2, 100, seed=0)
    assert batch.points.dtype == np.float32 and batch.points.shape == (2, 100, 3)
    assert batch.part.dtype == np.uint8 and batch.part.shape == (2, 100)
    assert batch.values.dtype == np.float32
    assert batch.values.tolist() == [
        pytest.approx(list(exact_attributes(params).values()), nan_ok=True) for params in batch.params
    ]


def values_of(law: AttributeLaw, count: int = 1500) -> np.ndarray:
    """Attributes ``[count, K]``, of missing parts too."""
    drawn = [sample_params(np.random.default_rng((0, i)), law) for i in range(count)]
    return np.array([[getattr(params, name) for name in ATTRIBUTES] for params in drawn], dtype=float)


def test_attributes_are_drawn_independently_and_armrests_in_about_half():
    values = values_of(AttributeLaw())
    correlation = np.corrcoef(values.T) - np.eye(len(ATTRIBUTES))
    assert np.abs(correlation).max() < 0.1
    assert 0.4 < values[:, ATTRIBUTES.index("armrests")].mean() < 0.5


def test_correlated_attributes_keep_their_marginals():
    values, independent = values_of(AttributeLaw(correlation=0.6)), values_of(AttributeLaw())
    ranks = values.argsort(axis=0).argsort(axis=0)
    pairs = np.corrcoef(ranks[:, :8].T)[np.triu_indices(8, 1)]
    assert pairs == pytest.approx(6 / np.pi * np.arcsin(0.3), abs=0.08)
    for q in (0.1, 0.5, 0.9):
        scale = np.ptp(independent, axis=0)
        near = np.abs(np.quantile(values, q, axis=0) - np.quantile(independent, q, axis=0)) / scale < 0.07
        assert near[:8].all()
    counts = [
        np.bincount(v[:, ATTRIBUTES.index("legs")].astype(int), minlength=5) / 1500 for v in (values, independent)
    ]
    assert counts[0] == pytest.approx(counts[1], abs=0.05)


def test_held_out_combinations_do_not_occur_or_are_all_that_occurs():
    region = {"seat_height": (0.5, 1.0), "armrests": (1, 1)}
    inside = [
        (v[:, 0] >= 0.5) & (v[:, ATTRIBUTES.index("armrests")] == 1)
        for v in (values_of(AttributeLaw(held_out=(region,), only_held_out=only), 200) for only in (False, True))
    ]
    assert not inside[0].any() and inside[1].all()
