"""What our own plugins share: whitened codes, standardised values, a reader, and the joint distribution of values."""

from __future__ import annotations

__all__ = ["Directions", "Frame", "FramedPlugin"]

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pcgen.plugins.base import repeated, unfitted
from pcgen.plugins.joint import JointValues
from pcgen.plugins.loop import Measure
from pcgen.plugins.network import NetworkPlugin, Schedule
from pcgen.plugins.reading import Reader, ValueScale
from pcgen.plugins.whitening import Whitening
from pcgen.spec import AttributeSpec


class Frame(nn.Module):
    """A plugin's view of codes and values, with the plugin's own network as ``core``."""

    def __init__(self, specs: Sequence[AttributeSpec], core: nn.Module, latent_dim: int, kept: int, rows: int) -> None:
        super().__init__()
        self.whitening = Whitening(latent_dim, kept)
        self.scale = ValueScale(specs)
        self.reader = Reader(kept, self.scale)
        self.joint = JointValues(rows, len(specs))
        self.register_buffer("anchors", torch.zeros(rows, kept))  # whitened codes of the joint's rows
        self.anchors: Tensor
        self.core = core

    def fit(
        self,
        whitening: Whitening,
        latents: Tensor,
        values: Tensor,
        labelled: Tensor,
        schedule: Schedule,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Learn everything but the core.

        Returns:
            Whitened codes ``[S, W]`` and standardised values ``[S, K]``, read off the code where there is no label.
        """
        self.whitening = whitening
        self.scale.fit(values, labelled)
        white, standard = self.whitening(latents), self.scale(values)
        self.reader.fit(white, standard, labelled, self.scale, schedule, generator)
        with torch.no_grad():
            complete = torch.where(labelled, standard, self.read(white))
        kept = torch.randperm(len(white), generator=generator)[: len(self.anchors)]
        self.anchors = white[kept].clone()
        self.joint = JointValues.fit(complete[kept], self.scale.whole)
        return white, complete

    def read(self, white: Tensor) -> Tensor:
        """Standardised values ``[B, K]`` of whitened codes, settled on levels where there are levels."""
        standard = self.scale.from_features(self.reader(white))
        return self.scale.void(self.scale(self.scale.settle(self.scale.invert(standard))))

    def log_prob(self, white: Tensor) -> Tensor:
        """Log-density ``[B]`` of whitened codes under the standard normal."""
        return -(white.square().sum(1) + white.shape[1] * math.log(2 * math.pi)) / 2


class FramedPlugin(NetworkPlugin):
    """A plugin that steps in whitened space from the values it reads to the values that are asked for.

    Subclasses give the network (:meth:`_core`), how it learns (:meth:`_learn`) and the step (:meth:`_step`).

    Args:
        specs: the attributes, one per column.
        seed: of everything random in fit.
        schedule: how long and how fast the core learns.
        hidden: width of the core.
    """

    rows = 1000

    def __init__(
        self, specs: Sequence[AttributeSpec], *, seed: int = 0, schedule: Schedule | None = None, hidden: int = 256
    ) -> None:
        super().__init__(specs, seed=seed, schedule=schedule)
        self.hidden = hidden

    @abstractmethod
    def _core(self, dims: int, features: int) -> nn.Module:
        """The untrained network for W whitened coordinates and F features of attributes."""

    @abstractmethod
    def _learn(
        self, latents: Tensor, white: Tensor, standard: Tensor, labelled: Tensor, measure: Measure | None
    ) -> None:
        """Train the core on whitened codes ``[S, W]`` with standardised values ``[S, K]``."""

    @abstractmethod
    def _step(self, white: Tensor, current: Tensor, target: Tensor) -> Tensor:
        """Whitened step ``[B, W]`` from codes with the current features ``[B, F]`` to codes with the target ones."""

    def options(self) -> dict[str, Any]:
        """Constructor arguments that a loaded plugin needs."""
        return {"hidden": self.hidden}

    def _build(self, **sizes: int) -> Frame:
        return Frame(self.specs, self._core(sizes["kept"], ValueScale(self.specs).num_features), **sizes)

    def _sizes(self, net: nn.Module) -> dict[str, int]:
        whitening, rows = self.net.whitening, len(self.net.anchors)
        return {"latent_dim": len(whitening.mean), "kept": whitening.dims, "rows": rows}

    @property
    def net(self) -> Frame:
        """The fitted module."""
        if not isinstance(self._net, Frame):
            raise unfitted()
        return self._net

    def fit(
        self, latents: Tensor, values: Tensor, mask: Tensor | None = None, *, measure: Measure | None = None
    ) -> FramedPlugin:
        """Learn from codes ``[S, D]`` with values ``[S, K]``; NaN or masked values are left out.

        Args:
            latents: ``[S, D]``.
            values: ``[S, K]``.
            mask: ``[S, K]``, True where labelled.
            measure: measures what codes decode to. Methods that can, learn from what came of their own edits.
        """
        labelled = self._check_fit(latents, values, mask)
        whitening = Whitening.fit(latents)
        rows = min(self.rows, len(latents))
        self._net = self._seeded(lambda: self._build(latent_dim=latents.shape[1], kept=whitening.dims, rows=rows))
        generator = torch.Generator().manual_seed(self.seed)
        white, standard = self._net.fit(whitening, latents, values.to(latents), labelled, self.schedule, generator)
        self._generator = generator
        self._learn(latents, white, standard, labelled, measure)
        self._net.eval().requires_grad_(False)
        return self

    def predict(self, latents: Tensor) -> Tensor:
        """Attribute values ``[B, K]`` read off codes ``[B, D]``; yes/no and counts as whole numbers."""
        return self.net.scale.invert(self.net.read(self.net.whitening(latents)))

    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """Codes stepped to the masked values; the others are asked to stay as they are read."""
        net = self.net
        white = net.whitening(latents)
        current = net.read(white)
        wanted = net.scale.void(torch.where(mask, net.scale(values), current))
        has, target = net.scale.features(current), net.scale.features(wanted)
        moved = net.whitening.move(latents, self._step(white, has, torch.lerp(has, target, strength)))
        # A step between equal values may round to something: untouched rows stay exactly as they are.
        return torch.where(mask.any(1, keepdim=True), moved, latents)

    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """Training codes whose values are near the conditions, varied and stepped to them.

        A row of the joint distribution is drawn given the conditions, its code gets noise of the kernels' width, and an
        edit makes the values exact.
        """
        net, generator = self.net, torch.Generator().manual_seed(seed)
        values, mask = repeated(values, count), repeated(mask, count)
        chosen = net.joint.rows_given(net.scale(values), mask, generator)
        width = net.joint.width
        noise = torch.randn(count, net.whitening.dims, generator=generator)
        white = (net.anchors[chosen] + width * noise) / math.sqrt(1 + width**2)
        return self.edit(net.whitening.place(white), values, mask)

    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Log-density of the whitened code under the standard normal.

        Given values, by Bayes: ``p(w | a) = p(w) p(a | w) / p(a)``, with the reader's own error, or its probability of
        a level, for ``p(a | w)`` and the joint distribution of values for ``p(a)``.
        """
        net = self.net
        white = net.whitening(latents)
        log_density = net.log_prob(white)
        if values is None or mask is None:
            return log_density
        standard = net.scale(values)
        wrong = net.scale.misread(net.reader(white), standard.where(mask, 0.0))
        gaussian = -wrong / net.reader.error**2 / 2 - net.reader.error.log() - math.log(2 * math.pi) / 2
        levels = torch.tensor([bool(levels) for levels in net.scale.levels])
        likelihood = torch.where(levels, -wrong, gaussian).where(mask, 0.0).sum(1)
        return log_density + likelihood - net.joint.log_prob(standard, mask)


class Directions(nn.Module):
    """A direction per feature, dependent on the code and on both values, times the change: no change, no step.

    Args:
        dims: whitened coordinates W.
        features: number of features F of the attributes.
        hidden: width of the network.
        extra: further inputs.
    """

    def __init__(self, dims: int, features: int, hidden: int, extra: int = 0) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dims + 2 * features + extra, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, dims * features),
        )

    def forward(self, white: Tensor, current: Tensor, target: Tensor, *extra: Tensor) -> Tensor:
        """Step or velocity ``[B, W]`` from current to target features ``[B, F]``."""
        directions = self.net(torch.cat([white, current, target, *extra], dim=1))
        directions = directions.view(len(white), current.shape[1], white.shape[1])
        return torch.einsum("bk,bkw->bw", target - current, directions)
