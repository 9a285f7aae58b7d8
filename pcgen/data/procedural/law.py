"""How the attributes of random shapes are drawn: independent or correlated, with combinations left out."""

from __future__ import annotations

__all__ = ["INDEPENDENT", "AttributeLaw", "Quantiles", "Region"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgen.errors import InputError, unknown_name

Quantiles = Mapping[str, Callable[[float], Any]]
"""For each attribute, its quantile function: from a uniform number in [0, 1) to a value, never decreasing."""

Region = Mapping[str, tuple[float, float]]
"""A combination of attributes: lowest and highest value by name; the attributes it does not name are free."""

_ATTEMPTS = 10_000


@dataclass(frozen=True, eq=False)
class AttributeLaw:
    """A joint distribution over attributes whose marginals are the category's own.

    Attributes:
        correlation: of the Gaussian copula: one number for every pair, or the whole matrix ``[K, K]``. It is the
            correlation of the underlying normal variables; that of the attributes' ranks is ``6/π asin(ρ/2)``.
        held_out: combinations that never occur, each as lowest and highest value by attribute name.
        only_held_out: draw only what would be held out, to test on it.

    Reference:
        Nelsen, "An Introduction to Copulas", 2006, section 2.3 (Sklar's theorem).

    Example:
        >>> law = AttributeLaw(correlation=0.6, held_out=({"size": (0.5, 1.0), "hollow": (1, 1)},))
        >>> quantiles = {"size": lambda u: u, "hollow": lambda u: u > 0.7}
        >>> rng = np.random.default_rng(0)
        >>> draws = [law.draw(rng, quantiles) for _ in range(500)]
        >>> any(draw["size"] >= 0.5 and draw["hollow"] for draw in draws)
        False
    """

    correlation: float | NDArray[np.float64] = 0.0
    held_out: tuple[Region, ...] = ()
    only_held_out: bool = False

    def __post_init__(self) -> None:
        if self.only_held_out and not self.held_out:
            raise InputError("only_held_out needs at least one combination in held_out")

    def draw(self, rng: np.random.Generator, quantiles: Quantiles) -> dict[str, Any]:
        """Values of every attribute, by name.

        Raises:
            InputError: a region names an unknown attribute, the correlation is none, or what is left to draw is so
                rare that it was not met in 10 000 attempts.
        """
        for region in self.held_out:
            for name in region:
                if name not in quantiles:
                    raise unknown_name("attribute", name, quantiles)
        mix = self._mix(len(quantiles))
        for _ in range(_ATTEMPTS):
            uniform = rng.random(len(quantiles)) if mix is None else _normal_cdf(mix @ rng.standard_normal(len(mix)))
            pairs = zip(quantiles.items(), uniform.tolist(), strict=True)
            values = {name: quantile(u) for (name, quantile), u in pairs}
            if not self.held_out or self.holds_out(values) == self.only_held_out:
                return values
        kind = "only" if self.only_held_out else "all but"
        raise InputError(f"found no shape in {_ATTEMPTS} attempts; {kind} the held-out combinations is too little")

    def holds_out(self, values: Mapping[str, float]) -> bool:
        """Whether attribute values lie in a held-out combination."""
        return any(all(low <= values[name] <= high for name, (low, high) in region.items()) for region in self.held_out)

    def _mix(self, count: int) -> NDArray[np.float64] | None:
        """The matrix that turns independent normal numbers into correlated ones; None where there is nothing to do."""
        matrix = np.asarray(self.correlation, dtype=float)
        if matrix.ndim == 0:
            if matrix == 0:
                return None
            matrix = np.full((count, count), float(matrix))
            np.fill_diagonal(matrix, 1.0)
        if matrix.shape != (count, count) or not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
            raise InputError(f"correlation must be one number or a symmetric {count} x {count} matrix with ones on it")
        try:
            return np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise InputError("correlation is not positive definite, so no variables can have it") from None


INDEPENDENT = AttributeLaw()


def _normal_cdf(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    # Below 1, so that quantile functions may index with it.
    return np.array([min(0.5 * (1 + math.erf(z / math.sqrt(2))), 1 - 1e-12) for z in normal])
