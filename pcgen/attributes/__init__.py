"""Measurers: what a category's attributes are, and how to read them off any cloud of it."""

from __future__ import annotations

__all__ = ["MEASURERS", "Measurer", "get"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pcgen.attributes.chair import CHAIR_SPECS, measure_chair
from pcgen.attributes.generic import GENERIC_SPECS, measure_generic
from pcgen.attributes.lamp import LAMP_SPECS, measure_lamp
from pcgen.attributes.table import TABLE_SPECS, measure_table
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
            >>> two = get("chair").only(["width", "seat_height"])
            >>> two.measure(torch.rand(5, 1000, 3))[0].shape
            torch.Size([5, 2])
        """
        columns = self.columns(names)

        def measure(points: Tensor) -> tuple[Tensor, Tensor]:
            values, measurable = self.measure(points)
            return values[..., columns], measurable[..., columns]

        return Measurer(self.category, tuple(self.specs[column] for column in columns), measure)


MEASURERS = {
    "chair": Measurer("chair", CHAIR_SPECS, measure_chair),
    "table": Measurer("table", TABLE_SPECS, measure_table),
    "lamp": Measurer("lamp", LAMP_SPECS, measure_lamp),
    "shape": Measurer("shape", GENERIC_SPECS, measure_generic),
}
"""By category; ``shape`` is what can be measured of anything."""


def get(category: str) -> Measurer:
    """The measurer of a category.

    Raises:
        InputError: there is none by that name.

    Example:
        >>> [spec.name for spec in get("chair").specs if spec.kind != "continuous"]
        ['armrests', 'legs']
    """
    if category not in MEASURERS:
        raise unknown_name("category", category, MEASURERS)
    return MEASURERS[category]
