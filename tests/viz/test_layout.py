"""Pages: sizes that add up, pictures where they belong, whole files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pcgen.errors import FileError, InputError
from pcgen.viz import layout

BLACK = np.zeros((30, 40, 3), np.uint8)


def box(width: float = 1.0) -> np.ndarray:
    """A random filled box, the same on each call."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (400, 3)) * [width, 1, 1]


def test_a_grid_holds_every_pixel_of_its_images():
    sheet = layout.grid([BLACK] * 5, columns=3, pad=7)
    assert sheet.shape == (2 * layout.MARGIN + 2 * 30 + 7, 2 * layout.MARGIN + 3 * 40 + 2 * 7, 3)
    assert (sheet == 0).all(axis=-1).sum() == 5 * 30 * 40
    assert (sheet[layout.MARGIN, layout.MARGIN] == 0).all() and (sheet[0] == 255).all()


def test_captions_and_title_add_ink_and_room():
    plain = layout.grid([BLACK] * 2)
    full = layout.grid([BLACK] * 2, captions=["seed 1", "seed 2"], title="Samples")
    assert full.shape[0] > plain.shape[0] and full.shape[1] == plain.shape[1]
    blank = 255 * np.ones_like(BLACK)
    assert (layout.grid([blank] * 2) == 255).all()
    assert (layout.grid([blank] * 2, captions=["seed 1", "seed 2"]) < 255).any()


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 5), (6, 3), (7, 4), (8, 4), (12, 4), (16, 4)]
)
def test_sheets_are_nearly_square_without_gaps(count, columns):
    assert layout._tidy_columns(count) == columns


@pytest.mark.parametrize(
    ("images", "captions", "message"),
    [
        ([], None, "at least one image"),
        ([BLACK, BLACK[:10]], None, "must have one size"),
        ([BLACK], ["a", "b"], "one caption per image"),
    ],
)
def test_a_grid_explains_what_is_wrong(images, captions, message):
    with pytest.raises(InputError, match=message):
        layout.grid(images, captions=captions)


def test_samples_share_one_scale():
    small, large = box() * 0.5, box()
    sheet = layout.samples([small, large], columns=2, size=(100, 100))
    left, right = np.split(sheet, 2, axis=1)
    colorful = [np.ptp(half.astype(int), axis=-1) > 20 for half in (left, right)]
    heights = [np.ptp(np.nonzero(mask.any(axis=1))[0]) for mask in colorful]
    assert heights[0] == pytest.approx(heights[1] / 2, rel=0.1)


def orange(picture: np.ndarray) -> int:
    """How many pixels have the colour of something that moved."""
    return int((picture[..., 0].astype(int) - picture[..., 2] > 80).sum())


def test_before_after_colors_what_moved_in_the_right_picture():
    before, after = box(), box()
    after[:, 1] += 0.3 * (after[:, 1] > 0.2)
    page = layout.before_after(before, after, size=(120, 120))
    pictures = page[: layout.MARGIN + 120]
    left, right = np.split(pictures, 2, axis=1)
    assert orange(left) == 0 and orange(right) > 50


def test_before_after_without_motion_stays_grey():
    page = layout.before_after(box(), box(), size=(120, 120))
    assert orange(page[: layout.MARGIN + 120]) == 0


def test_before_after_takes_given_distances_when_points_do_not_correspond():
    page = layout.before_after(box(), box()[:300], moved=np.full(300, 0.2), size=(120, 120))
    assert orange(page[: layout.MARGIN + 120]) > 50


def test_before_after_adds_the_table_below():
    plain = layout.before_after(box(), box(1.2), size=(120, 120))
    rows = [["", "requested", "before", "after"], ["width", "1.20", "1.00", "1.21"]]
    full = layout.before_after(box(), box(1.2), size=(120, 120), rows=rows)
    np.testing.assert_array_equal(full[: len(plain)], plain)
    assert (full[len(plain) :] < 255).any()


def test_before_after_explains_what_is_wrong():
    with pytest.raises(InputError, match="give moved="):
        layout.before_after(box(), box()[:10])
    with pytest.raises(InputError, match="no height"):
        layout.before_after(box() * [1, 0, 1], box())


def test_table_is_as_wide_as_asked_and_needs_equal_rows():
    assert layout.table([["", "a"], ["width", "1"], ["depth", "2"]], 200).shape[1] == 200
    with pytest.raises(InputError, match=r"equally long, got lengths \[2, 1\]"):
        layout.table([["", "a"], ["width"]], 200)


@pytest.mark.parametrize(
    ("value", "end"), [(0.0, 0.01), (0.01, 0.01), (0.011, 0.015), (0.34, 0.4), (0.9, 1.0), (7.2, 8.0)]
)
def test_scales_end_at_short_numbers(value, end):
    assert layout._round_up(value) == pytest.approx(end)


def test_save_png_writes_the_pixels_and_nothing_else(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    path = layout.save_png(image, tmp_path / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture.png"]


def test_save_png_into_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        layout.save_png(BLACK, tmp_path / "missing" / "picture.png")


def test_the_label_of_the_colour_bar_is_drawn():
    points = np.random.default_rng(0).random((300, 3))
    pages = [
        layout.before_after(points, points + 0.1, moved_label=label, size=(80, 80))
        for label in ("moved", "distance off")
    ]
    assert pages[0].shape == pages[1].shape and not np.array_equal(*pages)
