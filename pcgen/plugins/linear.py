"""Linear plugins: one direction per attribute in whitened latent space. They differ in how it is found.

A requested change ``da`` moves the whitened code by ``dw = da @ directions``. All read attributes off a code by the
same ridge regression ``a = R w + b``; what to change is the request less this reading.
"""

from __future__ import annotations

__all__ = [
    "ConditionalGaussianPlugin",
    "LinearPlugin",
    "MeanDifferencePlugin",
    "RandomDirectionPlugin",
    "RidgeNormalPlugin",
    "RidgePlugin",
]

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from pcgen.plugins.base import Plugin, repeated, unfitted
from pcgen.plugins.whitening import Whitening
from pcgen.spec import AttributeSpec

_FITTED = ("readout", "bias", "noise", "directions")


class LinearPlugin(Plugin):
    """What the linear methods share; each defines :meth:`_find_directions`.

    Args:
        specs: the attributes, one per column.
        shrinkage: ridge penalty of the reading, in units of the number of labelled codes.
    """

    def __init__(self, specs: Sequence[AttributeSpec], shrinkage: float = 1e-3) -> None:
        super().__init__(specs)
        self.shrinkage = shrinkage
        self.whitening = Whitening(0, 0)
        self.readout = self.bias = self.noise = self.directions = torch.empty(0)

    @abstractmethod
    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        """Whitened step per unit of each attribute, ``[K, W]``, from whitened codes ``[S, W]`` and labels."""

    def fit(self, latents: Tensor, values: Tensor, mask: Tensor | None = None) -> LinearPlugin:
        """Learn from codes ``[S, D]`` with values ``[S, K]``; NaN or masked values are left out."""
        labelled = self._check_fit(latents, values, mask)
        self.whitening = Whitening.fit(latents)
        white, values = self.whitening(latents), values.to(latents)
        fits = [
            _ridge(white[use], column[use], self.shrinkage) for column, use in zip(values.T, labelled.T, strict=True)
        ]
        self.readout, self.bias, self.noise = (torch.stack(parts) for parts in zip(*fits, strict=True))
        self.directions = self._find_directions(white, values, labelled).contiguous()
        return self

    def predict(self, latents: Tensor) -> Tensor:
        """Attribute values ``[B, K]`` read off codes ``[B, D]``."""
        if not self.readout.numel():
            raise unfitted()
        return self.whitening(latents) @ self.readout.T + self.bias

    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """Codes moved along the directions of the masked attributes."""
        change = torch.where(mask, values - self.predict(latents), 0.0)
        return self.whitening.move(latents, strength * (change @ self.directions))

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """Codes of the whitened Gaussian, moved to the requested values."""
        if not self.readout.numel():
            raise unfitted()
        white = torch.randn(count, self.whitening.dims, generator=torch.Generator().manual_seed(seed))
        return self.edit(self.whitening.place(white), repeated(values, count), repeated(mask, count))

    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Log-density of the whitened code under the standard Gaussian.

        Given values, by Bayes: ``p(w | a) = p(w) p(a | w) / p(a)`` with ``a = R w + b`` and independent noise.
        """
        if not self.readout.numel():
            raise unfitted()
        white = self.whitening(latents)
        log_density = -(white.square().sum(1) + white.shape[1] * math.log(2 * math.pi)) / 2
        if values is None or mask is None:
            return log_density
        for pattern in mask.unique(dim=0):
            rows = (mask == pattern).all(1)
            log_density[rows] += self._information(white[rows], values[rows][:, pattern], pattern)
        return log_density

    def _information(self, white: Tensor, values: Tensor, given: Tensor) -> Tensor:
        """``log p(a | w) − log p(a)`` of codes ``[B, W]`` and the values ``[B, G]`` of the given attributes."""
        if not given.any():
            return white.new_zeros(len(white))
        rows, centre, noise = self.readout[given], self.bias[given], self.noise[given].diag()
        likelihood = MultivariateNormal(centre + white @ rows.T, noise)
        evidence = MultivariateNormal(centre, rows @ rows.T + noise)
        return likelihood.log_prob(values) - evidence.log_prob(values)

    def state(self) -> dict[str, Tensor]:
        """The fitted tensors."""
        if not self.readout.numel():
            raise unfitted()
        return self.whitening.state_dict() | {name: getattr(self, name) for name in _FITTED}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> LinearPlugin:
        """The plugin again from its state."""
        plugin = cls([AttributeSpec(**spec) for spec in facts["specs"]])
        plugin.whitening = Whitening(*tensors["into"].shape)
        plugin.whitening.load_state_dict({name: tensors[name] for name in plugin.whitening.state_dict()})
        for name in _FITTED:
            setattr(plugin, name, tensors[name])
        return plugin


class RidgePlugin(LinearPlugin):
    """The smallest step that gives the requested readings and leaves the others: the pseudo-inverse of the read-outs.

    ``min |dw|² s.t. R dw = da`` has the solution ``dw = R⁺ da``. Each direction is its attribute's normal made
    orthogonal to the normals of the others, which is the conditional manipulation of InterFaceGAN (Shen et al. 2020).

    Example:
        >>> from pcgen.spec import AttributeSpec
        >>> generator = torch.manual_seed(0)
        >>> latents = torch.randn(500, 8, generator=generator)
        >>> size = AttributeSpec("size", "continuous", -9, 9)
        >>> plugin = RidgePlugin([size]).fit(latents, latents[:, :1] * 2 + 1)
        >>> moved = plugin.edit(latents[:1], torch.tensor([[3.0]]), torch.tensor([[True]]))
        >>> round(plugin.predict(moved).item(), 2)
        3.0
    """

    method: ClassVar[str] = "ridge"

    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        return torch.linalg.pinv(self.readout).T


class RidgeNormalPlugin(LinearPlugin):
    """The normal of each read-out alone; other attributes that share it change along."""

    method: ClassVar[str] = "ridge_normal"

    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        return self.readout / self.readout.square().sum(1, keepdim=True)


class MeanDifferencePlugin(LinearPlugin):
    """From the mean code of an attribute's lower half of values to that of the upper half (of no to that of yes)."""

    method: ClassVar[str] = "mean_difference"

    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        rows = []
        for column, use in zip(values.T, labelled.T, strict=True):
            w, y = white[use], column[use]
            upper = y > y.mean()
            if upper.any() and not upper.all():
                rows.append((w[upper].mean(0) - w[~upper].mean(0)) / (y[upper].mean() - y[~upper].mean()))
            else:
                rows.append(torch.zeros_like(w[0]))  # all values equal: nothing says where to go
        return torch.stack(rows)


class ConditionalGaussianPlugin(LinearPlugin):
    """The shift of the mean code given all attributes, where codes and attributes are jointly Gaussian.

    ``E[w | a'] − E[w | a] = Cov(w, a) Cov(a)⁻¹ (a' − a)``: the most likely companion change when one attribute changes
    and the others are known to stay.
    """

    method: ClassVar[str] = "conditional_gaussian"

    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        reading = white @ self.readout.T + self.bias
        a = torch.where(labelled, values, reading)  # missing labels are read off the code
        a, w = a - a.mean(0), white - white.mean(0)
        return torch.linalg.pinv(a.T @ a) @ (a.T @ w)


class RandomDirectionPlugin(LinearPlugin):
    """A random direction per attribute, as long as :class:`RidgePlugin`'s: the control that every method must beat."""

    method: ClassVar[str] = "random_direction"

    def _find_directions(self, white: Tensor, values: Tensor, labelled: Tensor) -> Tensor:
        random = torch.randn(self.readout.shape, generator=torch.Generator().manual_seed(0)).to(white)
        length = torch.linalg.pinv(self.readout).T.norm(dim=1, keepdim=True)
        return random / random.norm(dim=1, keepdim=True) * length


def _ridge(white: Tensor, values: Tensor, shrinkage: float) -> tuple[Tensor, Tensor, Tensor]:
    """Row ``[W]``, bias and noise variance of the ridge regression of values ``[S]`` on whitened codes ``[S, W]``."""
    centre, level = white.mean(0), values.mean()
    offset = white - centre
    gram = offset.T @ offset + shrinkage * len(white) * torch.eye(white.shape[1]).to(white)
    row = torch.linalg.solve(gram, offset.T @ (values - level))
    bias = level - centre @ row
    # Values that fit perfectly would make densities infinite.
    noise = (values - bias - white @ row).square().mean().clamp(min=1e-6)
    return row, bias, noise
