"""Formulas of the control benchmark, on arrays of edits."""

from __future__ import annotations

__all__ = ["bootstrap_interval", "interdecile_range", "response_slope", "tradeoff_area"]

import torch
from torch import Tensor


def interdecile_range(values: Tensor) -> Tensor:
    """From the 10 % to the 90 % quantile of each column, NaN left out: ``[S, K] -> [K]``.

    Example:
        >>> interdecile_range(torch.arange(101.0)[:, None])
        tensor([80.])
    """
    low, high = values.nanquantile(torch.tensor([0.1, 0.9]), dim=0)
    return high - low


def response_slope(requested: Tensor, obtained: Tensor) -> float:
    """Slope of the least-squares line of obtained on requested values ``[n]``; 1 for edits that mean what they say.

    Example:
        >>> response_slope(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 1.5, 2.0]))
        0.5
    """
    x = requested - requested.mean()
    return ((x * (obtained - obtained.mean())).sum() / x.square().sum()).item()


def tradeoff_area(missed: Tensor, distance: Tensor, farthest: float) -> float:
    """Area under the curve of edits that hit and lie within a distance, over distances from 0 to ``farthest``.

    Args:
        missed: ``[n]`` bool, whether the edit missed its request.
        distance: ``[n]`` of the edit from what it should have been.
        farthest: where the curve ends; the area is over this length, so a perfect method has 1.

    Example:
        >>> tradeoff_area(torch.tensor([False, False, True]), torch.tensor([0.0, 0.5, 0.0]), 1.0)
        0.5
    """
    gain = (1 - distance / farthest).clamp(min=0)
    return torch.where(missed, 0.0, gain).mean().item()


def bootstrap_interval(values: Tensor, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of ``[n]`` values.

    Example:
        >>> low, high = bootstrap_interval(torch.arange(100.0))
        >>> 40 < low < 49.5 < high < 60
        True
    """
    rows = torch.randint(len(values), (draws, len(values)), generator=torch.Generator().manual_seed(seed))
    low, high = values[rows].mean(1).quantile(torch.tensor([0.025, 0.975]))
    return low.item(), high.item()
