"""The leading principal directions of latent codes, at unit variance: where plugins do their work."""

from __future__ import annotations

__all__ = ["Whitening"]

import torch
from torch import Tensor, nn


class Whitening(nn.Module):
    """Codes to whitened coordinates and back.

    Autoencoder codes fill few of their dimensions; the others carry noise that whitening would blow up. So only the
    principal directions with more than ``share`` of the leading one's variance are kept, and an edit moves a code
    along them alone: what they do not hold stays as it was.

    Args:
        latent_dim: length D of a code.
        kept: number W of kept directions.

    Example:
        >>> latents = torch.randn(500, 8, generator=torch.manual_seed(0)) * torch.tensor([9.0, 3, 1, 1, 0, 0, 0, 0])
        >>> whitening = Whitening.fit(latents)
        >>> whitening(latents).shape
        torch.Size([500, 4])
        >>> torch.allclose(whitening.place(whitening(latents)), latents, atol=1e-4)
        True
    """

    def __init__(self, latent_dim: int, kept: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("into", torch.eye(latent_dim, kept))  # [D, W]
        self.register_buffer("back", torch.eye(kept, latent_dim))  # [W, D]
        self.mean: Tensor
        self.into: Tensor
        self.back: Tensor

    @classmethod
    def fit(cls, latents: Tensor, share: float = 1e-3) -> Whitening:
        """The whitening of codes ``[S, D]``."""
        mean = latents.mean(0)
        variance, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov((latents - mean).T)))
        kept = variance > share * variance.max()
        scale = variance[kept].sqrt()
        whitening = cls(latents.shape[1], len(scale))
        whitening.mean = mean
        whitening.into = (axes[:, kept] / scale).contiguous()
        whitening.back = (axes[:, kept] * scale).T.contiguous()
        return whitening

    @property
    def dims(self) -> int:
        """Number W of kept directions."""
        return self.into.shape[1]

    def forward(self, latents: Tensor) -> Tensor:
        """Whitened coordinates ``[B, W]`` of codes ``[B, D]``."""
        return (latents - self.mean) @ self.into

    def move(self, latents: Tensor, step: Tensor) -> Tensor:
        """Codes ``[B, D]`` moved by a whitened step ``[B, W]``."""
        return latents + step @ self.back

    def place(self, white: Tensor) -> Tensor:
        """Codes ``[B, D]`` at whitened coordinates ``[B, W]``, average in every other direction."""
        return self.mean + white @ self.back
