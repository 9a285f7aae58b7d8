"""The named normalisations with their inverses, and the rotation from another dataset's axes into ours.

Frame: +Y up, -Z front (a chair's back is at +z), right-handed, so +X is to the right of somebody sitting in the chair.
"""

from __future__ import annotations

__all__ = [
    "NORMALIZATIONS",
    "Normalization",
    "dataset",
    "rotation_to_frame",
    "unit_cube",
    "unit_diagonal",
    "unit_sphere",
]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pcgen.errors import InputError, InputTypeError, unknown_name


@dataclass(frozen=True, eq=False)
class Normalization:
    """A translation and a uniform scaling that can be undone; it works on any points that belong to the same shapes.

    Attributes:
        name: one of the constructors in this module.
        center: ``[..., 1, 3]``, the point that goes to the origin.
        scale: ``[..., 1, 1]``, the length that becomes 1.

    Example:
        >>> points = torch.tensor([[2.0, 0.0, 0.0], [6.0, 0.0, 0.0]])
        >>> norm = unit_cube(points)
        >>> norm.apply(points).tolist(), norm.invert(torch.zeros(1, 3)).tolist()
        ([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[4.0, 0.0, 0.0]])
    """

    name: str
    center: Tensor
    scale: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """``(points - center) / scale``, for points ``[..., N, 3]``."""
        return (points - self.center) / self.scale

    def invert(self, points: Tensor) -> Tensor:
        """``points * scale + center``, which takes normalised points back."""
        return points * self.scale + self.center


def unit_sphere(points: Tensor) -> Normalization:
    """Centroid at the origin, farthest point at distance 1.

    Args:
        points: ``[..., N, 3]``; each cloud of a batch gets its own center and scale.

    Returns:
        The normalisation, differentiable in the points and of their dtype.

    Raises:
        InputError: a wrong shape, or a cloud without extent (one point, all points equal, values that are not finite).

    Example:
        >>> unit_sphere(torch.tensor([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])).scale.item()
        2.0
    """
    _require_points(points)
    center = points.mean(dim=-2, keepdim=True)
    radius = torch.linalg.vector_norm(points - center, dim=-1, keepdim=True)
    return _checked("unit_sphere", points, center, radius.amax(dim=-2, keepdim=True))


def unit_cube(points: Tensor) -> Normalization:
    """Bounding box centred on the origin, its longest side 2 long: the cloud fills [-1, 1] along that side.

    Args, Returns and Raises as for :func:`unit_sphere`.

    Example:
        >>> unit_cube(torch.tensor([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]])).scale.item()
        2.0
    """
    low, high = _bounds(points)
    return _checked("unit_cube", points, (low + high) / 2, ((high - low) / 2).amax(dim=-1, keepdim=True))


def unit_diagonal(points: Tensor) -> Normalization:
    """Bounding box centred on the origin, half of its diagonal 1 long: its corners lie on the unit sphere.

    Args, Returns and Raises as for :func:`unit_sphere`.

    Example:
        >>> unit_diagonal(torch.tensor([[0.0, 0.0, 0.0], [6.0, 8.0, 0.0]])).scale.item()
        5.0
    """
    low, high = _bounds(points)
    half_diagonal = torch.linalg.vector_norm((high - low) / 2, dim=-1, keepdim=True)
    return _checked("unit_diagonal", points, (low + high) / 2, half_diagonal)


def dataset(mean: Tensor | Sequence[float], std: Tensor | float) -> Normalization:
    """One mean and one scalar standard deviation for a whole dataset, so relative sizes of shapes are kept.

    Args:
        mean: ``[3]``, the mean point of the training set.
        std: scalar, the standard deviation over all coordinates of the training set.

    Returns:
        The normalisation with ``center [1, 3]`` and ``scale [1, 1]``.

    Raises:
        InputError: ``mean`` is not three numbers, or ``std`` is not one positive number.

    Source: G. Yang et al., "PointFlow", ICCV 2019.

    Example:
        >>> dataset([0.0, 1.0, 0.0], 0.5).apply(torch.tensor([[0.0, 2.0, 0.0]])).tolist()
        [[0.0, 2.0, 0.0]]
    """
    center, scale = torch.as_tensor(mean), torch.as_tensor(std)
    if center.numel() != 3 or not torch.isfinite(center).all():
        raise InputError(f"mean must be 3 finite numbers, got {center.tolist()}")
    if scale.numel() != 1 or not 0 < scale.item() < float("inf"):
        raise InputError(f"std must be one positive number, got {scale.tolist()}")
    return Normalization("dataset", center.reshape(1, 3), scale.reshape(1, 1))


NORMALIZATIONS: dict[str, Callable[[Tensor], Normalization]] = {
    "unit_sphere": unit_sphere,
    "unit_cube": unit_cube,
    "unit_diagonal": unit_diagonal,
}
"""The per-shape normalisations by name."""


_AXES = {
    sign + axis: [number * float(axis == other) for other in "xyz"]
    for sign, number in [("", 1.0), ("-", -1.0)]
    for axis in "xyz"
}


def rotation_to_frame(up: str = "y", front: str = "-z") -> Tensor:
    """The rotation that takes data with the given axes into our frame (+Y up, -Z front).

    Args:
        up: the axis that points up in the data: ``x``, ``-x``, ``y``, ``-y``, ``z`` or ``-z``.
        front: the axis that the shape faces in the data.

    Returns:
        ``R [3, 3]`` float32; turn points with ``points @ R.T``.

    Raises:
        InputError: an unknown axis, or up and front along the same one.

    Example:
        >>> R = rotation_to_frame(up="z", front="y")
        >>> (torch.tensor([0.0, 0.0, 1.0]) @ R.T).tolist()
        [0.0, 1.0, 0.0]
    """
    for axis in (up, front):
        if axis not in _AXES:
            raise unknown_name("axis", axis, _AXES)
    if up[-1] == front[-1]:
        raise InputError(f"up and front must be different axes, got up {up!r} and front {front!r}")
    up_vector, front_vector = torch.tensor(_AXES[up]), torch.tensor(_AXES[front])
    right_vector = torch.linalg.cross(front_vector, up_vector)
    return torch.stack([right_vector, up_vector, -front_vector])


def _require_points(points: Tensor) -> None:
    if not points.is_floating_point():
        raise InputTypeError(f"points must have a floating dtype, got {points.dtype}; convert with points.float()")
    if points.ndim < 2 or points.shape[-1] != 3 or points.shape[-2] == 0:
        raise InputError(f"points must have shape [..., N, 3] with N at least 1, got {list(points.shape)}")


def _bounds(points: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest corner of each bounding box, both ``[..., 1, 3]``."""
    _require_points(points)
    return points.amin(dim=-2, keepdim=True), points.amax(dim=-2, keepdim=True)


def _checked(name: str, points: Tensor, center: Tensor, scale: Tensor) -> Normalization:
    """The normalisation, unless a cloud has no extent."""
    # The scale alone does not tell: the rounded centroid of equal points can differ from them in the last bit.
    equal = (points == points[..., :1, :]).all(dim=-1).all(dim=-1)
    degenerate = equal | ~(scale > 0)[..., 0, 0] | ~torch.isfinite(scale)[..., 0, 0]
    if degenerate.any():
        raise InputError(
            f"{name} needs clouds with some extent, but {int(degenerate.sum())} of {degenerate.numel()} have a single "
            "point, equal points or values that are not finite; drop those clouds"
        )
    return Normalization(name, center, scale)
