"""What every plugin can do. A plugin sees latent codes and attribute values, never points."""

from __future__ import annotations

__all__ = ["Plugin"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError
from pcgen.spec import AttributeSpec


class Plugin(ABC):
    """Steers latent codes by attribute values.

    Values travel as ``[B, K]`` floats in the order of ``specs`` with a bool mask of the same shape: True where a value
    is given, so a condition may be partial and a label may be missing. Unfitted use raises
    :class:`~pcgen.errors.InputError`.

    Attributes:
        method: name under which checkpoints are loaded.
        specs: the attributes, one per column.
    """

    method: ClassVar[str]

    def __init__(self, specs: Sequence[AttributeSpec]) -> None:
        self.specs = tuple(specs)

    @abstractmethod
    def fit(self, latents: Tensor, values: Tensor, mask: Tensor | None = None) -> Plugin:
        """Learn from codes ``[S, D]`` with values ``[S, K]`` (mask: True where labelled); returns itself.

        Values that are NaN count as not labelled.
        """

    @abstractmethod
    def predict(self, latents: Tensor) -> Tensor:
        """Attribute values ``[B, K]`` read off codes ``[B, D]``."""

    @abstractmethod
    def edit(self, latents: Tensor, values: Tensor, mask: Tensor, strength: float = 1.0) -> Tensor:
        """Codes ``[B, D]`` moved so that the masked attributes take the given values and the others stay.

        Args:
            latents: ``[B, D]``.
            values: requested values ``[B, K]``; ignored where the mask is False.
            mask: ``[B, K]`` bool, True for the attributes to change.
            strength: 1 goes to the request, 0.5 half way, 0 nowhere.
        """

    @abstractmethod
    def sample(self, count: int, values: Tensor, mask: Tensor, *, seed: int = 0) -> Tensor:
        """New codes ``[count, D]`` whose masked attributes have the given values ``[count, K]``."""

    @abstractmethod
    def log_prob(self, latents: Tensor, values: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Log-density ``[B]`` of codes ``[B, D]`` under the plugin's own model of them.

        With values ``[B, K]`` it is the density among codes that have these (masked) attribute values.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """The fitted tensors by name, enough for :meth:`from_state`."""

    @classmethod
    @abstractmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Plugin:
        """The plugin again from :meth:`state` and the facts of its checkpoint."""

    def facts(self) -> dict[str, Any]:
        """What a checkpoint must say beside the tensors: method, attributes, options."""
        return {"method": self.method, "specs": [spec.to_dict() for spec in self.specs]}

    def save(self, path: str | Path, facts: Mapping[str, Any] | None = None) -> None:
        """Write the plugin as a checkpoint, with its attribute specs and any further facts."""
        save_checkpoint(path, "plugin", self.state(), {**self.facts(), **(facts or {})})

    @property
    def num_parameters(self) -> int:
        """How many numbers were fitted."""
        return sum(value.numel() for value in self.state().values())

    def _check_fit(self, latents: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """The mask to use: what the caller gave, less the values that are NaN."""
        expected = (len(latents), len(self.specs))
        if latents.dim() != 2 or values.shape != expected or (mask is not None and mask.shape != expected):
            got = f"latents {list(latents.shape)}, values {list(values.shape)}"
            raise InputError(f"fit needs latents [S, D] and values (and mask) [S, {expected[1]}], got {got}")
        if not latents.isfinite().all():
            raise InputError("latents must be finite; drop the shapes that failed to encode")
        labelled = ~values.isnan()
        labelled = labelled if mask is None else labelled & mask
        for spec, count in zip(self.specs, labelled.sum(0).tolist(), strict=True):
            if count < 2:
                raise InputError(f"{spec.name} has {count} labelled codes; a plugin needs at least 2")
        return labelled


def unfitted() -> InputError:
    """The error for a plugin that is used before it has learnt anything."""
    return InputError("the plugin is not fitted; call fit(latents, values) or load a checkpoint")


def repeated(values: Tensor, count: int) -> Tensor:
    """One row of conditions for all, or one each: ``[count, K]``."""
    return values.expand(count, -1) if values.dim() == 2 and len(values) == 1 else torch.atleast_2d(values)
