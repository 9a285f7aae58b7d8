"""Attributes of your own: measured by a Python function, or read from a CSV of labels."""

from __future__ import annotations

__all__ = ["Labels", "measurer_from_function", "read_labels"]

import csv
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pcgen.attributes.border import measure_clouds
from pcgen.attributes.measurer import Measurer
from pcgen.errors import FileError, InputError
from pcgen.files import existing_file
from pcgen.spec import AttributeSpec, Kind

_YES, _NO = {"yes", "true"}, {"no", "false"}


class Labels(NamedTuple):
    """A table of attribute values that somebody wrote down."""

    names: tuple[str, ...]  # [B], what the rows are about
    specs: tuple[AttributeSpec, ...]  # [K]
    values: Tensor  # [B, K] float32, NaN where missing
    mask: Tensor  # [B, K] bool, True where given


def measurer_from_function(
    specs: Sequence[AttributeSpec], function: Callable[[Tensor], Mapping[str, float]], category: str = "custom"
) -> Measurer:
    """A measurer that asks a function about one cloud at a time.

    Args:
        specs: the attributes that the function measures.
        function: from the points of one shape ``[N, 3]`` float32 to a value for each attribute, by name; NaN, infinity
            or a name left out mean that the attribute is not measurable.
        category: what the measurer is of.

    Returns:
        A measurer like the ones of :func:`pcgen.attributes.get`.

    Raises:
        InputError: two attributes have one name; or, when measuring, the function names one that is in no spec.

    Example:
        >>> spec = AttributeSpec("radius", "continuous", 0, 10, "", "farthest point from the origin")
        >>> measurer = measurer_from_function([spec], lambda points: {"radius": points.norm(dim=1).max()})
        >>> values, measurable = measurer.measure(torch.eye(3).repeat(2, 40, 1) * 2)
        >>> values.tolist(), measurable.tolist()
        ([[2.0], [2.0]], [[True], [True]])
    """
    specs = tuple(specs)
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise InputError(f"attributes need different names, got {', '.join(names)}")

    def one(points: Tensor) -> list[float]:
        found = function(points)
        unknown = sorted(set(found) - set(names))
        if unknown:
            raise InputError(f"the function measured {', '.join(unknown)}, which no spec describes; add one for each")
        return [float(found.get(name, nan)) for name in names]

    def measure(points: Tensor) -> tuple[Tensor, Tensor]:
        return measure_clouds(points, len(specs), lambda clouds: clouds.new_tensor([one(cloud) for cloud in clouds]))

    return Measurer(category, specs, measure)


def read_labels(path: str | Path) -> Labels:
    """Read a CSV whose first column names the shapes and whose other columns are attributes.

    An empty cell is a missing value. A column of yes and no (or true and false, or 0 and 1) is binary, one of whole
    numbers is a count, any other continuous. The range of a column becomes the range of requests.

    Args:
        path: the file, with a header.

    Returns:
        Names, specs, values and mask.

    Raises:
        FileError: the file is missing, has no attribute or no row, repeats a name, or holds something that is no value.
    """
    path = existing_file(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]]
    if len(header) < 2 or len(rows) < 2:
        raise FileError(f"{path} needs a column of names, at least one column of values, and a row under the header")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise FileError(f"{path}: row {line} has {len(row)} cells, the header has {len(header)}")
    names = tuple(row[0].strip() for row in rows[1:])
    for what, entries in (("column", header), ("name", names)):
        repeated = next((entry for entry in entries if list(entries).count(entry) > 1), None)
        if repeated is not None:
            raise FileError(f"{path}: the {what} {repeated!r} occurs twice")
    columns = [[_value(path, header[k], row[k]) for row in rows[1:]] for k in range(1, len(header))]
    values = torch.tensor(columns, dtype=torch.float32).T.contiguous()
    specs = tuple(_spec(path, name, column) for name, column in zip(header[1:], columns, strict=True))
    return Labels(names, specs, values, ~values.isnan())


def _value(path: Path, column: str, cell: str) -> float:
    """The number that a cell stands for, NaN if it is empty."""
    text = cell.strip().lower()
    if not text:
        return nan
    if text in _YES | _NO:
        return float(text in _YES)
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise FileError(f"{path}: {cell!r} in column {column} is no value; write a number, yes, no, or nothing")
    return number


def _spec(path: Path, name: str, column: Sequence[float]) -> AttributeSpec:
    """What the values of a column say about their attribute."""
    given = [value for value in column if value == value]
    if not given:
        raise FileError(f"{path}: column {name} holds no value; fill it or remove it")
    kind: Kind = "continuous"
    if set(given) <= {0.0, 1.0}:
        return AttributeSpec(name, "binary", 0, 1)
    if all(value.is_integer() for value in given):
        kind = "count"
    return AttributeSpec(name, kind, min(given), max(given))
