"""Cameras: known transforms, projections that invert, and views that cut nothing."""

from __future__ import annotations

from math import radians, tan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.errors import InputError
from pcgen.viz.camera import Camera, as_points, box_corners, look_at, project, rays, three_quarter_view

EXACT = 1e-9  # float64 arithmetic on numbers around 1


def test_look_at_puts_the_eye_at_the_origin_and_the_target_on_the_axis():
    matrix = look_at([1, 2, -4], [0, 0.5, 0])
    distance = float(np.linalg.norm([1, 1.5, -4]))
    np.testing.assert_allclose(matrix @ [1, 2, -4, 1], [0, 0, 0, 1], atol=EXACT)
    np.testing.assert_allclose(matrix @ [0, 0.5, 0, 1], [0, 0, -distance, 1], atol=EXACT)


def test_look_at_is_a_rotation_and_keeps_up_up():
    rotation = look_at([1, 2, -4], [0, 0.5, 0])[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=EXACT)
    assert np.linalg.det(rotation) == pytest.approx(1)
    x, y, _ = rotation @ [0, 1, 0]
    assert x == pytest.approx(0, abs=EXACT)
    assert y > 0


@pytest.mark.parametrize(("eye", "up"), [((0, 0, 0), (0, 1, 0)), ((0, 3, 0), (0, 1, 0)), ((0, 0, 3), (0, 0, 0))])
def test_look_at_refuses_an_undefined_view(eye, up):
    with pytest.raises(InputError, match="must differ from the target"):
        look_at(eye, (0, 0, 0), up)


def test_from_the_front_plus_x_is_on_the_left_and_y_up():
    camera = Camera(eye=(0, 0, -4), target=(0, 0, 0))
    pixels, depth, _ = project(camera, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], (100, 100))
    assert pixels[0, 0] < 50 and pixels[0, 1] == pytest.approx(50)
    assert pixels[1, 1] < 50 and pixels[1, 0] == pytest.approx(50)
    np.testing.assert_allclose(depth, [4, 4, 5])


def test_the_field_of_view_is_the_full_height_of_the_picture():
    camera = Camera(eye=(0, 0, -2), target=(0, 0, 0), fov=60)
    top = 2 * tan(radians(30))
    pixels, _, scale = project(camera, [[0, top, 0], [0, -top, 0]], (80, 60))
    np.testing.assert_allclose(pixels[:, 1], [0, 60], atol=EXACT)
    np.testing.assert_allclose(scale, 60 / (2 * top))


def test_orthographic_keeps_size_at_every_depth_and_agrees_at_the_target():
    points = [[0, 0.3, 0], [0, 0.3, 5]]
    flat, _, scale = project(Camera((0, 0, -4), (0, 0, 0), orthographic=True), points, (64, 64))
    deep, _, deep_scale = project(Camera((0, 0, -4), (0, 0, 0)), points, (64, 64))
    np.testing.assert_allclose(flat[0], flat[1])
    np.testing.assert_allclose(flat[0], deep[0])
    assert scale[0] == scale[1] == pytest.approx(deep_scale[0])
    assert deep[1, 1] > flat[1, 1]


@pytest.mark.parametrize("orthographic", [False, True])
def test_rays_invert_project(orthographic):
    camera = Camera((1, 2, -4), (0.1, 0, 0.2), fov=40, orthographic=orthographic)
    origins, directions = rays(camera, (6, 4))
    pixels, depth, _ = project(camera, (origins + 2.5 * directions).reshape(-1, 3), (6, 4))
    column, row = np.meshgrid(np.arange(6) + 0.5, np.arange(4) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([column.ravel(), row.ravel()], axis=1), atol=EXACT)
    np.testing.assert_allclose(depth, 2.5)


def test_box_corners_are_the_eight_combinations():
    corners = box_corners([0, 1, 2], [3, 4, 5])
    assert {tuple(corner) for corner in corners.tolist()} == {(x, y, z) for x in (0, 3) for y in (1, 4) for z in (2, 5)}


def test_the_default_view_sees_the_front_a_side_and_the_top():
    camera = three_quarter_view(box_corners([-1, -1, -1], [1, 1, 1]))
    assert camera.eye[2] < -1 and camera.eye[0] > 1 and camera.eye[1] > 1


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    azimuth=st.floats(-180, 180),
    elevation=st.floats(-80, 80),
    aspect=st.sampled_from([0.5, 1.0, 2.0]),
    orthographic=st.booleans(),
)
def test_the_fit_cuts_nothing_and_fills_the_picture(seed, azimuth, elevation, aspect, orthographic):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 3)) * rng.uniform(0.1, 3, 3) + rng.normal(size=3)
    margin, size = 0.1, np.array([400 * aspect, 400])
    camera = three_quarter_view(
        points, azimuth=azimuth, elevation=elevation, aspect=aspect, margin=margin, orthographic=orthographic
    )
    pixels, depth, _ = project(camera, points, (int(size[0]), int(size[1])))
    low, high = pixels.min(axis=0) / size, pixels.max(axis=0) / size
    assert (depth > 0).all()
    assert low.min() >= margin - EXACT and high.max() <= 1 - margin + EXACT
    tight = np.isclose(low, margin) & np.isclose(high, 1 - margin)
    assert tight.any()


def test_the_fit_ignores_points_that_are_not_finite():
    points = np.array([[0, 0, 0], [1, 1, 1], [0.5, 0, 1]])
    assert three_quarter_view(np.vstack([points, [np.nan, 0, 0], [0, np.inf, 0]])) == three_quarter_view(points)


def test_a_single_point_is_seen_in_the_middle():
    camera = three_quarter_view([[1, 2, 3]])
    pixels, depth, _ = project(camera, [[1, 2, 3]], (50, 50))
    np.testing.assert_allclose(pixels, [[25, 25]])
    assert depth[0] > 0


@pytest.mark.parametrize("points", [np.zeros((0, 3)), [[np.nan, 0, 0]]])
def test_nothing_to_frame_is_an_error(points):
    with pytest.raises(InputError, match="without finite points"):
        three_quarter_view(points)


def test_straight_down_is_an_error():
    with pytest.raises(InputError, match="elevation must be between"):
        three_quarter_view([[0, 0, 0], [1, 1, 1]], elevation=90)


def test_as_points_takes_arrays_and_clouds_and_refuses_batches():
    class Cloud:
        points = np.ones((2, 3), np.float32)

    np.testing.assert_array_equal(as_points(Cloud()), np.ones((2, 3)))
    with pytest.raises(InputError, match=r"shape \[N, 3\], got \[4, 2, 3\]"):
        as_points(np.zeros((4, 2, 3)))
