"""The GPU that these tests share: an emulated one, or a real one."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
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
def cuda(request):
    """Calls an operator's CUDA kernels with tensors of the CPU: ``cuda("nearest", x, y, None, None)``.

    On an emulated GPU, or with ``PCGEN_TEST_GPU=1`` on a real one.
    """
    if os.environ.get("PCGEN_TEST_GPU") == "1":
        return on_gpu
    emulator, library = request.getfixturevalue("emulator"), build()
    return lambda operator, *arguments, **options: emulator.call(library, operator, *arguments, **options)


def on_gpu(operator, *arguments, runs=None):
    """What the device answers, twice the same to the bit; ``runs`` are for the emulation."""
    moved = [argument.cuda() if isinstance(argument, torch.Tensor) else argument for argument in arguments]
    first, second = (getattr(torch.ops.pcgen, operator)(*moved) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.cpu().numpy().tobytes() == b.cpu().numpy().tobytes()
    return tuple(part.cpu() for part in first)
