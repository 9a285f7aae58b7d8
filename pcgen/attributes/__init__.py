"""Measurers: what a category's attributes are, and how to read them off any cloud of it."""

from __future__ import annotations

__all__ = ["MEASURERS", "Labels", "Measurer", "get", "measurer_from_function", "read_labels"]

from pcgen.attributes.airplane import AIRPLANE_SPECS, measure_airplane
from pcgen.attributes.chair import CHAIR_SPECS, measure_chair
from pcgen.attributes.custom import Labels, measurer_from_function, read_labels
from pcgen.attributes.generic import GENERIC_SPECS, measure_generic
from pcgen.attributes.lamp import LAMP_SPECS, measure_lamp
from pcgen.attributes.measurer import Measurer
from pcgen.attributes.mug import MUG_SPECS, measure_mug
from pcgen.attributes.table import TABLE_SPECS, measure_table
from pcgen.errors import unknown_name

MEASURERS = {
    "chair": Measurer("chair", CHAIR_SPECS, measure_chair),
    "table": Measurer("table", TABLE_SPECS, measure_table),
    "lamp": Measurer("lamp", LAMP_SPECS, measure_lamp),
    "mug": Measurer("mug", MUG_SPECS, measure_mug),
    "airplane": Measurer("airplane", AIRPLANE_SPECS, measure_airplane),
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
