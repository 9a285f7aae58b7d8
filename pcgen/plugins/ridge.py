"""Ridge directions: linear attribute read-outs on whitened latents, and the smallest step that changes only one."""

from __future__ import annotations

__all__ = ["RidgePlugin"]

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from pcgen.errors import InputError
from pcgen.plugins.base import Plugin
from pcgen.spec import AttributeSpec


class RidgePlugin(Plugin):
    """Linear regression of each attribute on whitened codes; edits by the pseudo-inverse.

    With ``w`` the whitened code and read-outs ``a = R w + b``, an edit solves ``min |dw|² s.t. R dw = da`` with
    ``da = 0`` for the attributes that stay: ``dw = R⁺ da``. Whitening keeps only the principal axes with more than
    1e-3 of the leading one's variance, so no edit leaves the space the codes fill.

    Args:
        specs: the attributes, one per column.
        shrinkage: ridge penalty, in units of the number of labelled codes.

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

    def __init__(self, specs: Sequence[AttributeSpec], shrinkage: float = 1e-3) -> None:
        super().__init__(specs)
        self.shrinkage = shrinkage
        self.mean = self.whiten = self.unwhiten = self.readout = self.bias = torch.empty(0)

    def fit(self, latents: Tensor, values: Tensor, mask: Tensor | None = None) -> RidgePlugin:
        """Learn from codes ``[S, D]`` with values ``[S, K]``; NaN or masked values are left out."""
        labelled = self._check_fit(latents, values, mask)
        self.mean = latents.mean(0)
        variance, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov((latents - self.mean).T)))
        kept = variance > 1e-3 * variance.max()
        scale = variance[kept].sqrt()
        self.whiten = axes[:, kept] / scale  # [D, W]
        self.unwhiten = (axes[:, kept] * scale).T  # [W, D]

        white = (latents - self.mean) @ self.whiten
        rows, biases = [], []
        for column, spec in enumerate(self.specs):
            use = labelled[:, column]
            if use.sum() < 2:
                raise InputError(f"{spec.name} has {int(use.sum())} labelled codes; a plugin needs at least 2")
            x, y = white[use], values[use, column].to(white)
            centre, level = x.mean(0), y.mean()
            gram = (x - centre).T @ (x - centre) + self.shrinkage * len(x) * torch.eye(x.shape[1])
            row = torch.linalg.solve(gram, (x - centre).T @ (y - level))
            rows.append(row)
            biases.append(level - centre @ row)
        self.readout, self.bias = torch.stack(rows), torch.stack(biases)  # [K, W], [K]
        return self

    def predict(self, latents: Tensor) -> Tensor:
        """Attribute values ``[B, K]`` read off codes ``[B, D]``."""
        self._require_fitted()
        return (latents - self.mean) @ self.whiten @ self.readout.T + self.bias

    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """Codes moved by the smallest whitened step that gives the masked attributes their values, others unchanged."""
        change = torch.where(mask, values - self.predict(latents), 0.0)
        return latents + strength * (change @ torch.linalg.pinv(self.readout).T @ self.unwhiten)

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """Codes of the whitened Gaussian, moved to the requested values."""
        self._require_fitted()
        generator = torch.Generator().manual_seed(seed)
        white = torch.randn(count, self.whiten.shape[1], generator=generator)
        return self.edit(self.mean + white @ self.unwhiten, values, mask)

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log-density of the whitened code under the standard Gaussian."""
        self._require_fitted()
        white = (latents - self.mean) @ self.whiten
        return -(white.square().sum(1) + white.shape[1] * math.log(2 * math.pi)) / 2

    def state(self) -> dict[str, Tensor]:
        """The fitted tensors."""
        self._require_fitted()
        return {name: getattr(self, name) for name in ("mean", "whiten", "unwhiten", "readout", "bias")}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> RidgePlugin:
        """The plugin again from its state."""
        plugin = cls([AttributeSpec(**spec) for spec in facts["specs"]])
        for name, value in tensors.items():
            setattr(plugin, name, value)
        return plugin

    def _require_fitted(self) -> None:
        if not self.readout.numel():
            raise InputError("the plugin is not fitted; call fit(latents, values) or load a checkpoint")
