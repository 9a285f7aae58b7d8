from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from pcgen.data.procedural.mug import MUG, MugParams
from pcgen.data.procedural.primitives import Array, bounds


def mugs(count: int) -> list[MugParams]:
    return [MUG.sample_params(np.random.default_rng((1, i))) for i in range(count)]


def part(params: MugParams, name: str) -> Array:
    triangles, label = MUG.surface(params)
    return triangles[label == MUG.parts.index(name)]


def test_the_body_has_the_stated_profile():
    for params in mugs(60):
        params = replace(params, corners=48)
        corners = part(params, "body").reshape(-1, 3)
        distance = np.hypot(corners[:, 0], corners[:, 2])
        rim = distance[np.isclose(corners[:, 1], 1)]
        assert 2 * rim.max() == pytest.approx(params.width)
        assert (rim.max() - rim.min()) / params.width == pytest.approx(params.wall)
        inner = np.isclose(distance, params.radius(params.floor) - params.wall * params.width)
        floor = corners[inner & (corners[:, 1] > 0), 1].min()
        assert floor == pytest.approx(params.floor)
        straight = replace(params, bulge=0.0)
        assert straight.radius(0.0) / straight.radius(1.0) == pytest.approx(params.taper)
        assert params.radius(0.5) / straight.radius(0.5) == pytest.approx(1 + params.bulge)


def test_handles_have_the_stated_extents():
    for params in mugs(100):
        params = replace(params, handles=2)
        low, high = bounds(part(params, "handle"))
        assert high[1] - low[1] == pytest.approx(params.handle_height)
        assert (high[1] + low[1]) / 2 == pytest.approx(params.handle_middle)
        assert (high[0] / params.width) - 0.5 == pytest.approx(params.handle_reach)
        assert low[0] == pytest.approx(-high[0])


def test_a_mug_without_handles_has_no_handle_to_measure():
    params = replace(mugs(1)[0], handles=0)
    values = MUG.attributes(params)
    assert len(part(params, "handle")) == 0
    assert {name for name, value in values.items() if isnan(value)} == {
        "handle_height",
        "handle_reach",
        "handle_middle",
    }


def test_parts_are_there_exactly_if_they_are_said_to_be():
    for params in mugs(40):
        assert (len(part(params, "lid")) > 0) == params.lid
        assert (len(part(params, "handle")) > 0) == (params.handles > 0)
