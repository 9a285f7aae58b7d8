"""Training losses made of operators."""

from __future__ import annotations

__all__ = ["emd_of_some", "sliced_wasserstein2"]

import torch
from torch import Tensor

from pcgen.ops import emd_loss

EMD_EVERY = 8


def sliced_wasserstein2(x: Tensor, y: Tensor, projections: int = 2, generator: torch.Generator | None = None) -> Tensor:
    """Squared sliced 2-Wasserstein distance: the mean over random lines of the squared 1-D optimal transport cost.

    Unlike Chamfer it compares densities: a leg with too few points is as wrong as a seat with too many. Sorting is what
    it costs, so training takes few directions, new ones in every step.

    Args:
        x: ``[B, N, 3]``.
        y: ``[B, N, 3]``, as many points.
        projections: number of random directions, shared by the batch.
        generator: randomness of the directions.

    Returns:
        ``[B]``, mean over points and directions of squared differences of sorted projections.

    Source: Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures", 2015; as a loss for point clouds:
    Nguyen et al., "Point-set Distances for Learning Representations of 3D Point Clouds", ICCV 2021.

    Example:
        >>> x = torch.rand(2, 64, 3)
        >>> sliced_wasserstein2(x, x.flip(1), projections=8).tolist()
        [0.0, 0.0]
    """
    directions = torch.randn(3, projections, generator=generator).to(x)
    directions = directions / directions.norm(dim=0)
    # Sorted along the last axis, which is contiguous and therefore fast.
    a, b = ((cloud @ directions).transpose(1, 2).contiguous().sort(dim=2)[0] for cloud in (x, y))
    return (a - b).square().mean(dim=(1, 2))


def emd_of_some(x: Tensor, y: Tensor, step: int, items: range) -> Tensor:
    """Earth Mover's Distance of one in eight shapes, others in each step: it costs more than all the rest.

    Args:
        x: ``[B, N, 3]``.
        y: ``[B, N, 3]``.
        step: which eighth it is the turn of.
        items: numbers of the B shapes in the global batch.

    Returns:
        The mean over the chosen shapes, a scalar; 0 if none is chosen.

    Example:
        >>> x, y = torch.rand(8, 32, 3), torch.rand(8, 32, 3)
        >>> bool(emd_of_some(x, y, step=3, items=range(8)) == emd_loss(x[5:6], y[5:6])[0])
        True
    """
    chosen = [row for row, item in enumerate(items) if (item + step) % EMD_EVERY == 0]
    return emd_loss(x[chosen], y[chosen])[0] if chosen else x.new_zeros(())
