"""A conditional flow on whitened codes: the style of a shape is what its attributes leave free."""

from __future__ import annotations

__all__ = ["FlowPlugin"]

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from pcgen.plugins.base import repeated
from pcgen.plugins.couplings import Couplings
from pcgen.plugins.framed import FramedPlugin
from pcgen.plugins.loop import Measure
from pcgen.plugins.network import Schedule, minimise
from pcgen.spec import AttributeSpec

# Shares of training rows whose values are all given, given each at random, and all hidden.
_ALL, _SOME = 0.6, 0.3


class FlowPlugin(FramedPlugin):
    """Affine couplings ``u = f(w; a)`` with standard normal ``u``, conditioned on any subset of the attributes.

    In contrast to :class:`~pcgen.plugins.plugen.PluGeN` codes are whitened, couplings scale, attributes enter as
    conditions whose distribution is learnt jointly instead of as independent coordinates, and training stops when
    held-out likelihood does. An edit keeps the style ``u = f(w; a)`` and inverts it under the new values. Hiding random
    subsets of the values in training makes every conditional density exact: ``p(w)``, ``p(w | some)``, ``p(w | all)``.

    Args:
        specs: the attributes, one per column.
        seed: of everything random in fit.
        schedule: how long and how fast it learns.
        hidden: width of the coupling networks.

    Example:
        >>> from pcgen.spec import AttributeSpec
        >>> latents = torch.randn(400, 6, generator=torch.manual_seed(0))
        >>> size, brief = AttributeSpec("size", "continuous", -3, 3), Schedule(steps=200)
        >>> plugin = FlowPlugin([size], hidden=16, schedule=brief).fit(latents, latents.sum(1)[:, None] / 3)
        >>> moved = plugin.edit(latents[:1], torch.tensor([[0.5]]), torch.tensor([[True]]))
        >>> bool((moved.sum() / 3 - 0.5).abs() < 0.3)
        True
    """

    method: ClassVar[str] = "flow"

    def __init__(
        self, specs: Sequence[AttributeSpec], *, seed: int = 0, schedule: Schedule | None = None, hidden: int = 64
    ) -> None:
        super().__init__(specs, seed=seed, schedule=schedule, hidden=hidden)

    def _core(self, dims: int, features: int) -> Couplings:
        return Couplings(dims, 2 * features, layers=6, hidden=self.hidden, depth=3, affine=True)

    def _learn(
        self, latents: Tensor, white: Tensor, standard: Tensor, labelled: Tensor, measure: Measure | None
    ) -> None:
        generator, features = self._generator, self.net.scale.features(standard)
        labelled = labelled | ~self.net.scale.meaningful(standard)

        def loss(rows: Tensor, progress: float) -> Tensor:
            given = labelled[rows]
            if progress < 1:
                part = torch.rand(len(rows), 1, generator=generator)
                some = torch.rand(given.shape, generator=generator) < 0.5
                given = given & ((part < _ALL) | (some & (part < _ALL + _SOME)))
            u, log_det = self._transform(white[rows], features[rows], self.net.scale.per_feature(given))
            return (u.square().sum(1) / 2 - log_det).mean()

        minimise(self.net.core, len(white), loss, self.schedule, generator)

    def _transform(self, white: Tensor, features: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.core(white, _context(features, given))

    def _step(self, white: Tensor, current: Tensor, target: Tensor) -> Tensor:
        every = torch.ones_like(current, dtype=torch.bool)
        u, _ = self._transform(white, current, every)
        return self._inverse(u, target, every) - white

    def _inverse(self, u: Tensor, features: Tensor, given: Tensor) -> Tensor:
        flow = self.net.core
        assert isinstance(flow, Couplings)
        return flow.inverse(u, _context(features, given))

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """Values that are not given are drawn from their joint distribution with those that are, then the style."""
        net, generator = self.net, torch.Generator().manual_seed(seed)
        standard = net.joint.sample(net.scale(repeated(values, count)), repeated(mask, count), generator)
        u = torch.randn(count, net.whitening.dims, generator=generator)
        features = net.scale.features(standard)
        return net.whitening.place(self._inverse(u, features, torch.ones_like(features, dtype=torch.bool)))

    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Exact log-density of the whitened code given the masked values."""
        net = self.net
        if values is None or mask is None:
            values = latents.new_zeros(len(latents), len(self.specs))
            mask = torch.zeros_like(values, dtype=torch.bool)
        features = net.scale.features(net.scale(values).where(mask, 0.0))
        u, log_det = self._transform(net.whitening(latents), features, net.scale.per_feature(mask))
        return log_det - (u.square().sum(1) + u.shape[1] * math.log(2 * math.pi)) / 2


def _context(features: Tensor, given: Tensor) -> Tensor:
    """Features with zeros where they are hidden, and which those are."""
    return torch.cat([features.where(given, 0.0), given.to(features)], dim=1)
