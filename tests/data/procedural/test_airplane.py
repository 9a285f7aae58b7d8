from __future__ import annotations

from dataclasses import replace
from math import atan, degrees

import numpy as np
import pytest

from pcgen.data.procedural.airplane import AIRPLANE, AirplaneParams
from pcgen.data.procedural.airplane_parts import fuselage, panel
from pcgen.data.procedural.primitives import Array, Y, bounds, volume


def airplanes(count: int) -> list[AirplaneParams]:
    return [AIRPLANE.sample_params(np.random.default_rng((1, i))) for i in range(count)]


def part(params: AirplaneParams, name: str) -> Array:
    """A part's triangles, in lengths of the airplane."""
    triangles, label = AIRPLANE.surface(params)
    low, high = bounds(triangles)
    return triangles[label == AIRPLANE.parts.index(name)] / (high - low)[2]


def corners(params: AirplaneParams, name: str) -> Array:
    return part(params, name).reshape(-1, 3)


def test_its_length_is_the_unit_and_the_nose_is_at_minus_z():
    for params in airplanes(150):
        triangles, label = AIRPLANE.surface(params)
        low, high = bounds(triangles)
        length = (high - low)[2]
        assert low[2] / length == pytest.approx(-0.5) and high[2] / length == pytest.approx(0.5)
        assert bounds(triangles[label == AIRPLANE.parts.index("tail")])[1][2] == pytest.approx(high[2])


def test_wing_tailplane_and_fuselage_have_the_stated_widths():
    for params in airplanes(100):
        for name, width in (("wing", params.span), ("tail", params.tail_span)):
            low, high = bounds(part(params, name))
            assert high[0] - low[0] == pytest.approx(width) and low[0] == pytest.approx(-high[0])
        low, high = bounds(part(replace(params, bubble=0.0), "fuselage"))
        assert high[0] - low[0] == pytest.approx(params.fuselage)


def test_the_wing_has_the_stated_outline():
    for params in airplanes(100):
        params = replace(params, winglet=0.0)
        wing = corners(params, "wing")
        root, tip = wing[np.isclose(wing[:, 0], 0)], wing[np.isclose(wing[:, 0], params.span / 2)]
        chord = [np.ptp(station[:, 2]) for station in (root, tip)]
        assert sum(chord) / 2 == pytest.approx(params.chord)
        assert chord[1] / chord[0] == pytest.approx(params.taper)
        assert tip[:, 2].min() - root[:, 2].min() == pytest.approx(params.sweep, abs=1e-9)
        edges = [station[station[:, 2].argmin(), 1] for station in (root, tip)]
        rise = (edges[1] - edges[0]) / (params.span / 2)
        assert degrees(atan(rise)) == pytest.approx(params.dihedral, abs=1e-6)


def test_wing_and_fin_are_as_high_as_stated():
    for params in airplanes(100):
        params = replace(params, winglet=0.0, bubble=0.0, t_tail=False)
        body = fuselage(params)
        low, high = bounds(body)
        assert params.edge_at(0)[1] == pytest.approx(low[1] + params.wing_height * (high - low)[1])
        tail, hull = (bounds(part(params, name))[1][1] for name in ("tail", "fuselage"))
        assert tail - hull == pytest.approx(params.fin)


def test_a_t_tail_is_level_with_the_top_of_the_fin():
    for params in airplanes(60):
        for t_tail in (False, True):
            params = replace(params, t_tail=t_tail, cross=0.0)
            tail, hull = corners(params, "tail"), bounds(part(replace(params, bubble=0.0), "fuselage"))[1][1]
            outer = tail[np.isclose(np.abs(tail[:, 0]), params.tail_span / 2), 1]
            assert (outer > hull).all() == t_tail
            assert tail[:, 1].max() - hull == pytest.approx(params.fin)


def test_every_engine_is_there():
    for params in airplanes(60):
        for engines in range(5):
            changed = replace(params, engines=engines, turboprop=False)
            sides = np.abs(corners(changed, "engine")[:, 0]) if engines else np.zeros(0)
            assert (len(sides) > 0) == (engines > 0)
            if engines > 1:
                assert sides.max() > params.fuselage / 2 + params.engine_radius
            if not params.rear:
                least = replace(changed, engines=max(engines - 2, 0))
                fewer = np.abs(corners(least, "engine")[:, 0]) if least.engines else np.zeros(1)
                assert engines < 2 or sides.max() > fewer.max() + params.engine_radius


def test_the_wheels_are_the_lowest_where_there_is_a_gear():
    for params in airplanes(60):
        gear = part(replace(params, gear=True), "gear")
        assert bounds(gear)[0][1] < bounds(part(replace(params, gear=True), "fuselage"))[0][1] - 0.9 * params.leg
        assert len(part(replace(params, gear=False), "gear")) == 0


def test_a_panel_is_closed_and_as_long_as_its_chords():
    wing = panel([[-1, 0, 0], [1, 0, 0]], [1.0, 1.0], 0.2, Y)
    low, high = bounds(wing)
    assert (high - low).tolist() == pytest.approx([2, 0.2, 1])
    assert abs(volume(wing)) == pytest.approx(2 * 0.2 * 0.6475, rel=1e-6)  # the section's area, by the shoelace formula


@pytest.mark.parametrize("name", list(AIRPLANE.quantiles))
def test_a_counterfactual_changes_only_its_attribute(name: str):
    for params in airplanes(20):
        before = AIRPLANE.attributes(params)
        value = {"engines": (params.engines + 1) % 5, "t_tail": not params.t_tail, "gear": not params.gear}
        after = AIRPLANE.attributes(replace(params, **{name: value.get(name, before[name] * 0.95 + 1e-3)}))
        assert [key for key in before if before[key] != after[key]] == [name]
