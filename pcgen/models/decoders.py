"""Patch decoder: a shape as smooth surface patches, sampled at any number of points."""

from __future__ import annotations

__all__ = ["PatchDecoder", "cosine_basis", "patch_grid"]

import torch
from torch import Tensor, nn


def cosine_basis(uv: Tensor, degree: int) -> Tensor:
    """Products of cosines (the DCT-II basis) at patch coordinates, ``[..., 2] -> [..., degree**2]``.

    Example:
        >>> cosine_basis(torch.rand(7, 2), degree=4).shape
        torch.Size([7, 16])
    """
    waves = torch.cos(torch.pi * uv[..., None] * torch.arange(degree, device=uv.device, dtype=uv.dtype))
    return (waves[..., 0, :, None] * waves[..., 1, None, :]).flatten(-2)


def patch_grid(count: int, device: torch.device | None = None) -> Tensor:
    """``count`` evenly spread coordinates in the unit square, ``[count, 2]``.

    A square count gives the cell centres of a square grid, any other the additive recurrence R2 (Roberts, 2018).

    Example:
        >>> patch_grid(4)
        tensor([[0.2500, 0.2500],
                [0.2500, 0.7500],
                [0.7500, 0.2500],
                [0.7500, 0.7500]])
    """
    side = round(count**0.5)
    if side * side == count:
        centres = (torch.arange(side, device=device) + 0.5) / side
        return torch.cartesian_prod(centres, centres).reshape(count, 2)
    plastic = 1.32471795724474602596
    steps = torch.tensor([1 / plastic, 1 / plastic**2], device=device)
    return (0.5 + torch.arange(1, count + 1, device=device)[:, None] * steps) % 1


class PatchDecoder(nn.Module):
    """Latent code to ``patches`` surface patches, each a cosine series over the unit square.

    With ``degree**2`` points per patch on the cell centres the series is an invertible transform of free points, so
    nothing is lost against predicting the points themselves; but it can be sampled anywhere, and training on jittered
    coordinates makes the patches surfaces in between.

    Args:
        latent_dim: length of the code.
        width: channels of the residual blocks.
        blocks: number of residual blocks.
        patches: number of patches.
        degree: cosines per patch axis.
    """

    def __init__(self, latent_dim: int, width: int = 512, blocks: int = 2, patches: int = 128, degree: int = 4) -> None:
        super().__init__()
        self.patches, self.degree = patches, degree
        self.train_points = patches * degree * degree
        self.stem = nn.Linear(latent_dim, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(blocks)
        )
        self.out = nn.Linear(width, patches * degree * degree * 3)
        with torch.no_grad():
            # Start with small smooth patches spread over the ball, instead of noise in every frequency.
            self.out.weight.mul_(0.3)
            bias = torch.zeros(patches, degree, degree, 3)
            directions = torch.randn(patches, 3)
            bias[:, 0, 0] = directions / directions.norm(dim=1, keepdim=True) * torch.rand(patches, 1) ** (1 / 3)
            self.out.bias.copy_(bias.flatten() * 0.7)

    def forward(self, latents: Tensor, num_points: int) -> Tensor:
        """Points ``[B, num_points, 3]`` of codes ``[B, D]``; the same index is the same place on the same patch."""
        per_patch = -(-num_points // self.patches)
        points = self.answer(latents, patch_grid(per_patch, latents.device))
        # Point-major order: when num_points is no multiple of the patches, every patch still gets nearly as many.
        return points[:, :num_points]

    def question(self, target: Tensor, generator: torch.Generator | None = None) -> tuple[tuple[Tensor], Tensor]:
        """What training asks about: random coordinates, one in each cell of each patch; and the points to match."""
        side = self.degree
        cells = patch_grid(side * side) - 0.5 / side
        uv = cells + torch.rand(self.patches, side * side, 2, generator=generator) / side
        return (uv,), target

    def answer(self, latents: Tensor, uv: Tensor) -> Tensor:
        """Points ``[B, P * patches, 3]`` at patch coordinates, ``[P, 2]`` for all patches or ``[patches, P, 2]``."""
        h = self.stem(latents)
        for block in self.blocks:
            h = h + block(h)
        coefficients = self.out(h.relu()).view(-1, self.patches, self.degree**2, 3)
        basis = cosine_basis(uv, self.degree).expand(self.patches, -1, -1)
        return torch.einsum("kpc,bkcd->bpkd", basis, coefficients).flatten(1, 2)
