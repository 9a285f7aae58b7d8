"""From labelled codes of a frozen backbone to a calibrated plugin."""

from __future__ import annotations

__all__ = ["codes_of", "drawn_errors", "fit_calibrated", "given_errors", "measure_of", "one_request_each"]

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pcgen import attributes
from pcgen.errors import InputError, unknown_name
from pcgen.generator import Generator
from pcgen.models.backbone import Backbone
from pcgen.plugins import METHODS, Calibrated, Measure
from pcgen.plugins.framed import FramedPlugin
from pcgen.plugins.network import NetworkPlugin, Schedule
from pcgen.spec import AttributeSpec

_CALIBRATION_SHARE = 0.15
_CHUNK = 256
# Twice the points of a cloud halve the measurer's noise. Their number chooses where on the patches they lie: 36 on each
# of 128 patches form a grid, 37 a sequence that has no point of it, so that these steered nothing.
STEERING_POINTS, FRESH_POINTS = 4608, 4736


def measure_of(backbone: Backbone, names: list[str], num_points: int = STEERING_POINTS) -> Measure:
    """Measures attributes by name on what codes decode to."""
    measure = attributes.get(backbone.category).only(names).measure

    @torch.no_grad()
    def decode_and_measure(latents: Tensor) -> tuple[Tensor, Tensor]:
        parts = [measure(backbone.decode(part, num_points)) for part in latents.split(_CHUNK)]
        return torch.cat([values for values, _ in parts]), torch.cat([known for _, known in parts])

    return decode_and_measure


@torch.no_grad()
def codes_of(backbone: Backbone, clouds: Tensor) -> Tensor:
    """Codes ``[B, D]`` of normalised clouds ``[B, N, 3]``."""
    return torch.cat([backbone.encode(part) for part in clouds.split(_CHUNK)])


def fit_calibrated(
    latents: Tensor,
    values: Tensor,
    specs: list[AttributeSpec],
    *,
    method: str = "editor",
    measure: Measure | None = None,
    seed: int = 0,
    schedule: Schedule | None = None,
) -> Calibrated:
    """A plugin fitted on most of the codes and calibrated on the others.

    Args:
        latents: ``[S, D]``.
        values: ``[S, K]``, NaN where not known.
        specs: the attributes.
        method: name of the plugin's method.
        measure: measures what codes decode to.
        seed: of everything random.
        schedule: how long a network learns.

    Raises:
        InputError: the method is unknown, or there are too few codes.
    """
    if method not in METHODS:
        raise unknown_name("plugin method", method, METHODS)
    if len(latents) < 20:
        raise InputError(f"a plugin needs at least 20 labelled shapes, got {len(latents)}")
    order = torch.randperm(len(latents), generator=torch.Generator().manual_seed(seed))
    held = max(10, int(_CALIBRATION_SHARE * len(latents)))
    kind = METHODS[method]
    inner = kind(specs, seed=seed, schedule=schedule) if issubclass(kind, NetworkPlugin) else kind(specs)
    fitting, holding = order[held:], order[:held]
    if isinstance(inner, FramedPlugin):
        inner.fit(latents[fitting], values[fitting], measure=measure)
    else:
        inner.fit(latents[fitting], values[fitting])
    return Calibrated(inner).fit(latents[holding], values[holding], measure=measure, seed=seed)


def one_request_each(values: Tensor, specs: list[AttributeSpec], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """For every attribute ``count`` requests that change it alone, independent of everything else.

    Args:
        values: ``[S, K]`` what shapes have, to know the range: from its 5 % to its 95 % quantile.
        specs: the attributes.
        count: requests per attribute.
        seed: which.

    Returns:
        ``[count, K]`` requested values, and which of the S shapes each is for, ``[count, K]``: only shapes on which the
        attribute is measurable. A yes/no attribute or count is asked for a level that the shape does not have.
    """
    generator = torch.Generator().manual_seed(seed)
    requests, shapes = torch.empty(count, len(specs)), torch.empty(count, len(specs), dtype=torch.long)
    for k, spec in enumerate(specs):
        known = (~values[:, k].isnan()).nonzero()[:, 0]
        column = values[known, k]
        chosen = torch.randint(len(known), (count,), generator=generator)
        shapes[:, k] = known[chosen]
        if spec.kind == "continuous":
            low, high = column.quantile(torch.tensor([0.05, 0.95]))
            requests[:, k] = low + (high - low) * torch.rand(count, generator=generator)
        else:
            levels = column.unique()
            other = torch.randint(max(len(levels) - 1, 1), (count,), generator=generator)
            at = torch.searchsorted(levels, column[chosen])
            requests[:, k] = levels[(at + 1 + other) % len(levels)]
    return requests, shapes


@torch.no_grad()
def drawn_errors(
    plugin: Calibrated, latents: Tensor, measure: Measure, fresh: Measure, count: int, seed: int
) -> Tensor:
    """Errors ``[count, K]`` of closed-loop edits of codes, scored on points that did not steer them."""
    specs = list(plugin.specs)
    before, _ = measure(latents)
    requests, shapes = one_request_each(before, specs, count, seed)
    errors = torch.full_like(requests, torch.nan)
    for k in range(len(specs)):
        values = torch.full((count, len(specs)), torch.nan)
        values[:, k] = requests[:, k]
        start = shapes[:, k]
        edited = plugin.steer(latents[start], before[start], values, ~values.isnan(), measure)
        errors[:, k] = fresh(edited)[0][:, k] - requests[:, k]
    return errors


def given_errors(generator: Generator, clouds: list[Tensor], seed: int, edits: int = 3) -> Tensor:
    """Errors ``[S, M, K]``, over their spreads, of edits of S given clouds, on points that did not steer them.

    M edits of each attribute: a continuous one is asked to change by up to a quarter of its range. NaN where it is not
    measurable, or no longer on the points that steer: such edits have no bound.
    """
    rng = np.random.default_rng(seed)
    errors = torch.full((len(clouds), edits, len(generator.specs)), torch.nan)
    for row, cloud in enumerate(tqdm(clouds, desc="edits of given shapes", leave=False)):
        values, known = generator.measure(cloud[None])
        for turn, (k, spec) in itertools.product(range(edits), enumerate(generator.specs)):
            wanted = _nearby(spec, values[0, k].item(), rng) if known[0, k] else None
            if wanted is None:
                continue
            request: dict[str, Any] = {spec.name: wanted}
            try:
                edit = generator.edit(cloud, **request)
            except InputError:
                continue
            after, spread = edit.after[spec.name], edit.spread[spec.name]
            error = abs(after - wanted) if after == after else spec.high - spec.low
            errors[row, turn, k] = error / spread if math.isfinite(spread) else math.nan
    return errors


def _nearby(spec: AttributeSpec, has: float, rng: np.random.Generator) -> float | None:
    """A value to ask for of a shape that has another one; None of a shape far outside the range of requests."""
    if spec.kind != "continuous":
        return float(rng.choice([v for v in range(int(spec.low), int(spec.high) + 1) if v != has]))
    span = 0.25 * (spec.high - spec.low)
    low, high = max(spec.low, has - span), min(spec.high, has + span)
    return float(rng.uniform(low, high)) if low <= high else None
