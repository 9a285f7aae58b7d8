"""Colours: known ends, constant perceptual speed, stable labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import InputError
from pcgen.viz import color

ROUND_TRIP = 1e-5  # the published OKLab matrices have ten digits; their inverse is taken numerically


def test_rgb_reads_hex_and_refuses_the_rest():
    np.testing.assert_allclose(color.rgb("#ff8000"), [1, 128 / 255, 0], atol=1e-7)
    assert color.rgb("#ffffff").dtype == np.float32
    for wrong in ("red", "#fff", "#12345g"):
        with pytest.raises(InputError, match="#rrggbb"):
            color.rgb(wrong)


def test_oklab_knows_white_black_and_red():
    lab = color.to_oklab([[1.0, 1, 1], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(lab, [[1, 0, 0], [0, 0, 0], [0.62796, 0.22486, 0.12585]], atol=1e-4)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_oklab_and_srgb_round_trip(channels):
    np.testing.assert_allclose(color.from_oklab(color.to_oklab(channels)), channels, atol=ROUND_TRIP)
    np.testing.assert_allclose(color.to_srgb(color.to_linear(channels)), channels, atol=ROUND_TRIP)


@pytest.mark.parametrize("palette", [color.HEIGHT, color.DISPLACEMENT])
def test_palettes_change_at_constant_perceptual_speed(palette):
    lab = color.to_oklab(color.mix_palette(np.linspace(0, 1, 201), palette).astype(np.float64))
    step = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    corners = len(palette) - 2  # a step across a corner of the polyline is a chord, so it may be shorter
    assert np.sort(step)[corners] > 0.99 * step.max()


def test_height_gets_steadily_lighter():
    lightness = color.to_oklab(color.mix_palette(np.linspace(0, 1, 50)))[:, 0]
    assert (np.diff(lightness) > 0).all()


def test_by_height_uses_y_and_a_shared_range():
    points = np.array([[9, 0, 0], [0, 1, 9], [0, 2, 0]])
    np.testing.assert_allclose(color.by_height(points), color.mix_palette([0, 0.5, 1]))
    np.testing.assert_allclose(color.by_height(points, 0, 4), color.mix_palette([0, 0.25, 0.5]))


def test_by_scalar_copes_with_equal_missing_and_no_values():
    assert np.isfinite(color.by_scalar([2.0, 2.0])).all()
    np.testing.assert_array_equal(color.by_scalar([0, np.nan, 1])[1], color.mix_palette([0])[0])
    assert color.by_scalar([]).shape == (0, 3)


def test_by_displacement_goes_from_clay_to_accent_and_stays_there():
    colors = color.by_displacement([0, 0.5, 7], limit=0.5)
    np.testing.assert_allclose(colors, [color.rgb(color.CLAY), *[color.rgb(color.ACCENT)] * 2], atol=ROUND_TRIP)


def test_by_label_is_stable_distinct_and_cyclic():
    colors = color.by_label([3, 0, 3, 13])
    assert colors.dtype == np.float32
    assert (colors[0] == colors[2]).all() and (colors[0] == colors[3]).all() and (colors[0] != colors[1]).any()
    assert len(np.unique(color.by_label(np.arange(10)), axis=0)) == 10


def test_a_cloud_with_colors_keeps_them():
    class Cloud:
        points = np.zeros((2, 3), np.float32)
        channels = {"color": np.array([[255, 0, 0], [0, 51, 0]], np.uint8)}  # noqa: RUF012

    np.testing.assert_allclose(color.colors_of(Cloud()), [[1, 0, 0], [0, 0.2, 0]], atol=1e-7)
    np.testing.assert_array_equal(color.colors_of(Cloud.points), color.by_height(Cloud.points))
