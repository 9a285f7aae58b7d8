"""Clouds that the operators are tested on."""

import torch


def clouds(batch, n, dtype=torch.float32, seed=0, dim=3):
    return torch.randn(batch, n, dim, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def on_a_grid(batch, n, seed=0, dim=3):
    """Points with many exact ties."""
    return torch.randint(-2, 3, (batch, n, dim), generator=torch.Generator().manual_seed(seed)).float()


def with_bad_points(points, share=0.2, seed=1):
    """Some coordinates NaN or infinite."""
    generator = torch.Generator().manual_seed(seed)
    points = points.clone()
    points[torch.rand(points.shape, generator=generator) < share / 6] = torch.nan
    points[torch.rand(points.shape, generator=generator) < share / 6] = torch.inf
    return points
