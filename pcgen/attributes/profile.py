"""How points are distributed along one axis, so finely counted that levels and quantiles cost next to nothing."""

from __future__ import annotations

__all__ = ["Profile"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from pcgen.attributes.robust import histogram

_BINS = 1024


class Profile(NamedTuple):
    """Cumulated counts of values in [0, 1]; within a bin values are taken to be spread evenly.

    Attributes:
        counts: how many values lie in each bin, ``[B, bins]``.
        reach: how many values lie below each bin's edge, ``[B, bins + 1]``.

    Example:
        >>> profile = Profile.of(torch.linspace(0, 1, 1001)[None], torch.ones(1, 1001, dtype=torch.bool))
        >>> low, high = torch.tensor([0.2]), torch.tensor([0.6])
        >>> round(profile.quantile(low, high, 0.5).item(), 2), round(profile.mean(low, high).item(), 2)
        (0.4, 0.4)
    """

    counts: Tensor
    reach: Tensor

    @classmethod
    def of(cls, values: Tensor, mask: Tensor) -> Profile:
        """The profile of the used values ``[B, N]``; what lies outside [0, 1] counts at its ends."""
        counts = histogram(values, mask, _BINS)
        return cls(counts, pad(counts.cumsum(dim=1), (1, 0)))

    def held(self, low: Tensor, high: Tensor) -> Tensor:
        """How many values lie between two limits ``[B]`` or ``[B, L]``."""
        return self._below(high) - self._below(low)

    def quantile(self, low: Tensor, high: Tensor, q: float) -> Tensor:
        """The q-quantile ``[B]`` of the values between two limits ``[B]``; the middle of them if there is none."""
        first, last = self._below(torch.stack([low, high], dim=1)).unbind(dim=1)
        wanted = (first + q * (last - first))[:, None]
        bin_ = torch.searchsorted(self.reach, wanted).clamp(1, _BINS) - 1
        start, held = self.reach.gather(1, bin_), self.counts.gather(1, bin_)
        found = (bin_ + (wanted - start) / held)[:, 0] / _BINS
        return found.where(last > first, (low + high) / 2)

    def mean(self, low: Tensor, high: Tensor) -> Tensor:
        """The mean ``[B]`` of the values between two limits ``[B]``; NaN if there is none."""
        centre = (torch.arange(_BINS, device=low.device) + 0.5) / _BINS
        inside = self.counts * ((centre > low[:, None]) & (centre < high[:, None]))
        return (inside * centre).sum(dim=1) / inside.sum(dim=1)

    def _below(self, value: Tensor) -> Tensor:
        place = (value.view(len(value), -1) * _BINS).nan_to_num(0.0).clamp(0, _BINS)
        bin_ = place.long().clamp(max=_BINS - 1)
        return (self.reach.gather(1, bin_) + self.counts.gather(1, bin_) * (place - bin_)).view_as(value)
