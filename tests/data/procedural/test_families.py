from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from pcgen.attributes import get
from pcgen.data.procedural import FAMILIES, AttributeLaw, Family
from pcgen.data.procedural.primitives import areas, bounds

SIGMAS = 5.0

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@every_family
def test_the_generator_and_the_measurer_speak_of_the_same_attributes(family: Family):
    params = family.sample_params(np.random.default_rng(0))
    specs = get(family.category).specs
    assert list(family.attributes(params)) == [spec.name for spec in specs]
    assert len(specs) >= 8 and {spec.kind for spec in specs} == {"continuous", "binary", "count"}


@every_family
def test_every_value_drawn_may_also_be_requested(family: Family):
    for i in range(300):
        values = family.attributes(family.sample_params(np.random.default_rng(i)))
        for spec in get(family.category).specs:
            value = values[spec.name]
            assert isnan(value) or spec.parse(value) == value


@every_family
def test_attributes_follow_the_law_they_are_given(family: Family):
    law = AttributeLaw(correlation=0.6)
    values = [list(family.attributes(family.sample_params(np.random.default_rng(i), law)).values()) for i in range(400)]
    correlation = np.ma.corrcoef(np.ma.masked_invalid(values).T)
    assert correlation[np.triu_indices(len(correlation), 1)].min() > 0.15


@every_family
def test_attributes_vary_and_are_independent(family: Family):
    draws = [family.attributes(family.sample_params(np.random.default_rng(i))) for i in range(1500)]
    values = np.ma.masked_invalid([list(draw.values()) for draw in draws])
    assert (values.std(axis=0) > 0).all()
    correlation = np.ma.corrcoef(values.T) - np.eye(values.shape[1])
    assert np.abs(correlation).max() < 0.12


@every_family
def test_a_shape_stands_on_the_floor_and_its_axis_is_inside(family: Family):
    for i in range(60):
        low, high = bounds(family.surface(family.sample_params(np.random.default_rng(i)))[0])
        assert low[1] == pytest.approx(0, abs=1e-9) and high[1] == pytest.approx(1, abs=1e-9)
        assert (low[[0, 2]] < 0).all() and (high[[0, 2]] > 0).all()


@every_family
def test_points_are_shared_out_by_area_and_carry_outward_normals(family: Family):
    params, count = family.sample_params(np.random.default_rng(3)), 40_000
    triangles, part = family.surface(params)
    drawn = family.make(params, count, np.random.default_rng(0))
    for label in np.unique(part):
        share = areas(triangles[part == label]).sum() / areas(triangles).sum()
        assert abs((drawn.part == label).sum() - count * share) < SIGMAS * np.sqrt(count * share)
    assert np.linalg.norm(drawn.normal, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    highest = drawn.points[:, 1] > 1 - 1e-6
    lowest = drawn.points[:, 1] < 1e-6
    assert (drawn.normal[highest, 1] > 0.99).all() and (drawn.normal[lowest, 1] < -0.99).all()


@every_family
def test_a_shape_depends_only_on_the_seed_and_its_number(family: Family):
    many, one = family.sample(4, 100, seed=3), family.sample(1, 100, seed=3, first=3)
    assert many.params[3] == one.params[0]
    assert (many.points[3] == one.points[0]).all() and (many.normal[3] == one.normal[0]).all()
    assert (family.sample(1, 100, seed=4).points[0] != many.points[0]).any()


@every_family
def test_a_batch_has_the_documented_types(family: Family):
    batch = family.sample(2, 50, seed=0)
    assert batch.points.dtype == batch.normal.dtype == batch.values.dtype == np.float32
    assert batch.points.shape == batch.normal.shape == (2, 50, 3)
    assert batch.part.dtype == np.uint8 and batch.part.shape == (2, 50)
    assert batch.part.max() < len(family.parts)
    expected = [list(family.attributes(params).values()) for params in batch.params]
    assert batch.values == pytest.approx(np.array(expected), rel=1e-6, nan_ok=True)


@every_family
def test_every_part_is_drawn(family: Family):
    batch = family.sample(100, 500, seed=1)
    assert set(np.unique(batch.part)) == set(range(len(family.parts)))
