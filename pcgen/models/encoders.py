"""PointNet encoder whose training step backpropagates through the winning points only."""

from __future__ import annotations

__all__ = ["PointNetEncoder", "fourier_features"]

import itertools

import torch
from torch import Tensor, nn


def fourier_features(points: Tensor, octaves: int) -> Tensor:
    """Coordinates with sines and cosines of octave frequencies, ``[..., 3] -> [..., 3 + 6 * octaves]`` (NeRF, eq. 4).

    Example:
        >>> fourier_features(torch.zeros(5, 3), octaves=2).shape
        torch.Size([5, 15])
    """
    frequencies = torch.pi * 2.0 ** torch.arange(-1, octaves - 1, device=points.device, dtype=points.dtype)
    angles = (points[..., None] * frequencies).flatten(-2)
    return torch.cat([points, angles.sin(), angles.cos()], dim=-1)


def _fast_bfloat16(points: Tensor) -> bool:
    """Whether the device multiplies in bfloat16 faster than in float32."""
    return points.is_cuda or getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


class PointNetEncoder(nn.Module):
    """Shared point MLP, max over points, MLP, layer norm (PointNet, Qi et al. 2017, without its T-nets).

    The maximum of each channel is one point's value, so only those *critical points* (at most one per channel) get a
    gradient. Training therefore runs all points without gradient, finds the winners, and runs just them again with
    gradient, about eight times faster on a CPU. Finding them is done in bfloat16 where that is fast: a winner may then
    be second by a rounding error, its value and gradient are exact. It needs layers that treat points independently,
    hence no batch norm.

    Args:
        latent_dim: length of the code.
        widths: channels of the point MLP; the last is the number of pooled features.
        octaves: frequencies of the Fourier features.
    """

    def __init__(self, latent_dim: int, widths: tuple[int, ...] = (64, 128, 256), octaves: int = 5) -> None:
        super().__init__()
        self.octaves = octaves
        channels = (3 + 6 * octaves, *widths)
        layers: list[nn.Module] = []
        for i, o in itertools.pairwise(channels):
            layers += [nn.Linear(i, o), nn.ReLU()]
        self.point_mlp = nn.Sequential(*layers[:-1])  # no activation before the maximum
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(widths[-1], widths[-1]), nn.ReLU(), nn.Linear(widths[-1], latent_dim)
        )
        self.norm = nn.LayerNorm(latent_dim, elementwise_affine=False)

    def forward(self, points: Tensor) -> Tensor:
        """Codes ``[B, D]`` of clouds ``[B, N, 3]``."""
        critical = self.training and torch.is_grad_enabled()
        return self.norm(self.head(self._pool_critical(points) if critical else self._features(points).amax(dim=1)))

    def _pool_critical(self, points: Tensor) -> Tensor:
        """Maxima over points ``[B, C]``, the gradient through the critical points, each of which is run once."""
        with torch.no_grad(), torch.autocast(points.device.type, torch.bfloat16, enabled=_fast_bfloat16(points)):
            winners = self._features(points).max(dim=1)[1]  # [B, C]; max()[1] is faster than argmax on a CPU
        rows = winners + points.shape[1] * torch.arange(len(points), device=points.device)[:, None]
        critical, inverse = rows.unique(return_inverse=True)
        features = self._features(points.flatten(0, 1)[critical])
        return features[inverse, torch.arange(features.shape[1], device=points.device)]

    def _features(self, points: Tensor) -> Tensor:
        return self.point_mlp(fourier_features(points, self.octaves))
