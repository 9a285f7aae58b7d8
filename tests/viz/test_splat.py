"""The software renderer: exact occlusion, reproducible bytes, light from above."""

from __future__ import annotations

import numpy as np
import pytest

from pcgen.errors import InputError
from pcgen.viz.camera import Camera, project
from pcgen.viz.light import sky_over, sky_visibility
from pcgen.viz.splat import point_spacing, render, splat

FRONT = Camera(eye=(0, 0, -4), target=(0, 0, 0))
RED_BLUE = [[1.0, 0, 0], [0, 0, 1.0]]


def plate(y: float, half: float = 1.0, per_side: int = 41) -> np.ndarray:
    """A horizontal square of evenly spaced points."""
    x, z = np.meshgrid(np.linspace(-half, half, per_side), np.linspace(-half, half, per_side))
    return np.stack([x.ravel(), np.full(x.size, y), z.ravel()], axis=1)


def is_red(picture: np.ndarray) -> np.ndarray:
    """Where a pixel is clearly more red than blue."""
    return picture[..., 0].astype(int) > picture[..., 2].astype(int) + 60


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_near_red_point_hides_a_far_blue_one(order):
    points, colors = np.array([[0, 0, -1.0], [0, 0, 1.0]])[order], np.array(RED_BLUE)[order]
    picture = render(points, colors=colors, camera=FRONT, size=(64, 64), radius=0.3, shadow=False)
    covered = (picture != 255).any(axis=-1)
    assert covered[32, 32]
    assert (picture[..., 2].astype(int) <= picture[..., 0].astype(int)).all()  # nothing is bluer than red
    assert is_red(picture)[32, 32]


def test_spheres_that_intersect_meet_halfway():
    pixels, depth, scale = project(FRONT, [[-0.25, 0, 0], [0.25, 0, 0]], (200, 200))
    owner, surface = splat(pixels, depth, scale, 0.5, (200, 200))
    assert (owner[100, 101:140] == 0).all()  # −X is to the right for who stands in front
    assert (owner[100, 60:99] == 1).all()
    assert owner[0, 0] == -1 and np.isinf(surface[0, 0])


def test_the_nearest_pixel_of_a_sphere_is_a_radius_in_front_of_its_centre():
    pixels, depth, scale = project(FRONT, [[0, 0, 0]], (101, 101))
    owner, surface = splat(pixels, depth, scale, 0.5, (101, 101))
    assert surface[50, 50] == pytest.approx(3.5)
    assert (owner >= 0).sum() == pytest.approx(np.pi * (0.5 * scale[0]) ** 2, rel=0.02)


def test_equal_depths_go_to_the_lower_index():
    pixels, depth, scale = project(FRONT, [[0, 0, 0]] * 3, (32, 32))
    assert set(splat(pixels, depth, scale, 0.5, (32, 32))[0].ravel()) == {-1, 0}


def test_points_behind_the_eye_are_not_drawn():
    points = [[0, 0, -5.0], [0, 0, -4.0]]
    assert (render(points, camera=FRONT, size=(32, 32), radius=0.1, shadow=False) == 255).all()


def test_a_point_smaller_than_a_pixel_is_still_seen():
    picture = render([[0, 0, 0]], colors=[0, 0, 0], camera=FRONT, size=(33, 33), radius=1e-6, shadow=False)
    assert picture.min() < 255


def test_the_same_cloud_gives_the_same_bytes_and_the_input_is_left_alone():
    points = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    kept = points.copy()
    assert render(points, size=(80, 60)).tobytes() == render(points, size=(80, 60)).tobytes()
    np.testing.assert_array_equal(points, kept)


def test_the_picture_has_the_size_asked_for():
    picture = render(plate(0), size=(90, 40))
    assert picture.shape == (40, 90, 3) and picture.dtype == np.uint8


def test_the_order_of_points_does_not_matter():
    rng = np.random.default_rng(1)
    points, order = rng.normal(size=(200, 3)), rng.permutation(200)
    radius = 0.05
    first, second = (render(cloud, size=(64, 64), radius=radius) for cloud in (points, points[order]))
    np.testing.assert_array_equal(first, second)


def test_nothing_finite_gives_blank_paper():
    blank = render([[np.nan, 0, 0]], size=(8, 8), background="#102030")
    assert (blank == [0x10, 0x20, 0x30]).all()
    assert (render(np.zeros((0, 3)), size=(8, 8)) == 255).all()


def test_points_that_are_not_finite_change_nothing():
    points = plate(0, per_side=9)
    strays = np.vstack([points, [[np.nan, 0, 0], [np.inf, 0, 0]]])
    colors = [0.5, 0.5, 0.5]
    np.testing.assert_array_equal(
        render(strays, colors=colors, size=(48, 48)), render(points, colors=colors, size=(48, 48))
    )


def test_the_shadow_falls_on_the_ground_and_not_on_the_border():
    table = np.vstack([plate(-0.4, half=0.6), [[0, -0.8, 0]]])
    camera = Camera(eye=(1.5, 2.0, -5.0), target=(0, 0, 0), fov=35)
    lit, plain = (render(table, size=(120, 120), camera=camera, radius=0.03, shadow=on) for on in (True, False))
    darker = plain.astype(int) - lit.astype(int)
    assert darker.max() > 15 and darker.min() >= 0
    for side in (lit[0], lit[-1], lit[:, 0], lit[:, -1]):
        assert (side >= 254).all()


def test_a_roof_takes_the_light_from_what_is_below_it():
    sky = sky_over(FRONT)
    roof = plate(1.0)
    below, above = sky_visibility(roof, np.array([[0, 0.5, 0], [0, 1.5, 0]]), 0.1, sky)
    assert above == pytest.approx(1)
    assert below < 0.4


def test_a_flat_surface_does_not_shade_itself():
    floor = plate(0.0)
    assert sky_visibility(floor, floor, 0.1, sky_over(FRONT)).min() > 0.7  # all but the grazing light


def test_point_spacing_of_a_lattice_scales_with_it_and_survives_repeats():
    assert point_spacing(plate(0, half=1, per_side=21)) == pytest.approx(0.05)
    assert point_spacing(3 * plate(0, half=1, per_side=21)) == pytest.approx(0.15)
    assert point_spacing([[0, 0, 0]] * 50 + [[1, 0, 0]]) > 0
    assert point_spacing([[0, 0, 0]]) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colors": np.zeros((2, 3))}, r"colors must have shape \[3\] or \[4, 3\]"),
        ({"radius": 0.0}, "must be positive"),
        ({"size": (0, 10)}, "must be positive"),
        ({"background": "white"}, "#rrggbb"),
    ],
)
def test_wrong_arguments_are_explained(change, message):
    with pytest.raises(InputError, match=message):
        render(np.zeros((4, 3)), **change)
