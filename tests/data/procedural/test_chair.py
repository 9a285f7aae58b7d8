from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pcgen.attributes.chair import CHAIR_SPECS
from pcgen.data.procedural.chair import PARTS, chair_surface, make_chair, sample_chairs
from pcgen.data.procedural.chair_params import ChairParams, exact_attributes, sample_params
from pcgen.data.procedural.primitives import areas, bounds

EXACT = 1e-9
SIGMAS = 5.0


def chairs(count: int, seed: int = 0) -> list[ChairParams]:
    return [sample_params(np.random.default_rng((seed, i))) for i in range(count)]


def test_the_generator_and_the_measurer_speak_of_the_same_attributes():
    assert list(exact_attributes(chairs(1)[0])) == [spec.name for spec in CHAIR_SPECS]


def test_every_value_drawn_may_also_be_requested():
    for params in chairs(500):
        for spec, value in zip(CHAIR_SPECS, exact_attributes(params).values(), strict=True):
            assert spec.parse(value) == value


def test_the_bounding_box_is_the_one_the_attributes_state():
    for params in chairs(300):
        low, high = bounds(chair_surface(params)[0])
        size = high - low
        assert np.allclose(low[1], 0, atol=EXACT)
        assert size == pytest.approx([params.overall_width, 1, params.overall_depth], abs=EXACT)
        assert size[0] / size[2] == pytest.approx(params.width)
        assert (size[1] - params.seat_height) / size[0] == pytest.approx(params.back_height)


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


@pytest.mark.parametrize("name", [spec.name for spec in CHAIR_SPECS])
def test_a_counterfactual_changes_only_its_attribute(name: str):
    for params in chairs(30):
        before = exact_attributes(params)
        other = replace(params, **{name: not params.armrests if name == "armrests" else before[name] * 1.1})
        after = exact_attributes(other)
        assert [key for key in before if before[key] != after[key]] == [name]
        size = np.subtract(*bounds(chair_surface(other)[0])[::-1])
        assert size[0] / size[2] == pytest.approx(after["width"])
        assert (1 - other.seat_height) / size[0] == pytest.approx(after["back_height"])


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
    assert batch.values.tolist() == [pytest.approx(list(exact_attributes(params).values())) for params in batch.params]


def test_attributes_are_drawn_independently_and_armrests_in_about_half():
    values = np.array([list(exact_attributes(params).values()) for params in chairs(2000)])
    correlation = np.corrcoef(values.T) - np.eye(4)
    assert np.abs(correlation).max() < 0.1
    assert 0.4 < values[:, 3].mean() < 0.5
