"""Moving given points by what changed between two decodes: detail that the backbone cannot draw survives."""

from __future__ import annotations

__all__ = ["DisplacementField", "align_to"]

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from pcgen.ops import knn

# Fewer follow single anchors and make thin legs wavy; more blur what should move apart.
NEIGHBOURS = 64


class DisplacementField:
    """Carries points along with the nearest points of a decode, whose indices correspond between decodes.

    Args:
        points: ``[N, 3]`` the points to carry.
        anchors: ``[M, 3]`` the decode of the same shape.

    Example:
        >>> points, anchors = torch.rand(300, 3), torch.rand(64, 3)
        >>> shift = torch.tensor([0.0, 1.0, 0.0])
        >>> torch.allclose(DisplacementField(points, anchors).apply(anchors + shift), points + shift)
        True
    """

    def __init__(self, points: Tensor, anchors: Tensor) -> None:
        self.points, self.anchors = points, anchors
        dist2, self.index = knn(points, anchors, NEIGHBOURS)  # [N, 64]
        distance = dist2.sqrt()
        # Inverse distances, softened by the spacing of the anchors: no jump where a point meets an anchor.
        weight = 1 / (distance + distance.mean())
        self.weight = weight / weight.sum(1, keepdim=True)

    def apply(self, moved_anchors: Tensor) -> Tensor:
        """The points ``[..., N, 3]`` after their anchors moved to ``[..., M, 3]``."""
        shift = (moved_anchors - self.anchors).movedim(-2, 0).flatten(1)  # [M, 3 for every set of anchors]
        carried = embedding_bag(self.index, shift, mode="sum", per_sample_weights=self.weight)
        return self.points + carried.view(len(self.points), *moved_anchors.shape[:-2], 3).movedim(0, -2)


def align_to(reference: Tensor, points: Tensor) -> Tensor:
    """Scale and place a cloud so that it stands where a reference stands and as much as possible keeps its size.

    Attributes are ratios, so an edit leaves the size free. The scale here is the least-squares one about the centroids:
    a higher seat means longer legs, not a smaller chair. Then the bottom centres of the bounding boxes meet.

    Args:
        reference: ``[N, 3]``.
        points: ``[N, 3]``; equal indices correspond.

    Returns:
        ``[N, 3]``.
    """
    fixed, free = reference - reference.mean(0), points - points.mean(0)
    scaled = points * ((fixed * free).sum() / free.square().sum())
    return scaled + _bottom_centre(reference) - _bottom_centre(scaled)


def _bottom_centre(points: Tensor) -> Tensor:
    low, high = points.amin(0), points.amax(0)
    centre = (low + high) / 2
    return torch.stack([centre[0], low[1], centre[2]])
