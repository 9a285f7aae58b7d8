"""What every measurer does with the clouds it is given, before and after it measures them."""

from __future__ import annotations

__all__ = ["measure_clouds"]

from collections.abc import Callable

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError

_FEWEST_POINTS = 64
_CHUNK = 256  # clouds measured at once, which bounds the memory


def measure_clouds(points: Tensor, columns: int, measure: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Check clouds and measure them some at a time.

    Args:
        points: ``[B, N, 3]`` or ``[N, 3]``.
        columns: number of attributes K.
        measure: from clouds ``[b, N, 3]`` float32 to values ``[b, K]``, NaN or infinite where not measurable.

    Returns:
        ``values [B, K]`` float32, NaN where not measurable, and ``measurable [B, K]`` bool (``[K]`` each for a single
        cloud). Of a cloud with fewer than 64 points nothing is measurable.

    Raises:
        InputTypeError: the points are not floating-point numbers.
        InputError: the shape is another one.
    """
    if not points.is_floating_point():
        raise InputTypeError(f"points must be floating-point numbers, got {points.dtype}; convert with points.float()")
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise InputError(f"points must have shape [B, N, 3] or [N, 3], got {list(points.shape)}")
    clouds = (points if points.ndim == 3 else points[None]).float()
    if clouds.shape[0] == 0 or clouds.shape[1] < _FEWEST_POINTS:
        values = clouds.new_full((clouds.shape[0], columns), torch.nan)
    else:
        clouds = clouds.mT.contiguous().mT  # axis by axis in memory: hardly any step needs all coordinates of a point
        with torch.inference_mode():  # a sixth faster than without gradients alone: a measurer is many small steps
            values = torch.cat([measure(chunk) for chunk in clouds.split(_CHUNK)])
            values = values.where(values.isfinite(), torch.nan)
        values = values.clone()  # a tensor like any other again
    if points.ndim == 2:
        values = values[0]
    return values, ~values.isnan()
