"""Flow matching between the codes of shapes that differ in one attribute, paired by optimal transport."""

from __future__ import annotations

__all__ = ["FlowMatchingPlugin", "transport_plan"]

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pcgen.plugins.framed import Directions, FramedPlugin
from pcgen.plugins.loop import Measure
from pcgen.plugins.network import minimise

_HELD = 30.0  # weight of the attributes that are to stay, in the cost of a pair
_SMOOTHING = 0.01  # entropy of the transport plan, over the mean cost
_ROUNDS = 30  # of Sinkhorn's algorithm


class FlowMatchingPlugin(FramedPlugin):
    """A velocity field that carries codes with given values to codes with others, along minimal changes.

    Flow matching by pairwise optimal transport (A2A-FM, arXiv 2504.03188): in every batch, codes are paired so that
    code and held values change least, and the field is regressed on the straight line between the two. Here most
    batches free one attribute and hold the others, which are the edits that people ask for. An edit integrates the
    field from 0 to 1 by a few steps of Heun's method; it is zero where no value changes.

    Args:
        specs: the attributes, one per column.
        seed: of everything random in fit.
        schedule: how long and how fast it learns.
        hidden: width of the network.

    Example:
        >>> from pcgen.plugins.network import Schedule
        >>> from pcgen.spec import AttributeSpec
        >>> latents = torch.randn(400, 6, generator=torch.manual_seed(0))
        >>> size, brief = AttributeSpec("size", "continuous", -3, 3), Schedule(steps=100)
        >>> plugin = FlowMatchingPlugin([size], hidden=16, schedule=brief).fit(latents, latents.sum(1)[:, None] / 3)
        >>> moved = plugin.edit(latents[:1], torch.tensor([[0.5]]), torch.tensor([[True]]))
        >>> bool((moved.sum() / 3 - 0.5).abs() < 0.3)
        True
    """

    method: ClassVar[str] = "flow_matching"
    steps = 4

    def _core(self, dims: int, features: int) -> Directions:
        return Directions(dims, features, self.hidden, extra=1)

    def _learn(
        self, latents: Tensor, white: Tensor, standard: Tensor, labelled: Tensor, measure: Measure | None
    ) -> None:
        generator, attributes = self._generator, standard.shape[1]
        scale = self.net.scale
        features = scale.features(standard)

        def loss(rows: Tensor, _: float) -> Tensor:
            others = torch.randint(len(white), (len(rows),), generator=generator)
            free = torch.rand(attributes, generator=generator) < 0.5
            if torch.rand((), generator=generator) < 0.8:
                free = one_hot(torch.randint(attributes, (), generator=generator), attributes).bool()
            start, end = white[rows], white[others]
            before, after = features[rows], features[others]
            stays = ~scale.per_feature(free)
            held = torch.cdist(before[:, stays], after[:, stays]).square()
            plan = transport_plan(torch.cdist(start, end).square() + _HELD * held)
            partner = torch.multinomial(plan, 1, generator=generator)[:, 0]
            end, after = end[partner], after[partner]
            time = torch.rand(len(rows), 1, generator=generator)
            velocity = self.net.core(torch.lerp(start, end, time), before, after, time)
            return (velocity - (end - start)).square().sum(1).mean()

        minimise(self.net.core, len(white), loss, self.schedule, generator)

    def _step(self, white: Tensor, current: Tensor, target: Tensor) -> Tensor:
        moved, dt = white, 1 / self.steps
        for step in range(self.steps):
            time = white.new_full((len(white), 1), step * dt)
            first = self.net.core(moved, current, target, time)
            second = self.net.core(moved + dt * first, current, target, time + dt)
            moved = moved + dt * (first + second) / 2
        return moved - white


def transport_plan(cost: Tensor) -> Tensor:
    """Entropic optimal transport between two batches of equal size (Sinkhorn; Cuturi 2013), in logarithms.

    Args:
        cost: ``[B, B]``.

    Returns:
        ``[B, B]``, each row a distribution over partners.

    Example:
        >>> cost = torch.tensor([[0.0, 1.0], [0.1, 0.3]])  # the second row yields: it loses less by changing
        >>> transport_plan(cost).argmax(1)
        tensor([0, 1])
    """
    kernel = -cost / (_SMOOTHING * cost.mean())
    rows, columns = kernel.new_zeros(len(cost), 1), kernel.new_zeros(1, len(cost))
    for _ in range(_ROUNDS):
        rows = -torch.logsumexp(kernel + columns, dim=1, keepdim=True)
        columns = -torch.logsumexp(kernel + rows, dim=0, keepdim=True)
    return torch.softmax(kernel + columns, dim=1)
