"""Reads an airplane's attributes off any cloud of it, by geometry alone.

Frame: +Y up, nose towards -Z; lengths over the overall length. The wing's two edges and its plane are straight lines
through what is seen of it in strips along the span; everything else is found by where it is beside them.
"""

from __future__ import annotations

__all__ = ["AIRPLANE_SPECS", "measure_airplane"]

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.robust import Ranked, extents, few, histogram, masked_quantile, solid, spread
from pcgen.spec import AttributeSpec

AIRPLANE_SPECS = (
    AttributeSpec("span", "continuous", 0.55, 2.2, "of length", "from wing tip to wing tip"),
    AttributeSpec("fuselage", "continuous", 0.065, 0.16, "of length", "greatest width of the fuselage"),
    AttributeSpec("chord", "continuous", 0.07, 0.24, "of length", "depth of the wing halfway out"),
    AttributeSpec("taper", "continuous", 0.2, 1.0, "of the middle", "depth of the wing at its tip"),
    AttributeSpec("sweep", "continuous", 0.0, 0.3, "of length", "how far the wing's tip is behind its root"),
    AttributeSpec("dihedral", "continuous", -2.0, 8.0, "degrees", "how steeply the wings rise outwards"),
    AttributeSpec("wing_height", "continuous", 0.1, 0.9, "of fuselage", "where the wing meets the fuselage"),
    AttributeSpec("tail_span", "continuous", 0.2, 0.46, "of length", "width of the tailplane"),
    AttributeSpec("fin", "continuous", 0.07, 0.2, "of length", "height of the fin above the fuselage"),
    AttributeSpec("engines", "count", 0, 4, "", "number of engines; an odd one is on the nose"),
    AttributeSpec("t_tail", "binary", 0, 1, "", "whether the tailplane is on top of the fin"),
    AttributeSpec("gear", "binary", 0, 1, "", "whether the landing gear is down"),
)

_STRIPS = 14  # of half the span, in which the wing's edges are looked for
_INNER, _OUTER = 0.3, 0.96  # of half the span: between them the wing is free of fuselage and winglets
_NEAR = 0.008  # of the length: strips as near to a line show the wing and no engine
_WING_END = 0.79  # of the length: farther back is the tail
_TAIL = 0.84  # of the length: farther back there is nothing beside the tail
_MIDDLE = (0.35, 0.6)  # of the length: where the fuselage is thickest
_AHEAD = 0.012  # of the length: more than that ahead of the edge is an engine
_BINS = 240  # of half the length, for the fuselage's side
_PLACES = 32  # of half the span, where engines are looked for
_NOSE_WHEEL = 0.19  # of the length: farther back the wing may stand out below
_PROPELLER = 0.028  # of the length: as far back are the blades of a propeller on the nose


class _Frame(NamedTuple):
    """An airplane in units of its length."""

    side: Tensor  # [B, N], distance from the plane of symmetry
    y: Tensor
    z: Tensor  # from 0 at the nose to 1
    used: Tensor  # [B, N] bool
    half: Tensor  # [B], half the span


class _Wing(NamedTuple):
    """Straight lines over the distance from the plane of symmetry: values in the middle and slopes, ``[B]`` each."""

    front: tuple[Tensor, Tensor]
    back: tuple[Tensor, Tensor]
    height: tuple[Tensor, Tensor]


def measure_airplane(points: Tensor) -> tuple[Tensor, Tensor]:
    """Measure every attribute of :data:`AIRPLANE_SPECS`.

    A cloud in which no wing is found has none of them.

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
        >>> values, measurable = measure_airplane(torch.rand(2, 1000, 3))
        >>> values.shape, measurable.dtype
        (torch.Size([2, 12]), torch.bool)
    """
    return measure_clouds(points, len(AIRPLANE_SPECS), _measure)


def _measure(clouds: Tensor) -> Tensor:
    """Attribute values ``[B, K]`` of clouds ``[B, N, 3]``, NaN or infinite where not measurable."""
    used = solid(clouds)
    low, high = extents(clouds, used)
    size = high - low
    length = size[:, 2]
    x, y, z = ((clouds - low[:, None]) / length[:, None, None]).nan_to_num(-9.0, -9.0, -9.0).unbind(dim=-1)
    half = size[:, 0] / length / 2
    frame = _Frame((x - half[:, None]).abs(), y, z, used, half)
    wing = _wing(frame)
    radius = _fuselage(frame, wing)
    strays = (~used).sum(dim=1) / 2
    inside = frame.side < 0.5 * radius[:, None]
    bottom, top = spread(y, used & inside & (z > _MIDDLE[0]) & (z < _MIDDLE[1]), strays)
    tail = used & (z > _TAIL)
    fin_top = spread(y, tail & inside, strays)[1]
    tail_half = spread(frame.side, tail, strays)[1]
    tailplane = masked_quantile(y, tail & (frame.side > 0.4 * tail_half[:, None]), 0.5)
    front, back = (edge[0] for edge in (wing.front, wing.back))
    tip_front, tip_back = (edge[0] + edge[1] * half for edge in (wing.front, wing.back))
    columns = [
        2 * half,
        2 * radius,
        (back + tip_back - front - tip_front) / 2,
        (tip_back - tip_front) / (back - front),
        tip_front - front,
        wing.height[1].atan() * (180 / math.pi),
        (wing.height[0] - bottom) / (top - bottom),
        2 * tail_half,
        fin_top - top,
        _engines(frame, wing, radius, bottom, top),
        (tailplane > top + 0.7 * (fin_top - top)).float(),
        _gear(frame, radius, bottom),
    ]
    there = (length > 0) & (back - front > 0) & (tip_back - tip_front > 0) & tail.any(dim=1)
    return torch.stack(columns, dim=1).where(there[:, None], torch.nan)


def _wing(frame: _Frame) -> _Wing:
    """The wing's edges and its plane, from the strips in which they are seen."""
    share = frame.side / frame.half[:, None]
    strip = ((share - _INNER) / (_OUTER - _INNER) * _STRIPS).nan_to_num(0.0).floor().long()
    wing = frame.used & (strip >= 0) & (strip < _STRIPS) & (frame.z < _WING_END)
    inside = wing[:, None] & (strip[:, None] == torch.arange(_STRIPS, device=share.device)[:, None])
    count = inside.sum(dim=2)
    z = frame.z[:, None].expand_as(inside)
    first, last = z.where(inside, torch.inf).amin(dim=2), z.where(inside, -torch.inf).amax(dim=2)
    beyond = (last - first) / (count - 1).clamp(min=1)  # what lies between an edge and its outermost point
    seen = (count > 3).float()
    middle = _medians(frame.y, strip.where(wing, _STRIPS), count)
    first, last, middle = (a.nan_to_num(0.0, 0.0, 0.0) for a in (first - beyond, last + beyond, middle))
    places = _INNER + (torch.arange(_STRIPS, device=share.device) + 0.5) / _STRIPS * (_OUTER - _INNER)
    along = places * frame.half[:, None]
    back = _line(along, -last, seen)
    return _Wing(_line(along, first, seen), (-back[0], -back[1]), _line(along, middle, seen))


def _medians(values: Tensor, strip: Tensor, count: Tensor) -> Tensor:
    """Medians ``[B, S]`` of values ``[B, N]`` in strips ``[B, N]`` that hold so many, ``[B, S]``; inf of none."""
    order = values.argsort(dim=1)
    strip, place = strip.gather(1, order).sort(dim=1, stable=True)  # strip after strip, in each its values in order
    ranked = Ranked(values.gather(1, order).gather(1, place)[:, None].expand(-1, count.shape[1], -1))
    last = count.cumsum(dim=1)
    return ranked.at(last - count, last, 0.5)


def _line(along: Tensor, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Value at 0 and slope ``[B]`` of the straight line near which most of the values ``[B, S]`` lie and few above.

    Engines make values smaller, ahead of the wing and below it, never greater. Of all lines through two values the one
    with the most near it, less those above, is fitted to what is near.
    """
    first, second = torch.tensor([(i, j) for i in range(_STRIPS) for j in range(i + 3, _STRIPS)]).to(along.device).T
    slope = (values[:, second] - values[:, first]) / (along[:, second] - along[:, first])
    start = values[:, first] - slope * along[:, first]
    residual = values[:, None] - start[..., None] - slope[..., None] * along[:, None]
    both = seen[:, first] * seen[:, second]
    near = seen[:, None] * (residual.abs() < _NEAR)
    above = seen[:, None] * (residual >= _NEAR)
    best = ((near - above).sum(dim=2) * both).argmax(dim=1)
    weight = near[torch.arange(len(near)), best]
    centre, mean = ((weight * a).sum(dim=1) / weight.sum(dim=1) for a in (along, values))
    offset = along - centre[:, None]
    tilt = (weight * offset * (values - mean[:, None])).sum(dim=1) / (weight * offset.square()).sum(dim=1)
    return mean - tilt * centre, tilt


def _at(line: tuple[Tensor, Tensor], side: Tensor) -> Tensor:
    return line[0][:, None] + line[1][:, None] * side


def _fuselage(frame: _Frame, wing: _Wing) -> Tensor:
    """Half the fuselage's width ``[B]``: where points off the wing's plane stop being many."""
    off = (frame.y - _at(wing.height, frame.side)).abs() > 0.012
    mask = frame.used & off & (frame.z > 0.15) & (frame.z < 0.75)
    counts = histogram(2 * frame.side, mask, _BINS)
    inner = counts.cumsum(dim=1) / torch.arange(1, _BINS + 1, device=counts.device)
    window = (counts + counts.roll(-1, dims=1) + counts.roll(-2, dims=1)) / 3
    number = torch.arange(_BINS, device=counts.device)
    ended = (window < 0.3 * inner) & (number > 0.025 * 2 * _BINS)
    first = torch.where(ended, number, _BINS).amin(dim=1)
    return (first - 1) / (2 * _BINS)


def _engines(frame: _Frame, wing: _Wing, radius: Tensor, bottom: Tensor, top: Tensor) -> Tensor:
    """How many engines there are ``[B]``: one on the nose, and two for each place beside it."""
    side, y, z, used, half = frame
    hub = masked_quantile(y, used & (z < 0.05), 0.5)
    blades = used & (z < _PROPELLER) & (torch.hypot(side, y - hub[:, None]) > 1.15 * radius[:, None])
    nose = blades.sum(dim=1) > few(side.shape[1]) / 2
    outside = used & (side > radius[:, None] + 0.008) & (side < 0.93 * half[:, None])
    ahead = outside & (z > 0.08) & (z < _at(wing.front, side) - _AHEAD)
    counts = histogram(side / half[:, None], ahead, _PLACES)
    held = counts > few(side.shape[1]) / 2
    held = held | (held.roll(1, dims=1) & held.roll(-1, dims=1))
    begins = held & ~held.roll(1, dims=1)
    pairs = begins.sum(dim=1)
    behind = outside & (z > _at(wing.back, side) + 0.02) & (z > 0.64) & (z < 0.8)
    rear = (behind & (side < radius[:, None] + 0.13)).sum(dim=1) > 3 * few(side.shape[1])
    return nose.float() + 2 * torch.where(rear, 1, pairs).float()


def _gear(frame: _Frame, radius: Tensor, bottom: Tensor) -> Tensor:
    """Whether something stands out below the nose ``[B]``, 0 or 1."""
    below = frame.used & (frame.y < bottom[:, None] - 0.015) & (frame.side < 0.6 * radius[:, None])
    return ((below & (frame.z < _NOSE_WHEEL)).sum(dim=1) > few(frame.side.shape[1]) / 2).float()
