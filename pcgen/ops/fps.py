"""Farthest-point sampling, and taking points by index."""

from __future__ import annotations

__all__ = ["FarthestPoints", "farthest_point_sample", "gather_points"]

from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError
from pcgen.ops._checks import Pointclouds, require_clouds, working
from pcgen.ops._transforms import register_vmap_by_folding

STARTS = ("random", "farthest_from_mean")


class FarthestPoints(NamedTuple):
    """Result of :func:`farthest_point_sample` with ``return_radii=True``.

    Attributes:
        index: the points in the order taken, ``[B, k]`` int64; -1 beyond a cloud's length.
        radii: covering radii, ``[B, k]``, lengths (not squared), float32 (float64 for float64 input): with the first
            j + 1 points taken, no point of the cloud is farther than ``radii[:, j]`` from one of them. Never rises
            with j. NaN beyond a cloud's length; no gradient.
    """

    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    radii: Tensor


@overload
def farthest_point_sample(
    points: Tensor | Pointclouds,
    k: int,
    *,
    lengths: Tensor | None = None,
    start: int | Tensor | Literal["random", "farthest_from_mean"] = 0,
    generator: torch.Generator | None = None,
    return_radii: Literal[False] = False,
) -> Tensor: ...
@overload
def farthest_point_sample(
    points: Tensor | Pointclouds,
    k: int,
    *,
    lengths: Tensor | None = None,
    start: int | Tensor | Literal["random", "farthest_from_mean"] = 0,
    generator: torch.Generator | None = None,
    return_radii: Literal[True],
) -> FarthestPoints: ...
def farthest_point_sample(
    points: Tensor | Pointclouds,
    k: int,
    *,
    lengths: Tensor | None = None,
    start: int | Tensor | Literal["random", "farthest_from_mean"] = 0,
    generator: torch.Generator | None = None,
    return_radii: bool = False,
) -> Tensor | FarthestPoints:
    """Indices of ``k`` points that cover each cloud evenly: each next one is the farthest from all taken so far.

    The greedy 2-approximation of the k-center problem (Gonzalez, 1985). Exact; among equally far points the lowest
    index wins; no index is taken twice, not even among duplicates. The first k' of k indices are the sample of k'
    points. Extra memory grows linearly: on the CPU about 60 bytes a point (3D, float32) of the clouds at work, one a
    thread.

    Args:
        points: ``[B, N, D]`` or ``[N, D]``, D from 2 to 16 (3 is the fast case), or a ``Pointclouds``.
        k: how many points to take, 0 … N.
        lengths: number of valid points of each cloud, ``[B]``.
        start: the first point: an index for all clouds or ``[B]``, clamped to the cloud; ``"random"``, uniform among
            the valid points; or ``"farthest_from_mean"``, the point farthest from the centroid, which makes the sample
            independent of the points' order but for ties.
        generator: where ``"random"`` draws from; torch's global generator if None.
        return_radii: also return how well each prefix of the sample covers the cloud.

    Returns:
        Indices ``[B, k]`` (``[k]`` for unbatched input), int64, in the order taken; -1 beyond a cloud's length. Points
        with NaN or inf are taken last, and a start among them gives way to the first finite point.
        :func:`gather_points` turns indices into points. With ``return_radii``: :class:`FarthestPoints`.

    Raises:
        InputError: ``k`` is not within 0 … N, ``start`` is an unknown name, or shapes do not fit.
        InputTypeError: not floating point, or indices that are no integers.

    Example:
        >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0]])
        >>> farthest_point_sample(line, 3)
        tensor([0, 3, 2])
        >>> farthest_point_sample(line, 3, start="farthest_from_mean", return_radii=True)
        FarthestPoints(index=tensor([3, 0, 2]), radii=tensor([10.,  2.,  1.]))
    """
    pb, lengths = require_clouds("points", points, "lengths", lengths)
    if not 0 <= k <= pb.shape[1]:
        raise InputError(f"k must be between 0 and the number of points N = {pb.shape[1]}, got {k}")
    pb = working(pb).detach()
    first = _first_points(start, pb, lengths, generator)
    index, dist2 = torch.ops.pcgen.farthest_point_sample(pb, lengths, first, k)
    if isinstance(points, Tensor) and points.dim() == 2:
        index, dist2 = index[0], dist2[0]
    return FarthestPoints(index, dist2.sqrt()) if return_radii else index


def _first_points(
    start: int | Tensor | str, points: Tensor, lengths: Tensor | None, generator: torch.Generator | None
) -> Tensor:
    """The index of each cloud's first point, ``[B]`` int64."""
    if generator is not None and start != "random":
        raise InputError(f'generator is for start="random", but start is {start!r}')
    batch, n = points.shape[:2]
    if isinstance(start, int):
        return torch.full((batch,), start, dtype=torch.int64, device=points.device)
    if start == "random":
        device = points.device if generator is None else generator.device
        share = torch.rand(batch, dtype=torch.float64, device=device, generator=generator).to(points.device)
        return (share * (n if lengths is None else lengths.clamp(0, n))).long()
    if start == "farthest_from_mean":
        return _farthest_from_mean(points, lengths)
    if not isinstance(start, Tensor):
        raise InputError(f"start must be an index, a tensor of indices, or one of {', '.join(STARTS)}; got {start!r}")
    if start.is_floating_point() or start.dtype == torch.bool:
        raise InputTypeError(f"start must hold integers, got {start.dtype}")
    if start.shape != points.shape[:1]:
        raise InputError(f"start must be an int or have shape [{batch}], got {list(start.shape)}")
    return start.to(device=points.device, dtype=torch.int64)


def _farthest_from_mean(points: Tensor, lengths: Tensor | None) -> Tensor:
    batch, n = points.shape[:2]
    if n == 0:
        return torch.zeros(batch, dtype=torch.int64, device=points.device)
    valid = points.isfinite().all(-1)
    if lengths is not None:
        valid = valid & (torch.arange(n, device=points.device) < lengths[:, None])
    inside = torch.where(valid[..., None], points, 0).double()
    mean = inside.sum(1, keepdim=True) / valid.sum(1).clamp(min=1)[:, None, None]
    return (inside - mean).square().sum(-1).masked_fill(~valid, -1).argmax(1)


def gather_points(points: Tensor, index: Tensor) -> Tensor:
    """The points at the given indices; differentiable in the points.

    Args:
        points: ``[B, N, C]`` or ``[N, C]``.
        index: ``[B, K]`` or ``[K]`` int64; -1 gives zeros.

    Returns:
        ``[B, K, C]`` or ``[K, C]``.

    Raises:
        InputError: shapes do not fit.

    Example:
        >>> gather_points(torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([1, -1]))
        tensor([[4., 5., 6.],
                [0., 0., 0.]])
    """
    if points.dim() != index.dim() + 1 or points.shape[:-2] != index.shape[:-1]:
        raise InputError(
            f"index must have shape {['B', 'K'][3 - points.dim() :]} beside points {list(points.shape)}, "
            f"got {list(index.shape)}"
        )
    taken = points.gather(-2, index.clamp(min=0)[..., None].expand(*index.shape, points.shape[-1]))
    return torch.where((index >= 0)[..., None], taken, 0)


@torch.library.register_fake("pcgen::farthest_point_sample")
def _(points: Tensor, lengths: Tensor | None, start: Tensor, k: int) -> tuple[Tensor, Tensor]:
    shape = (points.shape[0], k)
    return points.new_empty(shape, dtype=torch.int64), points.new_empty(shape)


register_vmap_by_folding("farthest_point_sample")
