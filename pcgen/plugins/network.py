"""What plugins with a network share: seeded construction, the training loop, checkpoints."""

from __future__ import annotations

__all__ = ["NetworkPlugin", "Schedule", "minimise"]

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pcgen.plugins.base import Plugin, unfitted
from pcgen.spec import AttributeSpec

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns.

    Attributes:
        steps: most steps.
        batch_size: codes per step.
        learning_rate: of Adam at the start; it falls to zero along a cosine.
        held_out: share of the codes that are kept for validation; 0 trains to the end without.
        patience: validations without a new best after which training stops.
        every: steps between validations.
    """

    steps: int = 4000
    batch_size: int = 256
    learning_rate: float = 2e-3
    held_out: float = 0.1
    patience: int = 8
    every: int = 200


def minimise(
    net: nn.Module,
    rows: int,
    loss: Callable[[Tensor, float], Tensor],
    schedule: Schedule,
    generator: torch.Generator,
) -> list[float]:
    """Train by Adam with clipped gradients, validate, and leave the best weights in place.

    Args:
        net: what to train.
        rows: number S of training rows.
        loss: from row indices ``[B]`` and progress (0 to 1) to a mean loss. Validation always asks at progress 1.
        schedule: how long and how fast.
        generator: draws the held-out rows and the batches.

    Returns:
        The validation losses.
    """
    order = torch.randperm(rows, generator=generator)
    held = int(rows * schedule.held_out)
    validation, training = order[:held], order[held:]
    optimiser = torch.optim.Adam(net.parameters(), lr=schedule.learning_rate)
    best, best_state, history = math.inf, copy.deepcopy(net.state_dict()), []
    for step in range(schedule.steps):
        progress = step / schedule.steps
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate * (1 + math.cos(math.pi * progress)) / 2
        batch = training[torch.randint(len(training), (schedule.batch_size,), generator=generator)]
        optimiser.zero_grad()
        loss(batch, progress).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if held and ((step + 1) % schedule.every == 0 or step + 1 == schedule.steps):
            with torch.no_grad():
                history.append(loss(validation, 1.0).item())
            if history[-1] < best:
                best, best_state = history[-1], copy.deepcopy(net.state_dict())
            if len(history) - 1 - history.index(min(history)) >= schedule.patience:
                break
    if history:
        net.load_state_dict(best_state)
    return history


class NetworkPlugin(Plugin):
    """A plugin whose fitted numbers are one module's state.

    Args:
        specs: the attributes, one per column.
        seed: of the first weights, the batches and everything else that is random in :meth:`fit`.
        schedule: how long and how fast it learns.
    """

    def __init__(self, specs: Sequence[AttributeSpec], *, seed: int = 0, schedule: Schedule | None = None) -> None:
        super().__init__(specs)
        self.seed, self.schedule = seed, schedule or Schedule()
        self._net: nn.Module | None = None

    @abstractmethod
    def _build(self, **sizes: int) -> nn.Module:
        """The untrained module for codes of these sizes."""

    @abstractmethod
    def _sizes(self, net: nn.Module) -> dict[str, int]:
        """The sizes a module was built with."""

    def options(self) -> dict[str, Any]:
        """Constructor arguments that a loaded plugin needs to build its module again."""
        return {}

    def _seeded(self, build: Callable[[], Net]) -> Net:
        """A module whose first weights depend on the seed alone; torch's global state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return build()

    def state(self) -> dict[str, Tensor]:
        """The module's state."""
        if self._net is None:
            raise unfitted()
        return self._net.state_dict()

    def facts(self) -> dict[str, Any]:
        """What a checkpoint must say beside the tensors."""
        if self._net is None:
            raise unfitted()
        return {**super().facts(), "options": self.options(), "sizes": self._sizes(self._net)}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> NetworkPlugin:
        """The plugin again from its state."""
        plugin = cls([AttributeSpec(**spec) for spec in facts["specs"]], **facts["options"])
        net = plugin._build(**facts["sizes"])
        net.load_state_dict(dict(tensors))
        plugin._net = net.eval().requires_grad_(False)
        return plugin
