"""What the control benchmark asks: chairs, single changes, and what the same chair would be with that change."""

from __future__ import annotations

__all__ = ["Problem", "TrainingCodes", "make_problem", "specs_of", "training_codes"]

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pcgen import attributes
from pcgen.data.procedural import AttributeLaw, ChairParams, counterfactual, make_chair, sample_chairs, sample_params
from pcgen.data.procedural.chair_params import exact_attributes
from pcgen.errors import InputError
from pcgen.models.backbone import Backbone
from pcgen.normalize import NORMALIZATIONS
from pcgen.ops import chamfer_distance
from pcgen.spec import AttributeSpec
from pcgen.training.steering import FRESH_POINTS, STEERING_POINTS, codes_of, measure_of, one_request_each

POINTS = 2048
_TEST_SEED = 9_000_000  # far from the seeds of training shapes


@dataclass(frozen=True)
class TrainingCodes:
    """Codes with the values that their decodes measure: every method learns from these."""

    latents: Tensor  # [S, D]
    values: Tensor  # [S, K], NaN where not measurable


@dataclass(frozen=True)
class Problem:
    """Requests that change one attribute each, independent of everything else.

    The first axis is the attribute that is changed, the second the request.
    """

    specs: list[AttributeSpec]
    latents: Tensor  # [K, n, D]
    before: Tensor  # [K, n, K] measured on decodes
    requests: Tensor  # [K, n]
    truth: Tensor  # [K, n, POINTS, 3] the generator's own shape with that one attribute changed
    floor: Tensor  # [K, n] Chamfer distance of the truth's reconstruction to the truth
    spread: Tensor  # [K] interdecile range of the test shapes' values
    deviation: Tensor  # [K] their standard deviation
    retest: Tensor  # [K] mean difference between two measurements of the same decodes, over the spread
    unedited: Tensor  # [K, n, K] change that the scorer sees where nothing was edited, on fresh points
    true_change: Tensor  # [K, n, K] change that it sees between a shape and its counterfactual as generated


def training_codes(backbone: Backbone, specs: list[AttributeSpec], count: int, correlation: float) -> TrainingCodes:
    """Codes of procedural shapes whose attributes are independent or correlated."""
    batch = sample_chairs(count, POINTS, seed=17, law=AttributeLaw(correlation))
    latents = codes_of(backbone, _normalised(backbone, batch.points))
    values, known = measure_of(backbone, [spec.name for spec in specs])(latents)
    return TrainingCodes(latents, values.where(known, torch.nan))


def make_problem(backbone: Backbone, specs: list[AttributeSpec], count: int) -> Problem:
    """``count`` requests per attribute, on shapes that nothing was trained on, with independent attributes.

    Raises:
        InputError: the category has no counterfactuals.
    """
    if backbone.category != "chair":
        raise InputError(f"the control benchmark knows the counterfactuals of chairs, not of a {backbone.category}")
    names = [spec.name for spec in specs]
    measure = attributes.get(backbone.category).only(names).measure
    steer, fresh = measure_of(backbone, names), measure_of(backbone, names, FRESH_POINTS)
    params = [sample_params(np.random.default_rng((_TEST_SEED, i))) for i in range(2 * count)]
    latents = codes_of(backbone, _normalised(backbone, _drawn(params, POINTS, (_TEST_SEED, 1))))
    before, known = steer(latents)
    exact = torch.tensor([[exact_attributes(p)[name] for name in names] for p in params])
    requests, shapes = one_request_each(exact.where(known, torch.nan), specs, count, seed=_TEST_SEED)
    truth = torch.empty(len(specs), count, POINTS, 3)
    true_change = torch.empty(len(specs), count, len(specs))
    for k, name in enumerate(names):
        bases = [params[row] for row in shapes[:, k].tolist()]
        changed = [counterfactual(p, **{name: requests[i, k].item()}) for i, p in enumerate(bases)]
        truth[k] = _normalised(backbone, _drawn(changed, POINTS, (_TEST_SEED, 2, k)))
        # As many points as the scorer has before and after an edit.
        earlier = measure(torch.from_numpy(_drawn(bases, STEERING_POINTS, (_TEST_SEED, 3, k))))[0]
        true_change[k] = measure(torch.from_numpy(_drawn(changed, FRESH_POINTS, (_TEST_SEED, 4, k))))[0] - earlier
    with torch.no_grad():
        floor = torch.stack([chamfer_distance(backbone.decode(codes_of(backbone, t), FRESH_POINTS), t) for t in truth])
    unedited = fresh(latents)[0] - before.where(known, torch.nan)
    spread = (exact.quantile(0.9, dim=0) - exact.quantile(0.1, dim=0)).clamp(min=1e-6)
    return Problem(
        specs=specs,
        latents=latents[shapes.T],
        before=before.where(known, torch.nan)[shapes.T],
        requests=requests.T,
        truth=truth,
        floor=floor,
        spread=spread,
        deviation=exact.std(0),
        retest=unedited.abs().nanmean(0) / spread,
        unedited=unedited[shapes.T],
        true_change=true_change,
    )


def specs_of(backbone: Backbone, names: list[str]) -> list[AttributeSpec]:
    """The measurer's specs of some attributes, or of all."""
    measurer = attributes.get(backbone.category)
    return list(measurer.only(names).specs if names else measurer.specs)


def _drawn(params: list[ChairParams], points: int, seed: tuple[int, ...]) -> np.ndarray:
    """Points ``[S, points, 3]`` on the surfaces of chairs."""
    randoms = (np.random.default_rng((*seed, i)) for i in range(len(params)))
    return np.stack([make_chair(p, points, rng).points for p, rng in zip(params, randoms, strict=True)])


def _normalised(backbone: Backbone, points: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(points)
    return NORMALIZATIONS[backbone.normalization](tensor).apply(tensor)
