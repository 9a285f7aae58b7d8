"""PluGeN (Wołczyk et al., AAAI 2022): a volume-preserving flow whose first coordinates are the attributes."""

from __future__ import annotations

__all__ = ["PluGeN", "factor_log_prob"]

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from pcgen.plugins.base import repeated, unfitted
from pcgen.plugins.couplings import Couplings
from pcgen.plugins.network import NetworkPlugin, Schedule, minimise
from pcgen.plugins.whitening import Whitening
from pcgen.spec import AttributeSpec


class PluGeN(NetworkPlugin):
    """PluGeN in its authors' form, as their code computes it (github.com/gmum/plugen, 331e7da).

    An invertible map takes a code to ``(c, s)``: the first K coordinates are the attributes, the rest is style. It is a
    chain of additive couplings, so its log-determinant is 0. The density factorises: ``N(s; 0, I)`` for the style, and
    per attribute ``N(c; y, σ²)`` about the label, scaled to [−1, 1]. An attribute with levels (yes/no, a count) has σ
    scaled by the square root of its level's frequency over the average one, so rare levels are narrow. A missing label
    leaves the mixture of all levels in equal parts; a missing continuous one, on which the paper is silent, the
    Gaussian of the labels' own moments. σ falls geometrically during training.

    Args:
        specs: the attributes, one per column.
        seed: of everything random in fit.
        schedule: how long and how fast it learns.
        sigma: σ at the start and at the end.
        hidden: width of the coupling networks.
        whiten: work on whitened leading directions instead of raw codes, which the authors do not.

    Example:
        >>> from pcgen.spec import AttributeSpec
        >>> latents = torch.randn(400, 6, generator=torch.manual_seed(0))
        >>> size = AttributeSpec("size", "continuous", -3, 3)
        >>> plugin = PluGeN([size], hidden=16, schedule=Schedule(steps=200)).fit(latents, latents.sum(1)[:, None] / 3)
        >>> moved = plugin.edit(latents[:1], torch.tensor([[0.5]]), torch.tensor([[True]]))
        >>> round(plugin.predict(moved).item(), 2)
        0.5
    """

    method: ClassVar[str] = "plugen"

    def __init__(
        self,
        specs: Sequence[AttributeSpec],
        *,
        seed: int = 0,
        schedule: Schedule | None = None,
        sigma: tuple[float, float] = (0.4, 0.147),
        hidden: int = 192,
        whiten: bool = False,
    ) -> None:
        super().__init__(specs, seed=seed, schedule=schedule or Schedule(steps=6000, learning_rate=1e-3))
        self.sigma, self.hidden, self.whiten = sigma, hidden, whiten

    def options(self) -> dict[str, Any]:
        """Constructor arguments that a loaded plugin needs."""
        return {"sigma": list(self.sigma), "hidden": self.hidden, "whiten": self.whiten}

    def _build(self, **sizes: int) -> _Net:
        return _Net(attributes=len(self.specs), hidden=self.hidden, **sizes)

    def _sizes(self, net: nn.Module) -> dict[str, int]:
        whitening = self.net.whitening
        return {"latent_dim": len(whitening.mean), "kept": whitening.dims, "levels": self.net.levels.shape[1]}

    @property
    def net(self) -> _Net:
        """The fitted module."""
        if not isinstance(self._net, _Net):
            raise unfitted()
        return self._net

    def fit(self, latents: Tensor, values: Tensor, mask: Tensor | None = None) -> PluGeN:
        """Learn from codes ``[S, D]`` with values ``[S, K]`` by maximum likelihood."""
        labelled = self._check_fit(latents, values, mask)
        tables = [
            _levels(spec, column[use]) for spec, column, use in zip(self.specs, values.T, labelled.T, strict=True)
        ]
        latent_dim = latents.shape[1]
        whitening = Whitening.fit(latents) if self.whiten else Whitening(latent_dim, latent_dim)
        sizes = {"latent_dim": latent_dim, "kept": whitening.dims, "levels": max(len(table) for table in tables)}
        self._net = net = self._seeded(lambda: self._build(**sizes))
        net.whitening = whitening
        net.learn_scale(values, labelled, tables)

        codes, labels = whitening(latents), net.to_coordinates(values)
        start, end = self.sigma

        def loss(rows: Tensor, progress: float) -> Tensor:
            sigma = start * (end / start) ** progress
            return -net.log_prob(codes[rows], labels[rows], labelled[rows], sigma).mean()

        minimise(net, len(codes), loss, self.schedule, torch.Generator().manual_seed(self.seed))
        net.eval().requires_grad_(False)
        return self

    def predict(self, latents: Tensor) -> Tensor:
        """The attribute coordinates in the attributes' units; the nearest level where there are levels."""
        coordinates = self.net.flow(self.net.whitening(latents))[0][:, : len(self.specs)]
        return self.net.to_values(self.net.nearest_level(coordinates))

    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """Codes with the masked attribute coordinates overwritten and every other coordinate kept."""
        net = self.net
        white = net.whitening(latents)
        coordinates = net.flow(white)[0]
        c, s = coordinates[:, : len(self.specs)], coordinates[:, len(self.specs) :]
        change = torch.where(mask, net.to_coordinates(values) - c, 0.0)
        moved = net.flow.inverse(torch.cat([c + strength * change, s], dim=1))
        # Untouched rows go through the flow and back, which rounds: they are to stay as they are.
        return torch.where(mask.any(1, keepdim=True), net.whitening.move(latents, moved - white), latents)

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """Style from the standard normal, attributes as requested, or else from their independent marginals."""
        net, generator = self.net, torch.Generator().manual_seed(seed)
        free = net.draw_coordinates(count, generator)
        c = torch.where(repeated(mask, count), net.to_coordinates(repeated(values, count)), free)
        s = torch.randn(count, net.whitening.dims - len(self.specs), generator=generator)
        return net.whitening.place(net.flow.inverse(torch.cat([c, s], dim=1)))

    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Log-density of the (whitened) code; attributes that are not given are missing labels."""
        if values is None or mask is None:
            values = latents.new_zeros(len(latents), len(self.specs))
            mask = torch.zeros_like(values, dtype=torch.bool)
        net = self.net
        return net.log_prob(net.whitening(latents), net.to_coordinates(values), mask, self.sigma[1])


def factor_log_prob(c: Tensor, y: Tensor, known: Tensor, sigma: float, levels: Tensor, shares: Tensor) -> Tensor:
    """Log-density of one attribute's coordinate.

    Args:
        c: coordinates ``[B]``.
        y: labels ``[B]`` on the coordinate's scale; ignored where not known.
        known: ``[B]`` bool.
        sigma: σ before class balancing.
        levels: ``[L]`` the label's levels; none if it is continuous.
        shares: ``[L]`` their frequencies; for a continuous attribute the labels' mean and standard deviation.

    Returns:
        ``[B]``.

    Example:
        >>> levels, shares = torch.tensor([-1.0, 1.0]), torch.tensor([0.9, 0.1])
        >>> c, y, known = torch.zeros(1), torch.ones(1), torch.tensor([True])
        >>> expected = Normal(1.0, 0.5 * (2 * 0.1) ** 0.5).log_prob(c)
        >>> torch.allclose(factor_log_prob(c, y, known, 0.5, levels, shares), expected)
        True
    """
    if not len(levels):
        mean, deviation = shares
        missing = Normal(mean, (deviation.square() + sigma**2).sqrt()).log_prob(c)
        return torch.where(known, Normal(torch.where(known, y, 0.0), sigma).log_prob(c), missing)
    deviations = sigma * (len(levels) * shares).clamp(min=1e-4).sqrt()
    per_level = Normal(levels, deviations).log_prob(c[:, None])  # [B, L]
    mixture = per_level.logsumexp(1) - math.log(len(levels))
    of_label = (torch.where(known, y, 0.0)[:, None] - levels).abs().argmin(1, keepdim=True)
    return torch.where(known, per_level.gather(1, of_label)[:, 0], mixture)


def _levels(spec: AttributeSpec, values: Tensor) -> Tensor:
    """The levels of a yes/no or count attribute among its labels; none of a continuous one."""
    if spec.kind == "binary":
        return torch.tensor([0.0, 1.0])
    return values.unique() if spec.kind == "count" else values[:0]


class _Net(nn.Module):
    """Couplings, and what scales labels to their coordinates."""

    def __init__(self, attributes: int, hidden: int, latent_dim: int, kept: int, levels: int) -> None:
        super().__init__()
        self.whitening = Whitening(latent_dim, kept)
        self.flow = Couplings(kept, layers=4, hidden=hidden, depth=4, affine=False)
        self.register_buffer("low", torch.zeros(attributes))
        self.register_buffer("high", torch.ones(attributes))
        self.register_buffer("levels", torch.zeros(attributes, levels))
        self.register_buffer("shares", torch.zeros(attributes, max(levels, 2)))
        self.register_buffer("counts", torch.zeros(attributes, dtype=torch.long))  # levels of each; 0 if continuous
        self.low: Tensor
        self.high: Tensor
        self.levels: Tensor
        self.shares: Tensor
        self.counts: Tensor

    def learn_scale(self, values: Tensor, labelled: Tensor, tables: list[Tensor]) -> None:
        """Range, levels and frequencies of the labels ``[S, K]``."""
        for k, table in enumerate(tables):
            column = values[labelled[:, k], k]
            low, high = (table if len(table) else column).aminmax()
            self.low[k], self.high[k] = low, high if high > low else low + 1
            self.counts[k] = len(table)
            scaled = self.to_coordinates(values)[labelled[:, k], k]
            if len(table):
                self.levels[k, : len(table)] = 2 * (table - self.low[k]) / (self.high[k] - self.low[k]) - 1
                self.shares[k, : len(table)] = (column[:, None] == table).float().mean(0)
            else:
                self.shares[k, :2] = torch.stack([scaled.mean(), scaled.std()])

    def to_coordinates(self, values: Tensor) -> Tensor:
        """Labels ``[B, K]`` on the scale [−1, 1]."""
        return 2 * (values - self.low) / (self.high - self.low) - 1

    def to_values(self, coordinates: Tensor) -> Tensor:
        """Coordinates ``[B, K]`` in the attributes' units."""
        return self.low + (coordinates + 1) / 2 * (self.high - self.low)

    def _table(self, k: int) -> tuple[Tensor, Tensor]:
        count = int(self.counts[k])
        return self.levels[k, :count], self.shares[k, : count or 2]

    def nearest_level(self, coordinates: Tensor) -> Tensor:
        """Coordinates ``[B, K]``, those of attributes with levels moved to the nearest one."""
        columns = []
        for k, column in enumerate(coordinates.T):
            levels, _ = self._table(k)
            columns.append(levels[(column[:, None] - levels).abs().argmin(1)] if len(levels) else column)
        return torch.stack(columns, dim=1)

    def draw_coordinates(self, count: int, generator: torch.Generator) -> Tensor:
        """Attribute coordinates ``[count, K]`` from the independent marginals."""
        columns = []
        for k in range(len(self.low)):
            levels, shares = self._table(k)
            if len(levels):
                columns.append(levels[torch.multinomial(shares, count, replacement=True, generator=generator)])
            else:
                columns.append((shares[0] + shares[1] * torch.randn(count, generator=generator)).clamp(-1, 1))
        return torch.stack(columns, dim=1)

    def log_prob(self, codes: Tensor, labels: Tensor, known: Tensor, sigma: float) -> Tensor:
        """Log-density ``[B]`` of codes with labels ``[B, K]`` on the coordinates' scale."""
        coordinates, log_det = self.flow(codes)
        attributes = labels.shape[1]
        total = log_det + Normal(0.0, 1.0).log_prob(coordinates[:, attributes:]).sum(1)
        for k in range(attributes):
            total = total + factor_log_prob(coordinates[:, k], labels[:, k], known[:, k], sigma, *self._table(k))
        return total
