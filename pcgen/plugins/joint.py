"""The joint distribution of attribute values: which combinations shapes have, not each attribute for itself."""

from __future__ import annotations

__all__ = ["JointValues"]

import math

import torch
from torch import Tensor, nn

# Chance that a kernel gives to each level other than its own.
_OTHER_LEVEL = 1e-3


class JointValues(nn.Module):
    """A kernel density on standardised values of training shapes.

    Continuous attributes have Gaussian kernels of Scott's width, attributes with levels keep their level. Nothing about
    the distribution is assumed, so correlations, gaps and impossible combinations are as in the training shapes.

    Args:
        rows: kept training rows R.
        attributes: number of attributes K.

    Example:
        >>> values = torch.randn(500, 1, generator=torch.manual_seed(0)).expand(-1, 2)
        >>> joint = JointValues.fit(values, torch.tensor([False, False]))
        >>> given, mask = torch.tensor([[1.0, 0.0]]).expand(200, -1), torch.tensor([[True, False]]).expand(200, -1)
        >>> drawn = joint.sample(given, mask, torch.manual_seed(0))
        >>> bool((drawn[:, 0] == 1).all()), bool((drawn[:, 1].mean() - 1).abs() < 0.3)
        (True, True)
    """

    def __init__(self, rows: int, attributes: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(rows, attributes))
        self.register_buffer("whole", torch.zeros(attributes, dtype=torch.bool))
        self.rows: Tensor
        self.whole: Tensor

    @classmethod
    def fit(cls, standard: Tensor, whole: Tensor) -> JointValues:
        """From standardised values ``[R, K]`` without gaps; ``whole [K]`` tells which attributes have levels."""
        joint = cls(*standard.shape)
        joint.rows, joint.whole = standard.clone(), whole.clone()
        return joint

    @property
    def width(self) -> float:
        """Standard deviation of the kernels (Scott 1992), for unit variances."""
        return len(self.rows) ** (-1 / (int((~self.whole).sum()) + 4))

    def _log_kernels(self, standard: Tensor, mask: Tensor) -> Tensor:
        """Log-density ``[B, R]`` of each query's given values under each row's kernel."""
        rows, numbers = self.rows, (mask & ~self.whole).to(standard)
        given = standard.where(mask, 0.0)
        # |q - r|² over each query's own attributes, multiplied out: no array of queries x rows x attributes.
        square = (numbers * given.square()).sum(1, keepdim=True) + numbers @ rows.square().T
        square = (square - 2 * (numbers * given) @ rows.T).clamp(min=0)
        norm = numbers.sum(1, keepdim=True) * math.log(self.width * math.sqrt(2 * math.pi))
        kernels = -square / (2 * self.width**2) - norm
        for k in self.whole.nonzero()[:, 0].tolist():
            other = (given[:, k, None] - rows[:, k]).abs() > 1e-3
            kernels = kernels + math.log(_OTHER_LEVEL) * (other & mask[:, k, None])
        return kernels

    def log_prob(self, standard: Tensor, mask: Tensor) -> Tensor:
        """Log-density ``[B]`` of the given values ``[B, K]``, the others integrated out."""
        return self._log_kernels(standard, mask).logsumexp(1) - math.log(len(self.rows))

    def rarity(self, mask: Tensor) -> Tensor:
        """Log-density ``[R]`` of each row's own values under the kernels of all other rows, for one mask ``[K]``."""
        kernels = self._log_kernels(self.rows, mask.expand_as(self.rows)).fill_diagonal_(-torch.inf)
        return kernels.logsumexp(1) - math.log(len(self.rows) - 1)

    def rows_given(self, standard: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Index ``[B]`` of a row for each query, drawn by how well the row fits the given values."""
        weights = self._log_kernels(standard, mask).softmax(1)
        return torch.multinomial(weights, 1, generator=generator)[:, 0]

    def sample(self, standard: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Values ``[B, K]``: the given ones, and the others drawn from their distribution given those."""
        rows = self.rows[self.rows_given(standard, mask, generator)]
        noise = torch.randn(rows.shape, generator=generator) * self.width
        # Shrunk towards the mean, for the kernels add to the unit variance.
        drawn = torch.where(self.whole, rows, (rows + noise) / math.sqrt(1 + self.width**2))
        return torch.where(mask, standard, drawn)
