"""Parametric shapes whose attributes are known exactly and whose points know their part."""

from __future__ import annotations

__all__ = [
    "FAMILIES",
    "AttributeLaw",
    "ChairBatch",
    "ChairParams",
    "Family",
    "PointSample",
    "counterfactual",
    "exact_attributes",
    "make_chair",
    "sample_chairs",
    "sample_params",
]

from pcgen.data.procedural.airplane import AIRPLANE
from pcgen.data.procedural.chair import ChairBatch, PointSample, make_chair, sample_chairs
from pcgen.data.procedural.chair_params import ChairParams, exact_attributes
from pcgen.data.procedural.chair_style import counterfactual, sample_params
from pcgen.data.procedural.family import Family
from pcgen.data.procedural.lamp import LAMP
from pcgen.data.procedural.law import AttributeLaw
from pcgen.data.procedural.mug import MUG
from pcgen.data.procedural.table import TABLE

FAMILIES = {family.category: family for family in (TABLE, LAMP, MUG, AIRPLANE)}
"""The families beside the chair, by category."""
