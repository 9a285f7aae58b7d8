from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, cKDTree

from pcgen.data.procedural.primitives import Array, bounds, sample
from pcgen.data.procedural.table import TABLE
from pcgen.data.procedural.table_params import TableParams


def tables(count: int, seed: int = 0) -> list[TableParams]:
    return [TABLE.sample_params(np.random.default_rng((seed, i))) for i in range(count)]


def part(params: TableParams, name: str) -> Array:
    triangles, label = TABLE.surface(params)
    return triangles[label == TABLE.parts.index(name)]


def supports(params: TableParams) -> list[Array]:
    """Points of each support between the feet and the apron, told apart as a person would: by the gaps."""
    points, _ = sample(part(params, "leg"), 2_000, np.random.default_rng(0))
    share = points[:, 1] / (1 - params.thickness)
    level = np.abs(share - 0.5) if params.pair == "frames" else np.abs(share - 0.52)
    reach = 0.24 if params.legs == 2 and params.pair == "frames" else 0.1
    points = points[level < reach]
    i, j = cKDTree(points[:, ::2]).query_pairs(0.09 / params.height, output_type="ndarray").T
    near = coo_matrix((np.ones(len(i)), (i, j)), shape=(len(points), len(points)))
    count, group = connected_components(near, directed=False)
    return [points[group == i] for i in range(count)]


def test_the_bounding_box_is_the_one_the_attributes_state():
    for params in tables(200):
        low, high = bounds(TABLE.surface(params)[0])
        size = high - low
        assert size[1] / size[0] == pytest.approx(params.height)
        assert size[2] / size[0] == pytest.approx(params.depth)


def test_the_top_is_as_thick_and_as_round_as_stated():
    for params in tables(100):
        top = part(params, "top")
        low, high = bounds(top)
        assert high[1] - low[1] == pytest.approx(params.thickness)
        outline = ConvexHull(top.reshape(-1, 3)[:, ::2]).volume
        assert (outline < 0.85 * (high - low)[0] * (high - low)[2]) == params.round


def test_the_feet_are_as_far_apart_as_stated():
    for params in tables(200):
        legs = part(params, "leg")
        low, high = bounds(legs)
        feet = legs.reshape(-1, 3)[legs.reshape(-1, 3)[:, 1] < 0.1]
        assert np.ptp(feet[:, 0]) * params.height == pytest.approx(params.stance, abs=0.02)
        assert (high - low)[0] * params.height <= 1 + 1e-9 and low[1] == pytest.approx(0) and high[1] <= 1


def test_supports_can_be_counted_and_are_as_thick_as_stated():
    for params in tables(30):
        params = replace(params, stretcher=0.0)
        pieces = supports(params)
        assert len(pieces) == params.legs
        if params.legs == 2 or params.leg_bow == 0:
            thin = np.mean([min(np.ptp(piece[:, 0]), np.ptp(piece[:, 2])) for piece in pieces])
            assert thin * params.height == pytest.approx(params.leg_thickness, rel=0.2)


@pytest.mark.parametrize("name", ["shelf", "apron"])
def test_a_part_is_there_exactly_if_it_is_said_to_be(name: str):
    for params in tables(50):
        for there in (False, True):
            assert (len(part(replace(params, **{name: there}), name)) > 0) == there


@pytest.mark.parametrize("name", ["height", "depth", "thickness", "leg_thickness", "stance", "legs", "round"])
def test_a_counterfactual_changes_only_its_attribute(name: str):
    for params in tables(30):
        before = TABLE.attributes(params)
        value = {"legs": 1 + params.legs % 4, "round": not params.round}.get(name, before[name] * 0.95)
        after = TABLE.attributes(replace(params, **{name: value}))
        assert [key for key in before if before[key] != after[key]] == [name]
