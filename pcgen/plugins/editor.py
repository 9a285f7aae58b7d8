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
_LABELLED = 4000  # edits measured per round


class EditorPlugin(FramedPlugin):
    """``w' = w + Σ_k (a'_k − a_k) d_k(w, a, a')``: a learnt direction per feature, times its change.

    Attributes with levels have a feature for each, see :class:`~pcgen.plugins.reading.ValueScale`. The editor is
    trained through a frozen reader ``r``: ``|r(w') − a'|²`` (a cross-entropy where there are levels) makes the edit
    reach the requested values and hold the others, a cycle term makes the edit back to ``a`` end where it began, and a
    small weight on the step keeps what no value asks to change. Where values do not change nothing moves, by
    construction.

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

    def _core(self, dims: int, features: int) -> Directions:
        return Directions(dims, features, self.hidden)

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
                current, target, _ = self._requests(white[rows])
                has, wanted = net.scale.features(current), net.scale.features(target)
                edited = net.whitening.move(latents[rows], self._step(white[rows], has, wanted))
                measured, measurable = measure(edited)
            seen = torch.cat([seen, net.whitening(edited)])
            known = torch.cat([known, measurable])
            values = torch.cat([values, net.scale(measured).where(measurable, 0.0)])
            net.reader.requires_grad_(True).fit(seen, values, known, net.scale, self.schedule, self._generator)
            self._train(white)

    def _train(self, white: Tensor) -> None:
        net = self.net
        net.reader.requires_grad_(False)

        def loss(rows: Tensor, _: float) -> Tensor:
            current, target, counts = self._requests(white[rows])
            has, wanted = net.scale.features(current), net.scale.features(target)
            step = net.core(white[rows], has, wanted)
            edited = white[rows] + step
            missed = (net.scale.misread(net.reader(edited), target) * counts).sum(1)
            cycle = (step + net.core(edited, wanted, has)).square().sum(1)
            return (missed + _CYCLE * cycle + _SIZE * step.square().sum(1)).mean()

        minimise(net.core, len(white), loss, self.schedule, self._generator)

    def _requests(self, white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What codes have, what to ask of them, and what an edit is judged by.

        Asked for is one attribute or several, half from other shapes, half anywhere. It is judged by the attributes
        that mean something after the edit, and did before it or are asked for.
        """
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
        target = net.scale.void(torch.where(mask, some.where(shown | net.scale.whole, anywhere), current))
        return current, target, net.scale.meaningful(target) & (mask | net.scale.meaningful(current))

    def _step(self, white: Tensor, current: Tensor, target: Tensor) -> Tensor:
        return self.net.core(white, current, target)
