"""What the verbs share: requests from the command line, tables, and the record of a run."""

from __future__ import annotations

__all__ = ["parse_requests", "prepare_folder", "print_table", "write_record"]

import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcgen import __version__
from pcgen.errors import FileError, InputError
from pcgen.files import atomic_writer


def parse_requests(pairs: Sequence[str]) -> dict[str, str]:
    """``["seat_height=0.5", …]`` as a dictionary."""
    requests: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise InputError(f"--set takes NAME=VALUE, as in --set seat_height=0.5; got {pair!r}")
        if name in requests:
            raise InputError(f"{name} is set twice")
        requests[name] = value
    return requests


def prepare_folder(path: Path) -> Path:
    """The output folder, created if need be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot create the output folder {path}: {error.strerror}") from None
    return path


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows in aligned columns: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  " + "   ".join(cells).rstrip())


def write_record(path: Path, facts: dict[str, Any]) -> None:
    """What was asked, with which versions, and what came out, as JSON beside the output."""
    import torch

    versions = {"pcgen": __version__, "torch": torch.__version__, "python": platform.python_version()}
    with atomic_writer(path) as file:
        file.write(json.dumps({"command": sys.argv, "versions": versions, **facts}, indent=2).encode() + b"\n")
