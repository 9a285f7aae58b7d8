from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pcgen.data.procedural.lamp import LAMP, LampParams
from pcgen.data.procedural.primitives import Array, bounds, outward, volume


def lamps(count: int) -> list[LampParams]:
    return [LAMP.sample_params(np.random.default_rng((1, i))) for i in range(count)]


def part(params: LampParams, name: str) -> Array:
    triangles, label = LAMP.surface(params)
    return triangles[label == LAMP.parts.index(name)]


def test_shades_and_base_have_the_stated_extents():
    for params in lamps(150):
        low, high = bounds(part(params, "shade"))
        assert high[0] - low[0] == pytest.approx(params.shade_width)
        assert high[1] - low[1] == pytest.approx(params.shade_height)
        assert (low[1] == pytest.approx(0)) == params.pendant and (high[1] == pytest.approx(1)) != params.pendant
        low, high = bounds(part(params, "base"))
        assert high[0] - low[0] == pytest.approx(params.base_width * params.shade_width)
        assert (high[1] == pytest.approx(1)) == params.pendant


def test_the_stem_is_as_thick_as_stated():
    for params in lamps(100):
        low, high = bounds(part(params, "stem"))
        assert high[0] - low[0] == pytest.approx(params.stem * params.shade_width)


def test_a_shade_is_narrower_above_by_its_taper():
    for params in lamps(100):
        params = replace(params, shades=1, bulb=0.0, wire=False, closed=False)
        corners = part(params, "shade").reshape(-1, 3)
        low, high = corners[:, 1].min(), corners[:, 1].max()
        at = [np.abs(corners[np.isclose(corners[:, 1], y), 0]).max() for y in (low, high)]
        assert at[1] / at[0] == pytest.approx(params.taper)
        rim = corners[np.isclose(corners[:, 1], low)]
        corner = np.minimum(*np.abs(rim[:, ::2].T)).max() / at[0]
        assert (corner > 0.9) == params.square


def test_each_shade_has_an_arm_and_shades_do_not_touch():
    for params in lamps(60):
        params = replace(params, shades=2 + params.shades % 4, bulb=0.0, closed=False, wire=False, taper=1.0, curve=0.0)
        corners = part(params, "shade").reshape(-1, 3)
        turn = np.sort(np.arctan2(corners[:, 2], corners[:, 0]))
        gaps = np.diff(np.append(turn, turn[0] + 2 * np.pi))
        assert (gaps > 0.3).sum() == params.shades


def test_pieces_face_outward():
    for params in lamps(30):
        triangles, _ = LAMP.surface(params)
        assert volume(triangles) > 0 and volume(outward(triangles)) == pytest.approx(volume(triangles))


@pytest.mark.parametrize("name", list(LAMP.quantiles))
def test_a_counterfactual_changes_only_its_attribute(name: str):
    for params in lamps(20):
        before = LAMP.attributes(params)
        value = {"shades": 1 + params.shades % 5, "pendant": not params.pendant, "square": not params.square}
        after = LAMP.attributes(replace(params, **{name: value.get(name, before[name] * 0.95)}))
        assert [key for key in before if before[key] != after[key]] == [name]
