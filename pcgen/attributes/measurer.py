"""Measurer: the attributes of a category, and how to read them off clouds."""

from __future__ import annotations

__all__ = ["Measurer"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pcgen.errors import unknown_name
from pcgen.spec import AttributeSpec


@dataclass(frozen=True)
class Measurer:
    """The attributes of one category of shapes.

    Attributes:
        category: name of the category (``chair``).
        specs: its attributes, in column order.
        measure: from clouds ``[B, N, 3]`` to ``values [B, K]`` (NaN where not measurable) and ``measurable [B, K]``.
    """

    category: str
    specs: tuple[AttributeSpec, ...]
    measure: Callable[[Tensor], tuple[Tensor, Tensor]]

    def columns(self, names: Sequence[str]) -> list[int]:
        """The columns of attributes given by name.

        Raises:
            InputError: there is no measurer of that name.
        """
        known = [spec.name for spec in self.specs]
        for name in names:
            if name not in known:
                raise unknown_name(f"measured attribute of a {self.category}", name, known)
        return [known.index(name) for name in names]

    def only(self, names: Sequence[str]) -> Measurer:
        """The measurer of some of the attributes, in the order given: a plugin may know fewer than can be measured.

        Raises:
            InputError: there is no measurer of that name.

        Example:
            >>> import torch
            >>> from pcgen.attributes import get
            >>> two = get("chair").only(["width", "seat_height"])
            >>> two.measure(torch.rand(5, 1000, 3))[0].shape
            torch.Size([5, 2])
        """
        columns = self.columns(names)

        def measure(points: Tensor) -> tuple[Tensor, Tensor]:
            values, measurable = self.measure(points)
            return values[..., columns], measurable[..., columns]

        return Measurer(self.category, tuple(self.specs[column] for column in columns), measure)
