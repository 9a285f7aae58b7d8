"""What every plugin can do. A plugin sees latent codes and attribute values, never points."""

from __future__ import annotations

__all__ = ["Plugin"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pcgen.checkpoint import save_checkpoint
from pcgen.errors import InputError
from pcgen.spec import AttributeSpec


class Plugin(ABC):
    """Steers latent codes by attribute values.

    Values travel as ``[B, K]`` floats in the order of ``specs`` with a bool mask of the same shape: True where a value
    is given. Unfitted use raises :class:`~pcgen.errors.InputError`.

    Attributes:
        method: name under which checkpoints are loaded.
        specs: the attributes, one per column.
    """

    method: ClassVar[str]

    def __init__(self, specs: Sequence[AttributeSpec]) -> None:
        self.specs = tuple(specs)

    @abstractmethod
    def fit(self, latents: Tensor, values: Tensor, mask: Tensor | None = None) -> Plugin:
        """Learn from codes ``[S, D]`` with values ``[S, K]`` (mask: True where labelled); returns itself."""

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
    def log_prob(self, latents: Tensor) -> Tensor:
        """Log-density ``[B]`` of codes ``[B, D]`` under the plugin's own model of them."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """The fitted tensors by name, enough for :meth:`from_state`."""

    @classmethod
    @abstractmethod
    def from_state(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Plugin:
        """The plugin again from :meth:`state` and the facts of its checkpoint."""

    def save(self, path: str | Path, facts: Mapping[str, Any]) -> None:
        """Write the plugin as a checkpoint, with its attribute specs and any further facts."""
        document = {"method": self.method, "specs": [spec.to_dict() for spec in self.specs], **facts}
        save_checkpoint(path, "plugin", self.state(), document)

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
        return labelled if mask is None else labelled & mask
