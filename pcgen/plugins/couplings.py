"""Coupling layers: invertible networks whose log-determinant costs nothing (NICE, Dinh 2015; RealNVP, Dinh 2017).

Each layer leaves every other coordinate as it is and shifts, or scales and shifts, the rest by what a small network
makes of the first half and of an optional context.
"""

from __future__ import annotations

__all__ = ["Couplings"]

import itertools
from typing import cast

import torch
from torch import Tensor, nn


class _Coupling(nn.Module):
    """One layer; ``first`` says whether the even coordinates (0) or the odd ones (1) stay."""

    def __init__(self, dims: int, context: int, hidden: int, depth: int, affine: bool, first: int) -> None:
        super().__init__()
        self.affine = affine
        self.stays, self.moves = torch.arange(first, dims, 2), torch.arange(1 - first, dims, 2)
        outputs = len(self.moves) * (2 if affine else 1)
        widths = [len(self.stays) + context, *[hidden] * (depth - 1)]
        layers: list[nn.Module] = []
        for i, o in itertools.pairwise(widths):
            layers += [nn.Linear(i, o), nn.LeakyReLU(0.1)]
        last = nn.Linear(widths[-1], outputs)
        nn.init.zeros_(last.weight)  # the identity to start with
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(*layers, last)

    def _scale_and_shift(self, staying: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        out = self.net(staying if context is None else torch.cat([staying, context], dim=1))
        if not self.affine:
            return torch.zeros_like(out), out
        log_scale, shift = out.chunk(2, dim=1)
        return 2 * torch.tanh(log_scale / 2), shift  # within e² either way, so that no layer runs away

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        log_scale, shift = self._scale_and_shift(x[:, self.stays], context)
        y = x.clone()
        y[:, self.moves] = x[:, self.moves] * log_scale.exp() + shift
        return y, log_scale.sum(1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        log_scale, shift = self._scale_and_shift(y[:, self.stays], context)
        x = y.clone()
        x[:, self.moves] = (y[:, self.moves] - shift) * (-log_scale).exp()
        return x


class Couplings(nn.Module):
    """A chain of coupling layers that alternate which coordinates stay.

    Args:
        dims: coordinates.
        context: length of the context, 0 for none.
        layers: number of couplings.
        hidden: width of their networks.
        depth: linear layers per network.
        affine: scale and shift; additive couplings only shift and preserve volume.

    Example:
        >>> flow = Couplings(6, layers=2, hidden=8, affine=False)
        >>> x = torch.randn(5, 6)
        >>> y, log_det = flow(x)
        >>> torch.allclose(flow.inverse(y), x), log_det.abs().max().item()
        (True, 0.0)
    """

    def __init__(
        self, dims: int, context: int = 0, *, layers: int = 4, hidden: int = 128, depth: int = 3, affine: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Coupling(dims, context, hidden, depth, affine, i % 2) for i in range(layers))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Transformed coordinates ``[B, dims]`` and ``log |det ∂y/∂x|`` ``[B]``."""
        log_det = x.new_zeros(len(x))
        for layer in self.layers:
            x, part = layer(x, context)
            log_det = log_det + part
        return x, log_det

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        """The coordinates that :meth:`forward` turns into ``y``."""
        for layer in reversed(self.layers):
            y = cast(_Coupling, layer).inverse(y, context)
        return y
