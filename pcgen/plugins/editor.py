"""A direct editor: one pass through a small network from a code and the values to a new code."""

from __future__ import annotations

__all__ = ["EditorPlugin"]

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pcgen.plugins.framed import Directions, FramedPlugin
from pcgen.plugins.loop import Measure
from pcgen.plugins.network import minimise

_CYCLE = 0.05  # weight of the way back, per unit of whitened distance
_SIZE = 0.005  # weight of the step's own length
_ONE = 0.7  # share of training requests that change a single attribute
_LABELLED = 2000  # edits measured per round


class EditorPlugin(FramedPlugin):
    """``w' = w + Σ_k (a'_k − a_k) d_k(w, a, a')``: a learnt direction per attribute, times its change.

    It is trained through a frozen reader ``r``: ``|r(w') − a'|²`` makes the edit reach the requested values and hold
    the others, a cycle term makes the edit back to ``a`` end where it began, and a small weight on the step keeps what
    no value asks to change. Where values do not change nothing moves, by construction.

    A network that is trained against another one finds where that one errs. So, if ``fit`` is given ``measure``, edits
    are decoded and measured in a few rounds; the reader learns from them, and the editor goes on with that reader.

    Args:
        specs: the attributes, one per column.
        seed: of everything random in fit.
        schedule: how long and how fast the editor learns in every round.
        hidden: width of the network.

    Example:
        >>> from pcgen.plugins.network import Schedule
        >>> from pcgen.spec import AttributeSpec
        >>> latents = torch.randn(400, 6, generator=torch.manual_seed(0))
        >>> size, brief = AttributeSpec("size", "continuous", -3, 3), Schedule(steps=100)
        >>> plugin = EditorPlugin([size], hidden=16, schedule=brief).fit(latents, latents.sum(1)[:, None] / 3)
        >>> moved = plugin.edit(latents[:1], torch.tensor([[0.5]]), torch.tensor([[True]]))
        >>> bool((moved.sum() / 3 - 0.5).abs() < 0.2)
        True
    """

    method: ClassVar[str] = "editor"
    rounds = 3

    def _core(self, dims: int, attributes: int) -> Directions:
        return Directions(dims, attributes, self.hidden)

    def _learn(
        self, latents: Tensor, white: Tensor, standard: Tensor, labelled: Tensor, measure: Measure | None
    ) -> None:
        net = self.net
        seen, values, known = white, standard, labelled
        self._train(white)
        for _ in range(self.rounds if measure is not None else 0):
            assert measure is not None
            with torch.no_grad():
                rows = torch.randperm(len(white), generator=self._generator)[:_LABELLED]
                current, target = self._requests(white[rows])
                edited = net.whitening.move(latents[rows], self._step(white[rows], current, target))
                measured, measurable = measure(edited)
            seen = torch.cat([seen, net.whitening(edited)])
            known = torch.cat([known, measurable])
            values = torch.cat([values, net.scale(measured).where(measurable, 0.0)])
            net.reader.requires_grad_(True).fit(seen, values, known, self.schedule, self._generator)
            self._train(white)

    def _train(self, white: Tensor) -> None:
        net = self.net
        net.reader.requires_grad_(False)

        def loss(rows: Tensor, _: float) -> Tensor:
            current, target = self._requests(white[rows])
            step = net.core(white[rows], current, target)
            edited = white[rows] + step
            missed = (net.reader(edited) - target).square().sum(1)
            cycle = (step + net.core(edited, target, current)).square().sum(1)
            return (missed + _CYCLE * cycle + _SIZE * step.square().sum(1)).mean()

        minimise(net.core, len(white), loss, self.schedule, self._generator)

    def _requests(self, white: Tensor) -> tuple[Tensor, Tensor]:
        """What the codes have, and what to ask of them: one attribute or several, half from shapes, half anywhere."""
        net, generator = self.net, self._generator
        current = net.read(white)
        count, attributes = current.shape
        rows = net.joint.rows
        one = one_hot(torch.randint(attributes, (count,), generator=generator), attributes).bool()
        several = torch.rand(count, attributes, generator=generator) < 0.4
        mask = torch.where(torch.rand(count, 1, generator=generator) < _ONE, one, several)
        some = rows[torch.randint(len(rows), (count, attributes), generator=generator), torch.arange(attributes)]
        low, high = rows.aminmax(dim=0)
        anywhere = low + (high - low) * torch.rand(count, attributes, generator=generator)
        shown = torch.rand(count, attributes, generator=generator) < 0.5
        return current, torch.where(mask, some.where(shown | net.scale.whole, anywhere), current)

    def _step(self, white: Tensor, current: Tensor, target: Tensor) -> Tensor:
        return self.net.core(white, current, target)
