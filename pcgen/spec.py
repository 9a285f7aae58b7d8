"""AttributeSpec: what an attribute is called, what values it takes, and how people write them."""

from __future__ import annotations

__all__ = ["AttributeSpec", "Kind", "values_to_tensor"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from pcgen.errors import InputError, unknown_name

Kind = Literal["continuous", "binary", "count"]

_YES = {"yes", "true", "on", "1", "with"}
_NO = {"no", "false", "off", "0", "without"}


@dataclass(frozen=True)
class AttributeSpec:
    """One attribute of a shape, measured and requested in the same definition.

    Attributes:
        name: identifier used in code and on the command line (``seat_height``).
        kind: ``continuous``, ``binary`` (0 or 1) or ``count`` (whole numbers).
        low: smallest value a request may have.
        high: largest value a request may have.
        unit: what one unit means (``of height``, ``of depth``); empty for binary and count.
        description: one line for people.

    Example:
        >>> seat = AttributeSpec("seat_height", "continuous", 0.2, 0.8, "of height", "top of the seat")
        >>> seat.parse("0.45"), seat.format(0.45)
        (0.45, '0.450')
        >>> arms = AttributeSpec("armrests", "binary", 0, 1, "", "has armrests")
        >>> arms.parse("yes"), arms.format(0.0)
        (1.0, 'no')
    """

    name: str
    kind: Kind
    low: float
    high: float
    unit: str = ""
    description: str = ""

    def parse(self, value: str | float | bool) -> float:
        """Turn what a person wrote into the attribute's number.

        Raises:
            InputError: it is not a value of this kind, or lies outside ``[low, high]``.
        """
        text = str(value).strip().lower()
        if self.kind == "binary" and text in _YES | _NO:
            return float(text in _YES)
        try:
            number = float(text)
        except ValueError:
            expected = "yes or no" if self.kind == "binary" else "a number"
            raise InputError(f"{self.name} must be {expected}, got {value!r}") from None
        if self.kind != "continuous" and number % 1 != 0:
            expected = "yes or no" if self.kind == "binary" else "a whole number"
            raise InputError(f"{self.name} must be {expected}, got {value!r}")
        if not self.low <= number <= self.high:
            unit = f" ({self.unit})" if self.unit else ""
            raise InputError(f"{self.name} must be between {self.low:g} and {self.high:g}{unit}, got {value}")
        return number

    def format(self, value: float) -> str:
        """The value as people read it; a NaN is ``not measurable``."""
        if value != value:
            return "not measurable"
        if self.kind == "binary":
            return "yes" if value >= 0.5 else "no"
        return f"{value:.0f}" if self.kind == "count" else f"{value:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint's metadata; ``AttributeSpec(**spec.to_dict())`` gives the spec back."""
        return asdict(self)


def values_to_tensor(
    specs: Sequence[AttributeSpec], values: Mapping[str, str | float | bool], batch: int = 1
) -> tuple[Tensor, Tensor]:
    """Named values as the tensor and mask in which attributes travel.

    Args:
        specs: the attributes, in column order.
        values: requested values by name; names left out are missing.
        batch: number of equal rows.

    Returns:
        ``values [batch, K]`` float32 (NaN where missing) and ``mask [batch, K]`` bool (True where given).

    Raises:
        InputError: a name is unknown or a value cannot be parsed.

    Example:
        >>> specs = [AttributeSpec("a", "continuous", 0, 1), AttributeSpec("b", "binary", 0, 1)]
        >>> values_to_tensor(specs, {"b": "yes"})
        (tensor([[nan, 1.]]), tensor([[False,  True]]))
    """
    names = [spec.name for spec in specs]
    row = torch.full((len(specs),), float("nan"))
    for name, value in values.items():
        if name not in names:
            raise unknown_name("attribute", name, names)
        column = names.index(name)
        row[column] = specs[column].parse(value)
    rows = row.expand(batch, -1).clone()
    return rows, ~rows.isnan()
