"""The emulated GPU that these tests share."""

from __future__ import annotations

import shutil

import pytest
from cuda_on_cpu.builder import build
from cuda_on_cpu.emulator import Emulator

from pcgen.ops import _native


@pytest.fixture(scope="session")
def emulator():
    """Runs operators of any library of kernels."""
    if not shutil.which("g++"):
        pytest.skip("needs g++ with its sanitizers")
    emulator = Emulator(_native.SCHEMAS)
    yield emulator
    emulator.close()


@pytest.fixture(scope="session")
def emulated(emulator):
    """Calls an operator's CUDA kernels: ``emulated("nearest", x, y, None, None)``."""
    library = build()
    return lambda operator, *arguments, **options: emulator.call(library, operator, *arguments, **options)
