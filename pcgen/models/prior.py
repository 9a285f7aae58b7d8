"""Densities over a frozen backbone's latent codes, to draw new shapes from: what they share, and the plain one."""

from __future__ import annotations

__all__ = ["GaussianMixturePrior", "Prior", "Whitening", "seeded_normals"]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError


class Prior(Protocol):
    """A density over codes."""

    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> Tensor:
        """New codes ``[count, D]``; row i depends on ``(seed, i)`` alone."""
        ...

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log-density of the codes' whitened components, ``[B, D] -> [B]``."""
        ...

    def save(self, path: str | Path, facts: Mapping[str, Any]) -> None:
        """Write the prior as a checkpoint."""
        ...


@dataclass(frozen=True, eq=False)
class Whitening:
    """The leading principal components of codes, each scaled to unit variance.

    Codes of an autoencoder fill few of their dimensions; the others carry noise. So priors live on the components that
    hold ``1 - 1e-3`` of the variance, and samples have none in the rest.

    Attributes:
        mean: ``[D]`` mean code.
        axes: ``[K, D]``, from a centred code to whitened components.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, latents: Tensor) -> Whitening:
        """From codes ``[S, D]``."""
        mean = latents.mean(0)
        _, singular, directions = torch.linalg.svd(latents - mean, full_matrices=False)
        share = singular.square().cumsum(0) / singular.square().sum()
        kept = int((share < 1 - 1e-3).sum()) + 1
        axes = directions[:kept] * (math.sqrt(len(latents)) / singular[:kept, None])
        return cls(mean, axes.contiguous())  # as it is once saved and loaded, so that products agree to the bit

    @property
    def kept(self) -> int:
        """Number of components K."""
        return len(self.axes)

    def apply(self, latents: Tensor) -> Tensor:
        """``[B, D] -> [B, K]``."""
        return (latents - self.mean) @ self.axes.T

    def invert(self, white: Tensor) -> Tensor:
        """``[B, K] -> [B, D]``."""
        return self.mean + white @ torch.linalg.pinv(self.axes).T


def seeded_normals(count: int, dim: int, seed: int) -> Tensor:
    """Standard normal rows ``[count, dim]``; row i depends on ``(seed, i)`` alone."""
    rows = [torch.randn(dim, generator=_row_generator(seed, i)) for i in range(count)]
    return torch.stack(rows) if rows else torch.empty(0, dim)


def _row_generator(seed: int, row: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + row)


class GaussianMixturePrior:
    """Mixture of full-covariance Gaussians on the whitened leading principal components of the codes.

    Args:
        whitening: from codes to whitened components and back.
        weights: ``[M]`` weights of the Gaussians, sum 1.
        centers: ``[M, K]``.
        factors: ``[M, K, K]`` lower Cholesky factors of the covariances.
    """

    def __init__(self, whitening: Whitening, weights: Tensor, centers: Tensor, factors: Tensor) -> None:
        self.whitening = whitening
        self.weights, self.centers, self.factors = weights, centers, factors

    @classmethod
    def fit(
        cls, latents: Tensor, components: int = 64, *, steps: int = 60, seed: int = 0, ridge: float = 1e-2
    ) -> GaussianMixturePrior:
        """Expectation-maximisation from random codes as first centers.

        Args:
            latents: ``[S, D]`` codes of the training shapes.
            components: number of Gaussians M.
            steps: iterations.
            seed: choice of the first centers.
            ridge: variance added to every axis (of unit variance) of every Gaussian, which keeps it from collapsing.

        Raises:
            InputError: fewer codes than components.

        Example:
            >>> prior = GaussianMixturePrior.fit(torch.randn(200, 4, generator=torch.manual_seed(0)), components=2)
            >>> prior.sample(5, seed=1).shape
            torch.Size([5, 4])
        """
        if len(latents) < components:
            raise InputError(f"a mixture of {components} needs at least as many latents, got {len(latents)}")
        whitening = Whitening.fit(latents)
        white = whitening.apply(latents)

        generator = torch.Generator().manual_seed(seed)
        first = torch.randperm(len(white), generator=generator)[:components]
        prior = cls(
            whitening,
            torch.full((components,), 1 / components),
            white[first],
            torch.eye(whitening.kept).expand(components, -1, -1),
        )
        for _ in range(steps):
            prior._maximise(white, prior._responsibilities(white), ridge)
        return prior

    def _log_joint(self, white: Tensor) -> Tensor:
        """``log(weight_m) + log N(w; center_m, covariance_m)``, ``[S, M]``."""
        offsets = (white[:, None] - self.centers).transpose(0, 1).transpose(1, 2)  # [M, K, S]
        scaled = torch.linalg.solve_triangular(self.factors, offsets, upper=False)
        log_det = self.factors.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = white.shape[1] / 2 * math.log(2 * math.pi)
        return (self.weights.log()[:, None] - scaled.square().sum(1) / 2 - log_det[:, None] - constant).T

    def _responsibilities(self, white: Tensor) -> Tensor:
        return self._log_joint(white).softmax(1)

    def _maximise(self, white: Tensor, share: Tensor, ridge: float) -> None:
        total = share.sum(0).clamp(min=1e-6)
        self.weights = total / total.sum()
        self.centers = (share.T @ white) / total[:, None]
        second = torch.einsum("sm,si,sj->mij", share, white, white) / total[:, None, None]
        covariance = second - self.centers[:, :, None] * self.centers[:, None, :]
        self.factors = torch.linalg.cholesky(covariance + ridge * torch.eye(white.shape[1])).contiguous()

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log-density of the codes' whitened components, ``[B, D] -> [B]``."""
        return self._log_joint(self.whitening.apply(latents)).logsumexp(1)

    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> Tensor:
        """New codes ``[count, D]``; row i depends on ``(seed, i)`` alone.

        Args:
            count: how many.
            seed: which.
            temperature: scale of the spread about each Gaussian's center; below 1 for safer, less varied shapes.
        """
        rows = []
        for i in range(count):
            generator = _row_generator(seed, i)
            chosen = int(torch.multinomial(self.weights, 1, generator=generator))
            noise = torch.randn(self.centers.shape[1], generator=generator) * temperature
            rows.append(self.centers[chosen] + self.factors[chosen] @ noise)
        white = torch.stack(rows) if rows else self.centers[:0]
        return self.whitening.invert(white)

    def save(self, path: str | Path, facts: Mapping[str, Any]) -> None:
        """Write the prior as a checkpoint."""
        whitening = {"mean": self.whitening.mean, "axes": self.whitening.axes}
        mixture = {"weights": self.weights, "centers": self.centers, "factors": self.factors}
        save_checkpoint(path, "prior", whitening | mixture, {"method": "gaussian_mixture", **facts})

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor]) -> GaussianMixturePrior:
        """The prior of the tensors that :meth:`save` wrote."""
        tensors = dict(tensors)
        return cls(Whitening(tensors.pop("mean"), tensors.pop("axes")), **tensors)
