from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgen.data.procedural.primitives import (
    SQUARE,
    X,
    Y,
    Z,
    areas,
    both_sides,
    bounds,
    box,
    circle,
    column,
    loop,
    normals,
    outward,
    plate,
    rms_radius,
    rod,
    rounded,
    sample,
    superellipse,
    tube,
    volume,
)

EXACT = 1e-12  # rounding of float64
SIGMAS = 5.0  # counts stay this close to their expectation but for one run in a million


def is_closed(triangles: np.ndarray) -> bool:
    """Every edge belongs to two triangles that run along it in opposite directions."""
    _, vertex = np.unique(triangles.reshape(-1, 3).round(9), axis=0, return_inverse=True)
    a, b, c = vertex.reshape(-1, 3).T
    edges = [(int(p), int(q)) for ends in ((a, b), (b, c), (c, a)) for p, q in zip(*ends, strict=True) if p != q]
    return sorted(edges) == sorted((q, p) for p, q in edges)


def test_a_box_has_its_area_and_its_bounds():
    surface = box([0, 1, 2], [1, 3, 5])
    low, high = bounds(surface)
    assert areas(surface).sum() == pytest.approx(2 * (1 * 2 + 2 * 3 + 1 * 3))
    assert low.tolist() == [0, 1, 2] and high.tolist() == [1, 3, 5]


def test_a_cylinder_of_many_sides_has_the_area_of_a_round_one():
    surface = column([0, 0, 0], [0, 3, 0], 0.5, 0.5, circle(512))
    assert areas(surface).sum() == pytest.approx(2 * np.pi * 0.5 * 3 + 2 * np.pi * 0.5**2, rel=1e-3)


def test_a_tapered_post_stands_exactly_on_its_heights_even_when_it_slants():
    low, high = bounds(column([0.3, 0, 0.1], [0, 0.7, 0], 0.01, 0.05, SQUARE))
    assert (low[1], high[1]) == (0, 0.7)


def test_a_straight_tube_is_a_rod():
    start, end = [0, 0, 0], [0, 0, 2]
    assert areas(tube([start, end], 0.1, X)).sum() == pytest.approx(
        areas(rod(start, end, circle(), 0.1 * X, 0.1 * Y)).sum()
    )


def test_a_mitred_corner_keeps_the_width_of_the_tube():
    low, high = bounds(tube([[0, 0, 0], [0, 1, 0], [0, 1, 1]], 0.1, X))
    assert np.allclose(low, [-0.1, 0, -0.1]) and np.allclose(high, [0.1, 1.1, 1])


def test_rounding_keeps_the_ends_and_cuts_the_corner():
    path = rounded([[0, 0, 0], [1, 0, 0], [1, 1, 0]], 0.2)
    assert path[0].tolist() == [0, 0, 0] and path[-1].tolist() == [1, 1, 0]
    assert np.linalg.norm(path - [1, 0, 0], axis=1).min() > 0.05


def test_superellipses_go_from_circle_to_square():
    assert np.allclose(superellipse(2.0), circle(24), atol=EXACT)
    assert np.abs(superellipse(200.0)).max(axis=1) == pytest.approx(1, abs=0.01)
    assert np.abs(superellipse(5.0)).max(axis=0) == pytest.approx(1, abs=EXACT)


@pytest.mark.parametrize(
    "surface",
    [
        box([0, 0, 0], [1, 1, 1]),
        column([0, 0, 0], [0.2, 1, 0], 0.05, 0.1, circle(6)),
        tube(rounded([[0, 0, 0], [0, 1, 0], [0, 1, 1]], 0.3), 0.05, X),
        rod([0, 0, 0], [0, 0, 1], superellipse(4.0, 16), X, 0.2 * Y),
    ],
)
def test_every_piece_is_closed(surface: np.ndarray):
    assert is_closed(surface)


def test_the_mirror_image_lies_on_the_other_side():
    right, left = both_sides(box([1, 0, 0], [2, 1, 1]))
    assert bounds(left)[0].tolist() == [-2, 0, 0] and bounds(right)[0].tolist() == [1, 0, 0]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_samples_lie_in_their_triangles(seed: int):
    surface = tube([[0, 0, 0], [0, 1, 0], [0, 1, 1]], 0.1, X)
    points, index = sample(surface, 200, np.random.default_rng(seed))
    a, b, c = surface[index].transpose(1, 0, 2)
    parts = [areas(np.stack(corners, axis=1)) for corners in ((points, b, c), (a, points, c), (a, b, points))]
    assert np.allclose(sum(parts), areas(surface)[index], atol=1e-7)


def test_samples_are_uniform_by_area():
    surface, count = np.concatenate([box([0, 0, 0], [1, 1, 1]), box([5, 0, 0], [7, 2, 2])]), 50_000
    points, _ = sample(surface, count, np.random.default_rng(0))
    share = 6 / (6 + 24)
    assert abs((points[:, 0] < 3).sum() - count * share) < SIGMAS * np.sqrt(count * share * (1 - share))
    top = points[(points[:, 0] > 3) & (points[:, 1] == 2)]
    quarter = (top[:, [0, 2]] < [6, 1]).all(axis=1).sum()
    assert abs(quarter - len(top) / 4) < SIGMAS * np.sqrt(len(top) * 3 / 16)


def test_sampling_repeats_with_the_same_generator():
    surface = box([0, 0, 0], 1 * X + 2 * Y + 3 * Z)
    first, second = (sample(surface, 10, np.random.default_rng(4))[0] for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("end", [[0, 0, 3], [0, 0, -3], [3, 0, 0], [1, 2, 3]])
def test_a_piece_faces_outward_whichever_way_it_was_built(end: list[float]):
    for piece in both_sides(rod([0, 0, 0], end, SQUARE, 0.1 * Y, 0.1 * Z + 0.1 * X)):
        assert volume(outward(piece)) == pytest.approx(abs(volume(piece))) and volume(piece) != 0
        assert is_closed(outward(piece))
    assert volume(outward(box([1, 1, 1], [2, 3, 4]))) == pytest.approx(6)


def test_normals_of_a_box_point_away_from_its_middle():
    surface = outward(box([-1, -1, -1], [1, 1, 1]))
    assert np.allclose((normals(surface) * surface.mean(axis=1)).sum(axis=1), 1)


def test_a_loop_is_a_closed_ring_with_a_hole():
    rings = np.stack([np.insert(circle(64) * r, 1, y, axis=1) for r, y in ((2, 0), (2, 1), (1, 1), (1, 0))])
    surface = loop(rings)
    assert is_closed(surface)
    assert abs(volume(surface)) == pytest.approx(3 * np.pi, rel=0.01)


def test_a_plate_has_the_area_of_its_outline_times_its_height():
    assert abs(volume(plate(circle(256), 1.0, 3.0))) == pytest.approx(2 * np.pi, rel=1e-3)


def test_the_rms_radius_is_that_of_points_on_the_outline():
    assert rms_radius(circle(720)) == pytest.approx(1, abs=1e-4)
    assert rms_radius(SQUARE) == pytest.approx(np.sqrt(4 / 3))
