"""Attribute values as networks take them, and a small network that reads them off whitened codes."""

from __future__ import annotations

__all__ = ["Reader", "ValueScale"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pcgen.plugins.network import Schedule, minimise
from pcgen.spec import AttributeSpec


class ValueScale(nn.Module):
    """Values to zero mean and unit variance and back; levels of yes/no and count attributes are kept whole.

    Args:
        specs: the attributes, one per column.
    """

    def __init__(self, specs: Sequence[AttributeSpec]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(specs)))
        self.register_buffer("deviation", torch.ones(len(specs)))
        self.mean: Tensor
        self.deviation: Tensor
        self.whole = torch.tensor([spec.kind != "continuous" for spec in specs])
        self.low, self.high = (torch.tensor([getattr(spec, end) for spec in specs]) for end in ("low", "high"))

    def fit(self, values: Tensor, labelled: Tensor) -> None:
        """Learn the moments of the labelled values ``[S, K]``."""
        for k, use in enumerate(labelled.T):
            column = values[use, k]
            self.mean[k], self.deviation[k] = column.mean(), column.std().clamp(min=1e-6)

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values ``[B, K]``."""
        return (values - self.mean) / self.deviation

    def invert(self, standard: Tensor) -> Tensor:
        """Values ``[B, K]`` in the attributes' units."""
        return standard * self.deviation + self.mean

    def settle(self, values: Tensor) -> Tensor:
        """Values ``[B, K]`` with those of yes/no and count attributes rounded to a level they can have."""
        return torch.where(self.whole, values.round().clamp(self.low, self.high), values)


class Reader(nn.Module):
    """Reads standardised values off whitened codes: a linear map and a small network beside it.

    Args:
        dims: whitened coordinates W.
        attributes: number of attributes K.
        hidden: width of the network.
    """

    def __init__(self, dims: int, attributes: int, hidden: int = 96) -> None:
        super().__init__()
        self.register_buffer("error", torch.ones(attributes))  # root mean square, where there are labels
        self.error: Tensor
        self.linear = nn.Linear(dims, attributes)
        self.net = nn.Sequential(
            nn.Linear(dims, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, attributes)
        )

    def forward(self, white: Tensor) -> Tensor:
        """Standardised values ``[B, K]`` of whitened codes ``[B, W]``."""
        return self.linear(white) + self.net(white)

    def fit(
        self, white: Tensor, standard: Tensor, labelled: Tensor, schedule: Schedule, generator: torch.Generator
    ) -> None:
        """Least squares on the labelled entries."""
        target = torch.where(labelled, standard, 0.0)

        def loss(rows: Tensor, _: float) -> Tensor:
            error = (self(white[rows]) - target[rows]).square() * labelled[rows]
            return error.sum() / labelled[rows].sum()

        minimise(self, len(white), loss, schedule, generator)
        with torch.no_grad():
            squares = (self(white) - target).square() * labelled
        self.error = (squares.sum(0) / labelled.sum(0)).sqrt().clamp(min=1e-3)
