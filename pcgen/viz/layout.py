"""Pictures arranged on a page: a sheet of samples, the picture of an edit, typeset tables.

Images are ``[H, W, 3]`` uint8 sRGB throughout.
"""

from __future__ import annotations

__all__ = ["before_after", "grid", "samples", "save_png", "table"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from pcgen.errors import InputError
from pcgen.files import atomic_writer
from pcgen.viz.camera import Camera, as_points, three_quarter_view
from pcgen.viz.color import CLAY, DISPLACEMENT, INK, MUTED, PAPER, RULE, by_displacement, by_height, mix_palette, rgb
from pcgen.viz.splat import render

Picture = NDArray[np.uint8]
Rows = Sequence[Sequence[str]]

TITLE, TEXT, SMALL = 26, 17, 14  # type sizes in pixels
MARGIN = 32


def grid(
    images: Sequence[Picture],
    *,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    pad: int = 12,
) -> Picture:
    """Images of one size in rows and columns, with a caption under each.

    Args:
        images: one or more ``[H, W, 3]`` uint8 of equal size.
        columns: defaults to a nearly square sheet that leaves the fewest gaps.
        captions: one per image.
        title: a headline above all.
        pad: space between the images in pixels.

    Returns:
        The sheet, ``[H', W', 3]`` uint8.

    Raises:
        InputError: there is no image, the sizes differ, or captions are too few or too many.

    Example:
        >>> tile = np.zeros((40, 60, 3), np.uint8)
        >>> grid([tile] * 4, pad=10).shape
        (154, 194, 3)
    """
    if not images:
        raise InputError("a grid needs at least one image, got none")
    shapes = {np.shape(image) for image in images}
    if len(shapes) > 1:
        raise InputError(f"images in a grid must have one size, got {sorted(shapes)}; render them with the same size=")
    if captions is not None and len(captions) != len(images):
        raise InputError(f"give one caption per image: {len(images)} images, {len(captions)} captions")
    height, width = images[0].shape[:2]
    columns = min(columns or _tidy_columns(len(images)), len(images))
    line = 2 * TEXT if captions else 0
    top = MARGIN + (2 * TITLE if title else 0)
    rows = -(-len(images) // columns)
    page, draw = _blank(2 * MARGIN + columns * (width + pad) - pad, top + rows * (height + line + pad) - pad + MARGIN)
    if title:
        draw.text((MARGIN, MARGIN), title, fill=INK, font=_font(TITLE), anchor="lt")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        x, y = MARGIN + column * (width + pad), top + row * (height + line + pad)
        page.paste(Image.fromarray(image), (x, y))
        if captions:
            draw.text(
                (x + width / 2, y + height + line / 2), captions[index], fill=MUTED, font=_font(TEXT), anchor="mm"
            )
    return np.asarray(page)


def samples(
    clouds: Sequence[Any],
    *,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    columns: int | None = None,
    size: tuple[int, int] = (300, 300),
    camera: Camera | None = None,
) -> Picture:
    """Several shapes on one sheet, seen by one camera, at one scale and in one colouring by height.

    Args:
        clouds: each ``[N, 3]`` or with such ``points``; N may differ.
        captions: one per shape, for instance its seed.
        title: a headline above all.
        columns: see :func:`grid`.
        size: width and height of each picture in pixels.
        camera: defaults to the three-quarter view that frames all of them.

    Returns:
        The sheet, ``[H, W, 3]`` uint8.

    Raises:
        InputError: there is no shape, or one has the wrong form.
    """
    if not clouds:
        raise InputError("a sheet of samples needs at least one shape, got none")
    clouds = [as_points(cloud) for cloud in clouds]
    everything = np.concatenate(clouds)
    camera = camera or three_quarter_view(everything, aspect=size[0] / size[1], margin=0.04)
    heights = everything[np.isfinite(everything[:, 1]), 1]
    images = [
        render(cloud, colors=by_height(cloud, heights.min(), heights.max()), camera=camera, size=size)
        for cloud in clouds
    ]
    return grid(images, columns=columns, captions=captions, title=title)


def before_after(
    before: Any,
    after: Any,
    *,
    captions: tuple[str, str] = ("before", "after"),
    title: str | None = None,
    rows: Rows | None = None,
    moved: ArrayLike | None = None,
    moved_label: str = "distance moved",
    size: tuple[int, int] = (440, 440),
    camera: Camera | None = None,
) -> Picture:
    """The picture of an edit: the shape, the edited shape coloured by how far its points moved, and the numbers.

    Both are seen by one camera at one scale. Distances are in heights of the original shape; the scale ends
    at the 99th percentile, rounded up, so a few strays do not hide the rest.

    Args:
        before: the original, ``[N, 3]`` or with such ``points``.
        after: the edited shape.
        captions: a line under each picture.
        title: a headline above both.
        rows: table under the pictures, see :func:`table`; usually requested, before and after for each attribute.
        moved: ``[M]`` distance in world units for each point of ``after``; by default the distance between equal rows,
            which a decoder that keeps the order of its points gives.
        moved_label: what that distance is, under the colour bar.
        size: width and height of each picture in pixels.
        camera: defaults to the three-quarter view that frames both.

    Returns:
        The page, ``[H, W, 3]`` uint8.

    Raises:
        InputError: the clouds do not correspond and ``moved`` is not given, or something has the wrong form.
    """
    before, after = as_points(before), as_points(after)
    if moved is None:
        if before.shape != after.shape:
            raise InputError(
                f"before has {len(before)} points and after {len(after)}, so rows do not correspond; give moved=, "
                "the distance of each point of after to the original, for instance from pcgen.ops"
            )
        moved = np.linalg.norm(after - before, axis=1)
    height = float(np.ptp(before[np.isfinite(before).all(axis=1), 1])) if len(before) else 0.0
    if not height > 0:
        raise InputError("the original shape has no height, so distances cannot be given in shape heights")
    share = np.asarray(moved, np.float64) / height
    finite = share[np.isfinite(share)]
    limit = _round_up(float(np.quantile(finite, 0.99)) if len(finite) else 0.0)
    camera = camera or three_quarter_view(np.concatenate([before, after]), aspect=size[0] / size[1], margin=0.05)
    pair = grid(
        [
            render(before, colors=rgb(CLAY), camera=camera, size=size),
            render(after, colors=by_displacement(share, limit), camera=camera, size=size),
        ],
        captions=captions,
        title=title,
        pad=MARGIN,
    )
    parts = [pair[: -MARGIN // 2], _color_bar(limit, moved_label, pair.shape[1])]
    if rows:
        parts.append(_pad(table(rows, pair.shape[1] - 2 * MARGIN), MARGIN))
    return np.concatenate(parts)


def table(rows: Rows, width: int) -> Picture:
    """A typeset table: the first row is the head, the first column is text, the others are numbers set right.

    Args:
        rows: two or more rows of equally many strings.
        width: of the table in pixels; columns share what their contents leave.

    Returns:
        ``[H, width, 3]`` uint8.

    Raises:
        InputError: rows differ in length.

    Example:
        >>> table([["", "before", "after"], ["seat height", "0.41", "0.52"]], 300).shape
        (72, 300, 3)
    """
    if len({len(row) for row in rows}) != 1:
        raise InputError(f"rows of a table must be equally long, got lengths {[len(row) for row in rows]}")
    line = 2 * TEXT + 2
    font = _font(TEXT)
    page, draw = _blank(width, line * len(rows))
    widths = np.array([max(font.getlength(cell) for cell in column) for column in zip(*rows, strict=True)])
    gap = (width - widths.sum()) / max(1, len(widths) - 1)
    right = np.cumsum(widths + gap) - gap
    for index, row in enumerate(rows):
        y = line * (index + 0.5)
        color = MUTED if index == 0 else INK
        draw.text((0, y), row[0], fill=color, font=font, anchor="lm")
        for x, cell in zip(right[1:], row[1:], strict=True):
            draw.text((x, y), cell, fill=color, font=font, anchor="rm")
        draw.line([(0, line * (index + 1) - 1), (width, line * (index + 1) - 1)], fill=MUTED if index == 0 else RULE)
    return np.asarray(page)


def save_png(image: Picture, path: str | Path) -> Path:
    """Write an image as PNG; a reader never sees half a file.

    Args:
        image: ``[H, W, 3]`` uint8.
        path: where; its folder must exist.

    Returns:
        The path.

    Raises:
        FileError: the file cannot be written.
    """
    path = Path(path)
    with atomic_writer(path) as file:
        Image.fromarray(image).save(file, format="PNG")
    return path


def _tidy_columns(count: int) -> int:
    """Columns of a nearly square sheet, fewest gaps first."""
    root = int(np.ceil(np.sqrt(count)))
    return min(range(root, 2 * root), key=lambda columns: (-count % columns, columns))


def _round_up(value: float) -> float:
    """The next short number, for the end of a scale; at least 0.01."""
    value = max(value, 0.01)
    power = 10.0 ** np.floor(np.log10(value) + 1e-9)
    return float(power * next(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9)))


def _color_bar(limit: float, label: str, width: int) -> Picture:
    """The scale of the displacement colours, on the right half of a page."""
    length, thick = width // 4, 8
    page, draw = _blank(width, 60)
    x = width * 3 // 4 - length // 2
    bar = np.round(mix_palette(np.linspace(0, 1, length), DISPLACEMENT) * 255).astype(np.uint8)
    page.paste(Image.fromarray(np.repeat(bar[None], thick, axis=0)), (x, 8))
    font = _font(SMALL)
    draw.text((x - 8, 12), "0", fill=MUTED, font=font, anchor="rm")
    draw.text((x + length + 8, 12), f"{limit:g}", fill=MUTED, font=font, anchor="lm")
    draw.text((x + length / 2, 34), f"{label}, in shape heights", fill=MUTED, font=font, anchor="mm")
    return np.asarray(page)


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)


def _blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("RGB", (width, height), PAPER)
    return page, ImageDraw.Draw(page)


def _pad(image: Picture, pad: int) -> Picture:
    return np.pad(image, ((0, pad), (pad, pad), (0, 0)), constant_values=255)
