"""How points are distributed along one axis, so finely counted that levels and quantiles cost next to nothing."""

from __future__ import annotations

__all__ = ["Profile"]

from typing import NamedTuple

import torch
from torch import Tensor

_BINS = 1024


class Profile(NamedTuple):
    """Cumulated counts of values in [0, 1]; within a bin values are taken to be spread evenly.

    Attributes:
        reach: how many values lie below each bin's edge, ``[B, bins + 1]``.

    Example:
        >>> profile = Profile.of(torch.linspace(0, 1, 1001)[None], torch.ones(1, 1001, dtype=torch.bool))
        >>> low, high = torch.tensor([0.2]), torch.tensor([0.6])
        >>> round(profile.quantile(low, high, 0.5).item(), 2), round(profile.mean(low, high).item(), 2)
        (0.4, 0.4)
    """

    reach: Tensor

    @classmethod
    def of(cls, values: Tensor, mask: Tensor) -> Profile:
        """The profile of the used values ``[B, N]``; what lies outside [0, 1] counts at its ends."""
        index = (values * _BINS).long().clamp(0, _BINS - 1) + 1
        counts = torch.zeros(len(values), _BINS + 1, device=values.device).scatter_add_(1, index, mask.float())
        return cls(counts.cumsum(dim=1))

    def held(self, low: Tensor, high: Tensor) -> Tensor:
        """How many values lie between two limits ``[B]`` or ``[B, L]``."""
        return self._below(high) - self._below(low)

    def quantile(self, low: Tensor, high: Tensor, q: float) -> Tensor:
        """The q-quantile ``[B]`` of the values between two limits ``[B]``; the middle of them if there is none."""
        first, last = self._below(low), self._below(high)
        wanted = (first + q * (last - first))[:, None]
        bin_ = (self.reach[:, 1:] < wanted).sum(dim=1, keepdim=True).clamp(max=_BINS - 1)
        start = self.reach.gather(1, bin_)
        held = self.reach.gather(1, bin_ + 1) - start
        found = (bin_ + (wanted - start) / held)[:, 0] / _BINS
        return found.where(last > first, (low + high) / 2)

    def mean(self, low: Tensor, high: Tensor) -> Tensor:
        """The mean ``[B]`` of the values between two limits ``[B]``; NaN if there is none."""
        counts = self.reach.diff(dim=1)
        centre = (torch.arange(_BINS, device=counts.device) + 0.5) / _BINS
        inside = counts * ((centre > low[:, None]) & (centre < high[:, None]))
        return (inside * centre).sum(dim=1) / inside.sum(dim=1)

    def _below(self, value: Tensor) -> Tensor:
        place = (value.view(len(value), -1) * _BINS).nan_to_num(0.0).clamp(0, _BINS)
        bin_ = place.long().clamp(max=_BINS - 1)
        start = self.reach.gather(1, bin_)
        return (start + (self.reach.gather(1, bin_ + 1) - start) * (place - bin_)).view_as(value)
