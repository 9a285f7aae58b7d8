"""Reads a table's attributes off any cloud of it, by geometry alone.

Frame: +Y up, -Z front. The two faces of the top are found as the heaviest levels; what stands below them is looked at
from above, where each support is a piece of its own.
"""

from __future__ import annotations

__all__ = ["TABLE_SPECS", "measure_table"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, max_pool1d, max_pool2d

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.components import centred, components, group_sum
from pcgen.attributes.robust import Ranked, extents, few, histogram, solid
from pcgen.spec import AttributeSpec

TABLE_SPECS = (
    AttributeSpec("height", "continuous", 0.3, 1.1, "of width", "overall height"),
    AttributeSpec("depth", "continuous", 0.4, 1.0, "of width", "overall depth"),
    AttributeSpec("round", "binary", 0, 1, "", "a top without corners"),
    AttributeSpec("thickness", "continuous", 0.025, 0.14, "of height", "thickness of the top"),
    AttributeSpec("legs", "count", 1, 4, "", "separate supports that stand on the floor"),
    AttributeSpec("leg_thickness", "continuous", 0.03, 0.1, "of width", "thinner side of a support, halfway up"),
    AttributeSpec("stance", "continuous", 0.55, 1.0, "of width", "width of what stands on the floor"),
    AttributeSpec("shelf", "binary", 0, 1, "", "a second board under the top"),
    AttributeSpec("apron", "binary", 0, 1, "", "boards or drawers under the top in front and behind"),
)

_LEVELS = 128  # of height, for the faces of the top
_FACE = 0.3  # share of the heaviest level's points that a face of the top has at least
_LEAST_FACE = 0.05  # of all points: what has no level as large as that is no table
_THINNEST = 0.018  # of height: a top is thicker than this
_BANDS = 32  # of the height below the top, for the supports
_CROWDED = 1.8  # times the points of a band with supports alone: it holds a board as well
_OVER, _UNDER = 0.28, 0.8  # of the height below the top: lower are feet and bars, higher may be an apron
_GRID = 32  # cells along the longer side, seen from above
_LEAST_SUPPORT = 0.04  # of the points of all supports
_FLOOR = 0.1  # of height: what is lower stands on the floor
_FLOOR_POINTS = 24  # that it takes to see how far apart the feet are
_LEAST_FEET = 6  # points
_CORNER = 0.1  # of the extents: where a rectangular top has points and a round one has none
_CENTRE = 0.45  # of the half extents: where a shelf is looked for
_FOOT = 0.075  # of height: what is lower is a foot and no shelf
_SLOTS = 8  # along the front, where an apron is looked for


class _Frame(NamedTuple):
    """A table in its own frame."""

    x: Tensor  # [B, N], over half the width, from -1 to 1
    y: Tensor  # over the height, from 0 to 1
    z: Tensor  # over half the depth, from -1 to 1
    used: Tensor  # [B, N] bool
    size: Tensor  # [B, 3], extents


def measure_table(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`TABLE_SPECS`.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``; NaN and infinite points and isolated strays are ignored. The numbers are
            reliable from about 2000 points on.

    Returns:
        ``values [B, K]`` float32, NaN where not measurable, and ``measurable [B, K]`` bool (``[K]`` each for a single
        cloud).

    Raises:
        InputTypeError: the points are not floating-point numbers.
        InputError: the shape is another one.

    Example:
        >>> values, measurable = measure_table(torch.rand(2, 1000, 3))
        >>> values.shape, measurable.dtype
        (torch.Size([2, 9]), torch.bool)
    """
    return measure_clouds(points, len(TABLE_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    size = high - low
    box = ((clouds - low[:, None]) / size[:, None]).nan_to_num(-1.0, -1.0, -1.0)
    frame = _Frame(2 * box[..., 0] - 1, box[..., 1], 2 * box[..., 2] - 1, used, size)
    top, underside, face = _top(frame)
    # A sheet without thickness still has legs.
    below = underside.where(underside.isfinite(), top - _THINNEST)
    supports = _supports(frame, below)
    columns = [
        size[:, 1] / size[:, 0],
        size[:, 2] / size[:, 0],
        _is_round(frame, below),
        top - underside,
        _count(supports, frame),
        _thickness(supports, frame),
        _stance(frame),
        _has_shelf(frame, below, face),
        _has_apron(frame, below, supports),
    ]
    flat = face.sum(dim=1) > _LEAST_FACE * used.sum(dim=1)
    measurable = flat[:, None].repeat(1, len(columns))
    measurable[:, :2] = True
    return torch.stack(columns, dim=1).where(measurable & (size > 0).all(dim=1, keepdim=True), torch.nan)


def _top(frame: _Frame) -> tuple[Tensor, Tensor, Tensor]:
    """Height of the upper face and of the underside ``[B]`` (inf where there is none), and the upper face's points."""
    y, used = frame.y, frame.used
    number = torch.arange(_LEVELS, device=y.device)
    mass = 3 * avg_pool1d(histogram(y, used, _LEVELS), 3, stride=1, padding=1)
    high = number >= _LEVELS // 2
    heavy = high & (mass > _FACE * (mass * high).amax(dim=1, keepdim=True))
    upper = torch.where(heavy, number, -1).amax(dim=1)
    ranked, count = Ranked.of(y, used), used.sum(dim=1)
    top = _face_height(ranked, count, (upper + 0.5) / _LEVELS)
    upper_face = used & ((y - top[:, None]).abs() < _THINNEST / 2)
    # Counted downwards from just below the upper face, so that no level's edge falls on a face of a thin top.
    drop = top[:, None] - _THINNEST - y
    below = histogram(drop, used & (drop >= 0), _LEVELS)[:, : _LEVELS // 4]
    pair = 2 * avg_pool1d(below, 2, stride=1)  # a face may be split between two levels
    first = torch.where(pair > _FACE * upper_face.sum(dim=1, keepdim=True), number[: pair.shape[1]], _LEVELS).amin(
        dim=1
    )
    guess = top - _THINNEST - (first + 1) / _LEVELS
    under = ranked.below(top - _THINNEST, inclusive=True)
    underside = _face_height(ranked, under, guess).where(first < _LEVELS, torch.inf)
    return top, underside, upper_face


def _face_height(ranked: Ranked, count: Tensor, height: Tensor) -> Tensor:
    """The exact height ``[B]`` of the face nearest to a guessed one, among the ``count`` lowest of ranked heights."""
    for reach in (1.5 / _LEVELS, 0.5 / _LEVELS):
        first, last = ranked.below(height - reach, inclusive=True), ranked.below(height + reach)
        height = ranked.at(first, torch.minimum(last, count), 0.5)
    return height


def _is_round(frame: _Frame, underside: Tensor) -> Tensor:
    """Whether the corners of the top's outline are empty ``[B]``, 0 or 1."""
    x, z = frame.x.abs(), frame.z.abs()
    board = frame.used & (frame.y > underside[:, None] - 0.5 / _LEVELS)
    corner = board & (x > 1 - 2 * _CORNER) & (z > 1 - 2 * _CORNER)
    middle = board & (x < 0.5) & (z < 0.5)
    expected = middle.sum(dim=1) * (2 * _CORNER) ** 2 / 0.5**2
    return (corner.sum(dim=1) < 0.25 * expected).float()


def _supports(frame: _Frame, underside: Tensor) -> Tensor:
    """The piece ``[B, N]`` that each point of a support belongs to, -1 for all others."""
    share = frame.y / underside[:, None]
    counts = histogram(share, frame.used & (share < 1), _BANDS)
    lowest, highest = round(_OVER * _BANDS), round(_UNDER * _BANDS)
    usual = counts[:, lowest:highest].quantile(0.25, dim=1, keepdim=True)
    crowded = counts > _CROWDED * usual + few(frame.y.shape[1])
    crowded = max_pool1d(crowded.float(), 3, stride=1, padding=1) > 0
    crowded[:, :lowest] = crowded[:, highest:] = True
    band = (share * _BANDS).nan_to_num(0.0).long().clamp(0, _BANDS - 1)
    return components(_cells(frame), frame.used & ~crowded.gather(1, band), _GRID)


def _cells(frame: _Frame) -> Tensor:
    """Column and row of each point, seen from above, in square cells ``[B, N, 2]``."""
    longer = torch.maximum(frame.size[:, 0], frame.size[:, 2])[:, None]
    column, row = frame.x * frame.size[:, :1] / longer, frame.z * frame.size[:, 2:] / longer
    place = (torch.stack([column, row], dim=-1) + 1) / 2 * _GRID
    return place.nan_to_num(0.0).long().clamp(0, _GRID - 1)


def _count(supports: Tensor, frame: _Frame) -> Tensor:
    """How many pieces ``[B]`` hold more than strays."""
    held = group_sum(torch.ones_like(frame.y), supports, _GRID**2)
    least = (_LEAST_SUPPORT * held.sum(dim=1, keepdim=True)).clamp(min=few(frame.y.shape[1]) / 2)
    count = (held > least).sum(dim=1).float()
    return count.where(count > 0, torch.nan)


def _thickness(supports: Tensor, frame: _Frame) -> Tensor:
    """Thinner side of the supports ``[B]`` over the width, from the points halfway up."""
    count = (supports >= 0).sum(dim=1)
    sides = []
    for axis, place in ((0, frame.x), (2, frame.z)):
        metric = place * frame.size[:, axis, None] / (2 * frame.size[:, :1])
        offset = Ranked.of(centred(metric, frame.y, supports, _GRID**2), supports >= 0)
        first, last = (offset.at(torch.zeros_like(count), count, q) for q in (0.08, 0.92))
        sides.append(last - first)
    return torch.minimum(*sides).where(count >= 2 * few(frame.y.shape[1]), torch.nan)


def _stance(frame: _Frame) -> Tensor:
    """Width of what is lowest over the whole width ``[B]``; thin legs have few points, so theirs are sought higher."""
    lowest = frame.y.where(frame.used, torch.inf).topk(_FLOOR_POINTS, dim=1, largest=False)[0][:, -1]
    on_floor = frame.used & (frame.y <= lowest.clamp(_FLOOR, 2 * _FLOOR)[:, None])
    last = frame.x.where(on_floor, -torch.inf).amax(dim=1)
    first = frame.x.where(on_floor, torch.inf).amin(dim=1)
    return ((last - first) / 2).where(on_floor.sum(dim=1) >= _LEAST_FEET, torch.nan)


def _has_shelf(frame: _Frame, underside: Tensor, face: Tensor) -> Tensor:
    """Whether a level under the top is covered on both faces ``[B]``, 0 or 1."""
    y = frame.y
    central = frame.used & (frame.x.abs() < _CENTRE) & (frame.z.abs() < _CENTRE)
    free = central & (y > _FOOT) & (y < 0.8 * underside[:, None])
    counts = histogram(y, free, _LEVELS)
    window = 6  # levels, which hold both faces of a board
    both_faces = window * avg_pool1d(counts, window, stride=1).amax(dim=1)
    return (both_faces > 1.4 * (central & face).sum(dim=1)).float()


def _has_apron(frame: _Frame, underside: Tensor, supports: Tensor) -> Tensor:
    """Whether boards close the gap under the top in front and behind, where no support stands ``[B]``, 0 or 1."""
    cells = _cells(frame)
    index = cells[..., 1] * _GRID + cells[..., 0]
    standing = torch.zeros(len(index), _GRID**2, device=index.device).scatter_add_(1, index, (supports >= 0).float())
    blocked = max_pool2d(standing.view(-1, 1, _GRID, _GRID), 3, stride=1, padding=1).view(len(index), -1) > 0
    below = (frame.y < underside[:, None] - 0.012) & (frame.y > 0.905 * underside[:, None])
    near = frame.used & below & ~blocked.gather(1, index) & (frame.x.abs() < 0.6) & (frame.z.abs() > 0.6)
    along = (frame.x / 0.6 + 1) / 2
    covered = [(histogram(along, near & side, _SLOTS) > 0).float().mean(dim=1) for side in (frame.z > 0, frame.z < 0)]
    return (torch.minimum(*covered) > 0.35).float()
