"""Parametric shapes whose attributes are known exactly and whose points know their part."""

from __future__ import annotations

__all__ = [
    "ChairBatch",
    "ChairParams",
    "PointSample",
    "exact_attributes",
    "make_chair",
    "sample_chairs",
    "sample_params",
]

from pcgen.data.procedural.chair import ChairBatch, PointSample, make_chair, sample_chairs
from pcgen.data.procedural.chair_params import ChairParams, exact_attributes, sample_params
