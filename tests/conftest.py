"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pcgen.ops  # noqa: F401  (first: a doctest run of one operator's file would import it twice and register twice)


@pytest.fixture(scope="session")
def realshapes() -> Path:
    """The folder of real shapes, or a skip that says how to name it."""
    folder = os.environ.get("PCGEN_REALSHAPES")
    if not folder:
        pytest.skip("needs real shapes: set PCGEN_REALSHAPES to the folder with their manifest.csv")
    return Path(folder)
