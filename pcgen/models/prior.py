"""A density over a frozen backbone's latent codes, to draw new shapes from."""

from __future__ import annotations

__all__ = ["GaussianMixturePrior"]

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pcgen.checkpoint import load_checkpoint, save_checkpoint
from pcgen.errors import InputError


class GaussianMixturePrior:
    """Mixture of full-covariance Gaussians on the leading principal components of the codes.

    Codes of an autoencoder fill few of their dimensions; the others carry noise. So the mixture lives on the whitened
    components that hold ``1 - 1e-3`` of the variance, and samples have none in the rest.

    Args:
        mean: ``[D]`` mean code.
        axes: ``[K, D]``, from a code to whitened components.
        weights: ``[M]`` weights of the Gaussians, sum 1.
        centers: ``[M, K]``.
        factors: ``[M, K, K]`` lower Cholesky factors of the covariances.
    """

    def __init__(self, mean: Tensor, axes: Tensor, weights: Tensor, centers: Tensor, factors: Tensor) -> None:
        self.mean, self.axes = mean, axes
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
        mean = latents.mean(0)
        _, singular, directions = torch.linalg.svd(latents - mean, full_matrices=False)
        share = singular.square().cumsum(0) / singular.square().sum()
        kept = int((share < 1 - 1e-3).sum()) + 1
        axes = directions[:kept] * (math.sqrt(len(latents)) / singular[:kept, None])
        white = (latents - mean) @ axes.T

        generator = torch.Generator().manual_seed(seed)
        first = torch.randperm(len(white), generator=generator)[:components]
        prior = cls(
            mean,
            axes,
            torch.full((components,), 1 / components),
            white[first],
            torch.eye(kept).expand(components, -1, -1),
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
        self.factors = torch.linalg.cholesky(covariance + ridge * torch.eye(white.shape[1]))

    def log_prob(self, latents: Tensor) -> Tensor:
        """Log-density of the codes' whitened components, ``[B, D] -> [B]``."""
        return self._log_joint((latents - self.mean) @ self.axes.T).logsumexp(1)

    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> Tensor:
        """New codes ``[count, D]``; row i depends on ``(seed, i)`` alone.

        Args:
            count: how many.
            seed: which.
            temperature: scale of the spread about each Gaussian's center; below 1 for safer, less varied shapes.
        """
        rows = []
        for i in range(count):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + i)
            chosen = int(torch.multinomial(self.weights, 1, generator=generator))
            noise = torch.randn(self.centers.shape[1], generator=generator) * temperature
            rows.append(self.centers[chosen] + self.factors[chosen] @ noise)
        white = torch.stack(rows) if rows else self.centers[:0]
        return self.mean + white @ torch.linalg.pinv(self.axes).T

    def save(self, path: str | Path, facts: Mapping[str, Any]) -> None:
        """Write the prior as a checkpoint."""
        tensors = {name: getattr(self, name) for name in ("mean", "axes", "weights", "centers", "factors")}
        save_checkpoint(path, "prior", tensors, facts)

    @classmethod
    def load(cls, path: str | Path) -> GaussianMixturePrior:
        """The prior of a checkpoint.

        Raises:
            FileError: it is missing, damaged, or no prior.
        """
        tensors, _ = load_checkpoint(path, "prior")
        return cls(**tensors)
