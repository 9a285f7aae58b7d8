"""What pcgen needs from a trained point-cloud model: two functions and four facts."""

from __future__ import annotations

__all__ = ["Backbone"]

from typing import Protocol

from torch import Tensor


class Backbone(Protocol):
    """A frozen autoencoder with vector latents.

    Attributes:
        category: what it draws (``chair``).
        latent_dim: length D of a latent code.
        normalization: name of the normalisation its points live in (see :mod:`pcgen.normalize`).
    """

    category: str
    latent_dim: int
    normalization: str

    def encode(self, points: Tensor) -> Tensor:
        """Latent codes ``[B, D]`` of normalised clouds ``[B, N, 3]``, any N."""
        ...

    def decode(self, latents: Tensor, num_points: int = 2048) -> Tensor:
        """Normalised clouds ``[B, num_points, 3]`` of latent codes ``[B, D]``.

        Equal indices are corresponding points: the displacement between two decodes is a field over the shape.
        """
        ...
