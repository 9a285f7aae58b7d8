"""Calibrated: any plugin, with requests that mean what they say, an error bound, and the sense to abstain."""

from __future__ import annotations

__all__ = ["Calibrated", "conformal_quantile", "monotone"]

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from pcgen.errors import InputError, unknown_name
from pcgen.plugins.base import Plugin, unfitted
from pcgen.plugins.joint import JointValues
from pcgen.plugins.loop import Measure, closed_loop

KNOTS = 9
_PER_KNOT = 40  # codes edited to each knot
_UNLIKELY = 0.005  # share of the training codes and values that are called outside the support themselves
_ROWS = 1000


class Calibrated(Plugin):
    """A plugin around a plugin.

    - **Map.** Per continuous attribute, a monotone, piecewise linear map from the requested value to the one that the
      inner plugin must be asked for, fitted on what its edits measured.
    - **Loop.** :meth:`steer` corrects all attributes at once by measuring, see :func:`~pcgen.plugins.loop.closed_loop`.
    - **Bound.** Split conformal prediction: after :meth:`set_errors` with errors of calibration edits, the error of a
      new edit from the same population is at most :meth:`bound` with the chosen probability. Populations are kept
      apart by name: errors on procedural shapes say nothing about real ones. Errors may be given over whatever is
      known to be in proportion to them; the bound is over the same.
    - **Support.** :meth:`doubts` says why a request is outside what the training shapes show: the combination of values
      is rarer than all but 0.5 % of theirs, or the new code less likely than all but 0.5 % of theirs.

    Args:
        inner: the plugin that edits.
    """

    method: ClassVar[str] = "calibrated"

    def __init__(self, inner: Plugin) -> None:
        super().__init__(inner.specs)
        self.inner = inner
        self.said = self.heard = self.mean = self.deviation = self.floor = torch.empty(0)
        self.joint: JointValues | None = None
        self.errors: dict[str, Tensor] = {}
        # Found when first asked for: they take some milliseconds.
        self._floors: dict[tuple[bool, ...], Tensor] = {}
        self._bounds: dict[tuple[str, float], Tensor] = {}

    def fit(
        self,
        latents: Tensor,
        values: Tensor,
        mask: Tensor | None = None,
        *,
        measure: Measure | None = None,
        seed: int = 0,
    ) -> Calibrated:
        """Calibrate the inner plugin, which must be fitted, on codes ``[S, D]`` with values ``[S, K]``.

        Args:
            latents: ``[S, D]``, better not the ones the inner plugin was fitted on.
            values: ``[S, K]``.
            mask: ``[S, K]``, True where labelled.
            measure: measures what codes decode to; without it the plugin's own reading has to serve.
            seed: of the codes that are edited.
        """
        labelled = self._check_fit(latents, values, mask)
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(latents), generator=generator)
        complete = torch.where(labelled, values, self.inner.predict(latents))
        self.mean, self.deviation = complete.mean(0), complete.std(0).clamp(min=1e-6)
        whole = torch.tensor([spec.kind != "continuous" for spec in self.specs])
        standard = (complete - self.mean) / self.deviation
        self.joint, self._floors = JointValues.fit(standard[rows[:_ROWS]], whole), {}
        self.floor = self.inner.log_prob(latents[rows[:4000]]).quantile(_UNLIKELY)

        grid = torch.linspace(0.03, 0.97, KNOTS)
        self.said = torch.stack([column[use].quantile(grid) for column, use in zip(values.T, labelled.T, strict=True)])
        self.heard = self.said.clone()
        for k in (~whole).nonzero()[:, 0].tolist():
            self.heard[k] = monotone(self._responses(latents[rows[:_PER_KNOT]], k, measure))
        return self

    def _responses(self, latents: Tensor, k: int, measure: Measure | None) -> Tensor:
        """Median measured value of attribute k after edits to each of its knots, ``[KNOTS]``."""
        count = len(latents)
        values = torch.full((KNOTS * count, len(self.specs)), torch.nan)
        values[:, k] = self.said[k].repeat_interleave(count)
        edited = self.inner.edit(latents.repeat(KNOTS, 1), values, ~values.isnan())
        measured = self.inner.predict(edited) if measure is None else measure(edited)[0]
        return measured[:, k].view(KNOTS, count).nanmedian(dim=1)[0]

    def command(self, values: Tensor) -> Tensor:
        """What the inner plugin must be asked for to obtain values ``[B, K]``."""
        if not self.said.numel():
            raise unfitted()
        whole = torch.tensor([spec.kind != "continuous" for spec in self.specs])
        return torch.where(whole, values, _interpolate(values, self.heard, self.said))

    def predict(self, latents: Tensor) -> Tensor:
        """What the inner plugin reads."""
        return self.inner.predict(latents)

    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """The inner plugin's edit to the mapped request; nothing is measured."""
        return self.inner.edit(latents, self.command(values), mask, strength)

    def steer(
        self,
        latents: Tensor,
        before: Tensor,
        values: Tensor,
        mask: Tensor,
        measure: Measure,
        *,
        enough: float = 0.01,
        start: Tensor | None = None,
    ) -> Tensor:
        """The edit, corrected by what it measures; see :func:`~pcgen.plugins.loop.closed_loop`."""
        known = partial(closed_loop, command=self.command, deviation=self.deviation)
        return known(self.inner, latents, before, values, mask, measure, enough=enough, start=start)

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """What the inner plugin draws for the mapped request."""
        return self.inner.sample(count, self.command(values), mask, seed=seed)

    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """The inner plugin's log-density."""
        return self.inner.log_prob(latents, values, mask)

    def set_errors(self, population: str, errors: Tensor) -> None:
        """Errors ``[S, K]`` of calibration edits of a population, or ``[S, M, K]`` of several edits of each shape.

        NaN where an attribute was not requested.
        """
        self._bounds = {}
        self.errors[population] = errors.abs().view(len(errors), -1, len(self.specs))

    def bound(self, population: str, level: float = 0.9) -> Tensor:
        """Half-width ``[K]`` that an edit's error stays within with probability ``level``; inf where it is unknown.

        Raises:
            InputError: the level is none, or the population is not calibrated.
        """
        if not 0 < level < 1:
            raise InputError(f"level must be between 0 and 1, got {level}")
        if population not in self.errors:
            raise unknown_name("calibrated population", population, self.errors)
        if (population, level) not in self._bounds:
            columns = self.errors[population].unbind(dim=-1)
            self._bounds[population, level] = torch.tensor([conformal_quantile(column, level) for column in columns])
        return self._bounds[population, level]

    def doubts(self, latents: Tensor, values: Tensor) -> list[str | None]:
        """Why each code ``[B, D]`` with wanted values ``[B, K]`` (NaN: any) is outside the training shapes, or None."""
        if self.joint is None:
            raise unfitted()
        known = ~values.isnan()
        density = self.joint.log_prob((values - self.mean) / self.deviation, known)
        # Densities compare only over the same attributes: each set of known ones has a floor of its own.
        rare = torch.stack([self._rarest(mask) for mask in known]) > density
        unlikely = self.inner.log_prob(latents) < self.floor
        reasons: list[str | None] = []
        for row in range(len(latents)):
            if rare[row]:
                reasons.append("no training shape has such a combination of values")
            elif unlikely[row]:
                reasons.append("the shape it takes is unlike the training shapes")
            else:
                reasons.append(None)
        return reasons

    def _rarest(self, known: Tensor) -> Tensor:
        """Log-density of the rarest training values that are not called outside the support, for one mask ``[K]``."""
        assert self.joint is not None
        key = tuple(known.tolist())
        if key not in self._floors:
            self._floors[key] = self.joint.rarity(known).quantile(_UNLIKELY)
        return self._floors[key]

    def state(self) -> dict[str, Tensor]:
        """The fitted tensors, the inner plugin's under ``inner.``."""
        if self.joint is None:
            raise unfitted()
        own = {name: getattr(self, name) for name in _FITTED}
        joint = {f"joint.{name}": value for name, value in self.joint.state_dict().items()}
        errors = {f"errors.{name}": value for name, value in self.errors.items()}
        return {f"inner.{name}": value for name, value in self.inner.state().items()} | own | joint | errors

    def facts(self) -> dict[str, Any]:
        """What a checkpoint must say beside the tensors."""
        return {**super().facts(), "inner": self.inner.facts()}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Calibrated:
        """The plugin again from its state."""
        from pcgen.plugins import METHODS  # which lists this class too

        inner = facts["inner"]
        plugin = cls(METHODS[inner["method"]].from_state(_under("inner.", tensors), inner))
        for name in _FITTED:
            setattr(plugin, name, tensors[name])
        plugin.joint = JointValues(*tensors["joint.rows"].shape)
        plugin.joint.load_state_dict(_under("joint.", tensors))
        plugin.errors = _under("errors.", tensors)
        return plugin


_FITTED = ("said", "heard", "mean", "deviation", "floor")


def conformal_quantile(errors: Tensor, level: float) -> float:
    """The value that the error of an edit of a further, exchangeable shape stays within with probability ``level``.

    The ``⌈(n + 1) level⌉``-th smallest of n errors (Vovk et al. 2005; Lei et al. 2018), inf if n is too small for that.
    Edits of one shape are alike: several have the weight of one together (Lee, Barber and Willett 2023).

    Args:
        errors: ``[S]``, one edit of each shape, or ``[S, M]``; NaN where there is none.
        level: the probability, at least.

    Example:
        >>> conformal_quantile(torch.arange(1.0, 20.0), 0.9), conformal_quantile(torch.arange(1.0, 5.0), 0.9)
        (18.0, inf)
    """
    errors = errors.view(len(errors), -1)
    known = ~errors.isnan()
    each = known.sum(1, keepdim=True).double()
    weight = (1 / each.expand_as(errors))[known] / ((each > 0).sum() + 1)
    ranked, order = errors[known].sort()
    reached = weight[order].cumsum(0) >= level - 1e-9
    return ranked[int(reached.int().argmax())].item() if reached.any() else math.inf


def monotone(values: Tensor) -> Tensor:
    """The never decreasing sequence nearest to ``[Q]`` values, by pooling adjacent violators (Ayer et al. 1955).

    Example:
        >>> monotone(torch.tensor([0.0, 2.0, 1.0, 3.0]))
        tensor([0.0000, 1.5000, 1.5000, 3.0000])
    """
    blocks: list[tuple[float, int]] = []  # mean and length
    for value in values.tolist():
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (high, n), (low, m) = blocks[-2:]
            blocks[-2:] = [((high * n + low * m) / (n + m), n + m)]
    return torch.tensor([mean for mean, length in blocks for _ in range(length)])


def _interpolate(x: Tensor, at: Tensor, to: Tensor) -> Tensor:
    """Each column of ``[B, K]`` piecewise linear through its knots, from ``at`` to ``to``, ``[K, Q]`` each.

    Shifted beyond the knots; where knots coincide, the mean of what they map to.
    """
    alike = (at[:, :, None] == at[:, None]).float()
    to = (alike @ to[..., None])[..., 0] / alike.sum(2)
    x = x.T.contiguous()
    right = torch.searchsorted(at, x.nan_to_num(0.0)).clamp(1, at.shape[1] - 1)
    (a, b), (start, end) = ((knots.gather(1, right - 1), knots.gather(1, right)) for knots in (at, to))
    share = ((x - a) / (b - a).clamp(min=1e-9)).clamp(0, 1)
    return (start + share * (end - start) + (x - x.clamp(at[:, :1], at[:, -1:]))).T


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
