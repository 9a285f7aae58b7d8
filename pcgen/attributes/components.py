"""Connected pieces of what a cloud looks like from above: how legs, feet and arms are told apart and counted."""

from __future__ import annotations

__all__ = ["centred", "components", "group_sum"]

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def components(cells: Tensor, mask: Tensor, grid: int) -> Tensor:
    """Which connected piece of a grid each point lies in; one empty cell between two is no gap.

    Args:
        cells: column and row of each point, ``[B, N, 2]``, integers from 0 to ``grid - 1``.
        mask: which points to use, ``[B, N]``.
        grid: cells along each side.

    Returns:
        ``[B, N]``: a number from 0 to ``grid² - 1`` that the points of one piece share, -1 for points not used.

    Example:
        >>> cells = torch.tensor([[[0, 0], [1, 2], [4, 0]]])
        >>> components(cells, torch.ones(1, 3, dtype=torch.bool), grid=5)
        tensor([[11, 11, 4]])
    """
    index = cells[..., 1] * grid + cells[..., 0]
    held = torch.zeros(len(cells), grid * grid, device=cells.device).scatter_add_(1, index, mask.float()) > 0
    number = torch.arange(1, grid * grid + 1, device=cells.device, dtype=torch.float32)
    label = (held * number).view(-1, 1, grid, grid)
    occupied = held.view(-1, 1, grid, grid)
    while True:
        # The largest number spreads to the neighbours until every piece has one number.
        spread = max_pool2d(label, 5, stride=1, padding=2) * occupied
        if torch.equal(spread, label):
            break
        label = spread
    label = label.view(len(cells), -1).long() - 1
    return label.gather(1, index).where(mask, -1)


def group_sum(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """Sum of the values of each group ``[B, groups]``, of values ``[B, N]`` in groups ``[B, N]``; -1 is left out."""
    used = group >= 0
    total = torch.zeros(len(values), groups, device=values.device)
    return total.scatter_add_(1, group.clamp(min=0), values * used)


def centred(values: Tensor, along: Tensor, group: Tensor, groups: int) -> Tensor:
    """What is left of values ``[B, N]`` when each group's straight line over ``along`` is subtracted.

    The residual of a group of n points is scaled by √(n / (n - 2)), because a line fitted to few points lies too close
    to them.

    Args:
        values: what to centre, ``[B, N]``.
        along: what it may depend on linearly, ``[B, N]``.
        group: number of each point's group, -1 for none, ``[B, N]``.
        groups: how many there are at most.

    Returns:
        ``[B, N]``, meaningless where the group is -1.
    """
    place = group.clamp(min=0)

    def mean(quantity: Tensor) -> Tensor:
        return (group_sum(quantity, group, groups) / count).gather(1, place)

    count = group_sum(torch.ones_like(values), group, groups).clamp(min=1)
    y = along - mean(along)
    x = values - mean(values)
    slope = mean(x * y) / mean(y * y).clamp(min=1e-12)
    n = count.gather(1, place)
    return (x - slope * y) * (n / (n - 2).clamp(min=1)).sqrt()
