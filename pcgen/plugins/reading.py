"""Attribute values as networks take them, and a small network that reads them off whitened codes."""

from __future__ import annotations

__all__ = ["Reader", "ValueScale"]

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pcgen.plugins.network import Schedule, minimise
from pcgen.spec import AttributeSpec

_VOID = 0.05  # a level beside which fewer labels are known than this, over another level, has none
_MOST_LEVELS = 12  # counts with more are numbers like any other


class ValueScale(nn.Module):
    """Values to zero mean and unit variance and back, and the features that networks take.

    The feature of a continuous attribute is its standardised value. A yes/no attribute or a count has one feature per
    level: a chair on two legs does not lie half way between one on one leg and one on three.

    Some levels leave another attribute without meaning, as the height of armrests where there are none. Which ones do
    is learnt from where labels are missing; the standardised values of such attributes are taken as 0.

    Args:
        specs: the attributes, one per column.
    """

    def __init__(self, specs: Sequence[AttributeSpec]) -> None:
        super().__init__()
        self.levels = [_levels(spec) for spec in specs]
        self.register_buffer("mean", torch.zeros(len(specs)))
        self.register_buffer("deviation", torch.ones(len(specs)))
        self.register_buffer("voids", torch.zeros(self.num_features, len(specs), dtype=torch.bool))
        self.mean: Tensor
        self.deviation: Tensor
        self.voids: Tensor  # [F, K]: where feature f is 1, attribute k means nothing
        self.whole = torch.tensor([spec.kind != "continuous" for spec in specs])
        self.low, self.high = (torch.tensor([getattr(spec, end) for spec in specs]) for end in ("low", "high"))
        # Which attribute each feature is of, which of its levels (-1: a number), and where each attribute's first is.
        counts = [max(levels, 1) for levels in self.levels]
        self.owner = torch.arange(len(specs)).repeat_interleave(torch.tensor(counts))
        self.place = torch.tensor([place if levels else -1 for levels in self.levels for place in range(levels or 1)])
        self.first = torch.tensor([0, *itertools.accumulate(counts)][:-1])

    def fit(self, values: Tensor, labelled: Tensor) -> None:
        """Learn the moments of the labelled values ``[S, K]``."""
        for k, use in enumerate(labelled.T):
            column = values[use, k]
            self.mean[k], self.deviation[k] = column.mean(), column.std().clamp(min=1e-6)
        shares = []
        for k, levels in enumerate(self.levels):
            has = [labelled[labelled[:, k] & (values[:, k] == self.low[k] + level)] for level in range(levels)]
            share = torch.stack([rows.float().mean(0) for rows in has]) if levels else torch.ones(1, len(values.T))
            shares.append(share < _VOID * share.nan_to_num(0.0).amax(0))
        self.voids = torch.cat(shares)

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values ``[B, K]``."""
        return (values - self.mean) / self.deviation

    def invert(self, standard: Tensor) -> Tensor:
        """Values ``[B, K]`` in the attributes' units."""
        return standard * self.deviation + self.mean

    def meaningful(self, standard: Tensor) -> Tensor:
        """Which attributes ``[B, K]`` mean something beside the levels that standardised values ``[B, K]`` have."""
        return (self.features(standard) @ self.voids.float()) < 0.5

    def void(self, standard: Tensor) -> Tensor:
        """Standardised values ``[B, K]`` with 0 where an attribute means nothing."""
        return standard.where(self.meaningful(standard), 0.0)

    @property
    def num_features(self) -> int:
        """How many features the attributes have together."""
        return sum(max(levels, 1) for levels in self.levels)

    def features(self, standard: Tensor) -> Tensor:
        """Features ``[B, F]`` of standardised values ``[B, K]``."""
        has_level = self._level(standard)[:, self.owner] == self.place
        return torch.where(self.place < 0, standard[:, self.owner], has_level.to(standard))

    def from_features(self, features: Tensor) -> Tensor:
        """Standardised values ``[B, K]`` of features ``[B, F]``: of each attribute with levels the likeliest one."""
        columns = list(features[:, self.first].unbind(dim=1))
        for k, (levels, first) in enumerate(zip(self.levels, self.first.tolist(), strict=True)):
            if levels:
                level = features[:, first : first + levels].argmax(dim=1)
                columns[k] = (level + self.low[k] - self.mean[k]) / self.deviation[k]
        return torch.stack(columns, dim=1)

    def per_feature(self, per_attribute: Tensor) -> Tensor:
        """``[..., K]`` to ``[..., F]``: every feature has what its attribute has."""
        return per_attribute[..., self.owner.to(per_attribute.device)]

    def misread(self, features: Tensor, standard: Tensor) -> Tensor:
        """How wrong features ``[B, F]`` are about standardised values ``[B, K]``, ``[B, K]``.

        The squared error of a number; of an attribute with levels the cross-entropy, its features being logits.
        """
        columns = list((features[:, self.first] - standard).square().unbind(dim=1))
        level = self._level(standard).long()
        for k, (levels, first) in enumerate(zip(self.levels, self.first.tolist(), strict=True)):
            if levels:
                columns[k] = cross_entropy(features[:, first : first + levels], level[:, k], reduction="none")
        return torch.stack(columns, dim=1)

    def _level(self, standard: Tensor) -> Tensor:
        """Which level standardised values ``[B, K]`` are nearest to, from 0; means nothing for numbers."""
        return (self.invert(standard).clamp(self.low, self.high) - self.low).round()

    def settle(self, values: Tensor) -> Tensor:
        """Values ``[B, K]`` with those of yes/no and count attributes rounded to a level they can have."""
        return torch.where(self.whole, values.round().clamp(self.low, self.high), values)


def _levels(spec: AttributeSpec) -> int:
    """How many levels an attribute has; 0 for a number."""
    levels = round(spec.high - spec.low) + 1
    return levels if spec.kind != "continuous" and levels <= _MOST_LEVELS else 0


class Reader(nn.Module):
    """Reads features off whitened codes: a linear map and a small network beside it.

    Args:
        dims: whitened coordinates W.
        scale: what the features are of.
        hidden: width of the network.
    """

    def __init__(self, dims: int, scale: ValueScale, hidden: int = 96) -> None:
        super().__init__()
        features = scale.num_features
        self.register_buffer("error", torch.ones(len(scale.levels)))  # root mean square of numbers, where labelled
        self.error: Tensor
        self.linear = nn.Linear(dims, features)
        self.net = nn.Sequential(
            nn.Linear(dims, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, features)
        )

    def forward(self, white: Tensor) -> Tensor:
        """Features ``[B, F]`` of whitened codes ``[B, W]``; of attributes with levels, logits."""
        return self.linear(white) + self.net(white)

    def fit(
        self,
        white: Tensor,
        standard: Tensor,
        labelled: Tensor,
        scale: ValueScale,
        schedule: Schedule,
        generator: torch.Generator,
    ) -> None:
        """Least :meth:`ValueScale.misread` of the labelled entries of standardised values ``[S, K]``."""
        target = torch.where(labelled, standard, 0.0)

        def loss(rows: Tensor, _: float) -> Tensor:
            return (scale.misread(self(white[rows]), target[rows]) * labelled[rows]).sum() / labelled[rows].sum()

        minimise(self, len(white), loss, schedule, generator)
        with torch.no_grad():
            squares = scale.misread(self(white), target) * labelled
        self.error = (squares.sum(0) / labelled.sum(0)).sqrt().clamp(min=1e-3)
