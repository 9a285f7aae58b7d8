"""Flow decoder: points carried from noise to the shape by a velocity field that the latent code steers."""

from __future__ import annotations

__all__ = ["FlowDecoder"]

import torch
from torch import Tensor, nn

from pcgen.models.encoders import fourier_features
from pcgen.ops import emd_assignment

OCTAVES = 4
TEMPLATE_SEED = 0
SPREAD = 0.4  # of the noise: about that of a normalised shape, so that paths are short


class FlowDecoder(nn.Module):
    """Latent code to any number of points, evenly spread, in a few Euler steps.

    Every decode starts from the same Gaussian points, so equal indices correspond between shapes. In training each
    shape's points are paired with noise by optimal transport, which makes the paths nearly straight; the field
    regresses their velocity.

    Args:
        latent_dim: length of the code.
        width: channels of the residual blocks.
        blocks: number of residual blocks.
        steps: Euler steps of a decode.

    Source: flow matching: Lipman et al., ICLR 2023; pairing by optimal transport: Tong et al., "Improving and
    Generalizing Flow-Based Generative Models with Minibatch Optimal Transport", TMLR 2024, here between the points of
    one shape.

    Example:
        >>> decoder = FlowDecoder(8, width=16, blocks=1)
        >>> decoder(torch.zeros(2, 8), 100).shape
        torch.Size([2, 100, 3])
    """

    train_points = 256  # the pairing's cost grows with the square

    def __init__(self, latent_dim: int, width: int = 128, blocks: int = 3, steps: int = 8) -> None:
        super().__init__()
        self.steps = steps
        self.into = nn.Linear(3 + 6 * OCTAVES + 1, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(blocks))
        self.film = nn.ModuleList(nn.Linear(latent_dim, 2 * width) for _ in range(blocks))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.out = nn.Linear(width, 3)

    def forward(self, latents: Tensor, num_points: int) -> Tensor:
        """Points ``[B, num_points, 3]`` of codes ``[B, D]``."""
        noise = torch.randn(num_points, 3, generator=torch.Generator().manual_seed(TEMPLATE_SEED))
        points = SPREAD * noise.to(latents).expand(len(latents), -1, -1)
        for step in range(self.steps):
            time = points.new_full((num_points,), step / self.steps)
            points = points + self.answer(latents, points, time) / self.steps
        return points

    def question(
        self, target: Tensor, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """What training asks about: places ``[B, N, 3]`` and times ``[N]`` on the paths, and the velocities there.

        Args:
            target: points of the shapes, ``[B, N, 3]``.
            generator: randomness; noise and times are shared by the batch, pairings are not.
        """
        noise = SPREAD * torch.randn(target.shape[1:], generator=generator).to(target)
        time = torch.rand(target.shape[1], generator=generator).to(target)
        noises = noise.expand_as(target)
        pairing = emd_assignment(noises, target, squared=True, tol=0.1).assignment
        velocity = target.gather(1, pairing[..., None].expand(-1, -1, 3)) - noises
        return (noises + time[:, None] * velocity, time), velocity

    def answer(self, latents: Tensor, points: Tensor, time: Tensor) -> Tensor:
        """Velocities ``[B, N, 3]`` of points ``[B, N, 3]`` at times ``[N]``."""
        clock = time[:, None].expand(*points.shape[:2], 1)
        h = self.into(torch.cat([fourier_features(points, OCTAVES), clock], dim=-1))
        for norm, film, block in zip(self.norms, self.film, self.blocks, strict=True):
            scale, shift = film(latents)[:, None].chunk(2, dim=-1)
            h = h + block(norm(h) * (1 + scale) + shift)
        return self.out(h)
