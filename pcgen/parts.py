"""Parts that appear or vanish: what moving points cannot do."""

from __future__ import annotations

__all__ = ["exchange_parts"]

import torch
from torch import Tensor

from pcgen.ops import knn, nearest

# A decode wanders by less than this where nothing changed; parts stand out by more. Over the old decode's diagonal.
_FAR = 0.035
_COMPANY = 4  # a new point with fewer neighbours within twice that distance is a stray of the decode


def exchange_parts(points: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, int]:
    """Points of a shape with the parts that two decodes differ in added and removed; the rest stays.

    A decoded point is new if it lies far from the whole old decode, and is added if it also lies far from the shape's
    own points. One of the shape's points goes if it belongs to an old part, nearer to what vanished than to what
    stayed, and lies far from the whole new decode.

    Args:
        points: ``[N, 3]`` the shape.
        before: ``[M, 3]`` decode of the shape as it is.
        after: ``[M, 3]`` decode of the shape as it shall be.

    Returns:
        The new shape ``[N', 3]``, index ``[N']`` of each point in the given ones (−1 where it was added), and how many
        were removed.

    Example:
        >>> seat = torch.rand(500, 3) * torch.tensor([1.0, 0.01, 1.0])
        >>> back = torch.rand(500, 3) * torch.tensor([1.0, 1.0, 0.01])
        >>> shape, index, removed = exchange_parts(seat, seat, torch.cat([seat, back]))
        >>> bool((index[:500] == torch.arange(500)).all()), removed, bool(shape[:, 1].max() > 0.9)
        (True, 0, True)
    """
    far2 = (_FAR * (before.amax(0) - before.amin(0)).norm()) ** 2
    appeared = (nearest(after, before).dist2 > far2) & (nearest(after, points).dist2 > far2)
    vanished = nearest(before, after).dist2 > far2
    of_old_part = vanished[nearest(points, before).index]
    kept = ~(of_old_part & (nearest(points, after).dist2 > far2))
    added = _without_strays(after[appeared], far2)
    index = torch.cat([kept.nonzero()[:, 0], torch.full((len(added),), -1)])
    return torch.cat([points[kept], added]), index, int((~kept).sum())


def _without_strays(points: Tensor, far2: Tensor) -> Tensor:
    """The points ``[M, 3]`` that have company."""
    if len(points) <= _COMPANY:
        return points[:0]
    return points[knn(points, points, _COMPANY + 1).dist2[:, -1] < 4 * far2]
