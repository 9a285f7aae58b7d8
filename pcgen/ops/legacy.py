"""The two approximations that papers report as "EMD", so that published tables can be compared. Not for new work.

Both spread mass softly over the targets in rounds of growing range (Fan et al., "A Point Set Generation Network for 3D
Object Reconstruction from a Single Image", CVPR 2017). Nothing bounds the error, the marginals are not met exactly, and
the result depends on the scale of the clouds. :func:`pcgen.ops.earth_movers_distance` is the distance itself.
"""

from __future__ import annotations

__all__ = ["approxmatch_pointflow", "approxmatch_pvd"]

import torch
from torch import Tensor

from pcgen.errors import InputError
from pcgen.ops._checks import require_points, require_same_batch, working

LARGEST_POWER = 7  # the first round weighs by exp(-4^7 |x - y|²)
TINY = 1e-9  # keeps the published divisions finite


def approxmatch_pointflow(x: Tensor, y: Tensor) -> Tensor:
    """The "EMD" of PointFlow, ShapeGF, SetVAE, DPF-Nets: approximate matching, mean *distance*, last round left out.

    Too high. Measured against the exact mean distance on surfaces of extent 1: ratio 1.28 (different shapes) and 1.29
    (two samples of one surface) at N = 512, 1.30 and 1.41 at N = 2048.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, N, 3]`` or ``[N, 3]``, as many points.

    Returns:
        ``[B]`` (a scalar for unbatched input): sum of match times distance, divided by N. The match is a constant for
        derivatives, as in the original.

    Raises:
        InputError: shapes or numbers of points do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> print(f"{approxmatch_pointflow(x, x + torch.tensor([0.0, 0.1, 0.0])):.3f}")
        0.100
    """
    return _approxmatch(x, y, last_power=-1, squared=False)


def approxmatch_pvd(x: Tensor, y: Tensor) -> Tensor:
    """The "EMD" of PVD, LION, DiT-3D, TIGER: approximate matching, mean *squared* distance, all rounds.

    Far too high. Measured against the exact mean squared distance on surfaces of extent 1: ratio 3.1 (different
    shapes) and 3.7 (two samples of one surface) at N = 512, 3.5 and 6.4 at N = 2048.

    Args:
        x: ``[B, N, 3]`` or ``[N, 3]``.
        y: ``[B, N, 3]`` or ``[N, 3]``, as many points.

    Returns:
        ``[B]`` (a scalar for unbatched input): sum of match times squared distance, divided by N. The match is a
        constant for derivatives, as in the original.

    Raises:
        InputError: shapes or numbers of points do not fit.
        InputTypeError: not floating point, or different dtypes.

    Example:
        >>> x = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> print(f"{approxmatch_pvd(x, x + torch.tensor([0.0, 0.1, 0.0])):.3f}")
        0.010
    """
    return _approxmatch(x, y, last_power=-2, squared=True)


def _approxmatch(x: Tensor, y: Tensor, last_power: int, squared: bool) -> Tensor:
    xb, yb = require_points("x", x), require_points("y", y)
    require_same_batch("x", xb, "y", yb)
    if xb.shape[1] != yb.shape[1]:
        raise InputError(f"x and y must have equally many points, got {xb.shape[1]} and {yb.shape[1]}")
    xb, yb = working(xb), working(yb)
    # Pair by pair: the match matrix is [N, N].
    means = [_mean_cost(a, b, last_power, squared) for a, b in zip(xb, yb, strict=True)]
    result = torch.stack(means) if means else xb.new_zeros(0)
    return result if x.dim() == 3 else result[0]


def _mean_cost(x: Tensor, y: Tensor, last_power: int, squared: bool) -> Tensor:
    dist2 = (x[:, None] - y[None]).square().sum(-1)
    with torch.no_grad():
        match = _soft_match(dist2, last_power)
    cost = dist2 if squared else dist2.clamp(min=1e-20).sqrt()
    return (match * cost).sum() / max(1, x.shape[0])


def _soft_match(dist2: Tensor, last_power: int) -> Tensor:
    """Mass moved from each x to each y, ``[N, N]``: each round offers what is left at weight exp(-4^power dist2)."""
    supply, demand = torch.ones_like(dist2[:, 0]), torch.ones_like(dist2[0])
    match = torch.zeros_like(dist2)
    for power in range(LARGEST_POWER, last_power - 1, -1):
        sharpness = 4.0**power if power > -2 else 0.0
        weight = torch.exp(-sharpness * dist2)
        offer = weight * (supply / (weight @ demand + TINY))[:, None]
        received = offer.sum(0) * demand
        accepted = offer * (demand * (demand / (received + TINY)).clamp(max=1))
        match += accepted
        supply = (supply - accepted.sum(1)).clamp(min=0)
        demand = (demand - received).clamp(min=0)
    return match
