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


class Pointclouds:
    """What the operators use of ``pytorch3d.structures.Pointclouds``: clouds of different sizes, padded with zeros."""

    def __init__(self, points):
        self._points = points

    def points_padded(self):
        return torch.nn.utils.rnn.pad_sequence(self._points, batch_first=True)

    def num_points_per_cloud(self):
        return torch.tensor([len(points) for points in self._points])
