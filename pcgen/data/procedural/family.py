"""What all procedural families share: parameters -> surface -> points with normals, parts and exact attributes."""

from __future__ import annotations

__all__ = ["Family", "PointSample", "ShapeBatch", "assemble", "log_uniform"]

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import nan
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pcgen.data.procedural.law import INDEPENDENT, AttributeLaw, Quantiles
from pcgen.data.procedural.primitives import Array, normals, outward, sample

Params = TypeVar("Params")


class PointSample(NamedTuple):
    """Points on one shape."""

    points: NDArray[np.float32]  # [N, 3]
    normal: NDArray[np.float32]  # [N, 3], outward, length 1
    part: NDArray[np.uint8]  # [N], index into the family's parts
    attributes: dict[str, float]  # exact, not measured


class ShapeBatch(NamedTuple):
    """Points on many shapes."""

    points: NDArray[np.float32]  # [B, N, 3]
    normal: NDArray[np.float32]  # [B, N, 3], outward, length 1
    part: NDArray[np.uint8]  # [B, N], index into the family's parts
    values: NDArray[np.float32]  # [B, K], exact; NaN where a part is missing
    params: list[Any]


def log_uniform(low: float, high: float) -> Callable[[float], float]:
    """The value at a number uniform on [0, 1), of a quantity whose logarithm is uniform between two bounds."""
    return lambda u: float(low * (high / low) ** u)


def assemble(pieces: Mapping[str, Sequence[Array]], parts: Sequence[str]) -> tuple[Array, NDArray[np.uint8]]:
    """Closed pieces of named parts as one surface that faces outward.

    Args:
        pieces: for each part that is there, its closed pieces ``[T, 3, 3]``.
        parts: names of all parts of the family.

    Returns:
        Triangles ``[T, 3, 3]`` and the part ``[T]`` (index into ``parts``) each belongs to.
    """
    surfaces = [outward(piece) for name in pieces for piece in pieces[name]]
    labels = [parts.index(name) for name in pieces for _ in pieces[name]]
    return np.concatenate(surfaces), np.repeat(np.array(labels, dtype=np.uint8), [len(piece) for piece in surfaces])


@dataclass(frozen=True)
class Family(Generic[Params]):
    """A parametric category of shapes. Frame: +Y up, -Z front.

    Attributes:
        category: ``table``, ``lamp`` …
        parts: names of the part labels.
        quantiles: the attributes, each a parameter of the same name, with their marginal distributions.
        style: draws all other parameters to suit given attribute values.
        surface: triangles ``[T, 3, 3]`` and the part ``[T]`` each belongs to.
        absent: names of the attributes that a shape has no value of, because the part is missing.
    """

    category: str
    parts: tuple[str, ...]
    quantiles: Quantiles
    style: Callable[[dict[str, Any], np.random.Generator], Params]
    surface: Callable[[Params], tuple[Array, NDArray[np.uint8]]]
    absent: Callable[[Params], Set[str]] = lambda params: frozenset()

    def sample_params(self, rng: np.random.Generator, law: AttributeLaw = INDEPENDENT) -> Params:
        """The parameters of one random shape."""
        return self.style(law.draw(rng, self.quantiles), rng)

    def attributes(self, params: Params) -> dict[str, float]:
        """The attribute values that a shape has by construction, by name; NaN where the part is missing."""
        absent = self.absent(params)
        return {name: nan if name in absent else float(getattr(params, name)) for name in self.quantiles}

    def make(self, params: Params, num_points: int, rng: np.random.Generator) -> PointSample:
        """Points drawn uniformly by area from one shape.

        Args:
            params: what to build.
            num_points: number of points N.
            rng: source of randomness for the points.

        Returns:
            The points, their normals and parts, and the shape's exact attributes.
        """
        triangles, part = self.surface(params)
        points, index = sample(triangles, num_points, rng)
        normal = normals(triangles)[index].astype(np.float32)
        return PointSample(points.astype(np.float32), normal, part[index], self.attributes(params))

    def sample(
        self, count: int, num_points: int, seed: int, first: int = 0, law: AttributeLaw = INDEPENDENT
    ) -> ShapeBatch:
        """Random shapes; shape i of a seed is always the same, however many are drawn beside it.

        Args:
            count: number of shapes B.
            num_points: points on each, N.
            seed: which endless sequence of shapes.
            first: number of the first shape in that sequence.
            law: how the attributes are drawn: independent, correlated, without some combinations.

        Returns:
            Points, normals, parts, exact attribute values and parameters.

        Example:
            >>> from pcgen.data.procedural.table import TABLE
            >>> a, b = TABLE.sample(3, 64, seed=7), TABLE.sample(1, 64, seed=7, first=2)
            >>> bool((a.points[2] == b.points[0]).all())
            True
        """
        points, normal = np.empty((2, count, num_points, 3), dtype=np.float32)
        part = np.empty((count, num_points), dtype=np.uint8)
        params, values = [], []
        for i in range(count):
            rng = np.random.default_rng((seed, first + i))
            params.append(self.sample_params(rng, law))
            points[i], normal[i], part[i], exact = self.make(params[i], num_points, rng)
            values.append(list(exact.values()))
        return ShapeBatch(points, normal, part, np.array(values, dtype=np.float32), params)
