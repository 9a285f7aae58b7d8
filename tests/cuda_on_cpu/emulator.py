"""Calls the CUDA operators on CPU tensors: the real kernels and registrations, under an emulated GPU."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from cuda_on_cpu.builder import preload

# Different orders of execution, different contents of shared memory before it is written, both ways to reduce a warp.
RUNS = (
    {"seed": 1, "poison": 0xFF, "capability": 90, "processors": 4},
    {"seed": 2, "poison": 0x2D, "capability": 75, "processors": 4},
)


class EmulationError(Exception):
    """A kernel did what a GPU does not define, or a sanitizer found fault; the text says what and where."""


class Emulator:
    """One worker process with a library of emulated kernels."""

    def __init__(self, schemas: dict[str, str]) -> None:
        environment = os.environ | {
            "LD_PRELOAD": preload(),
            "ASAN_OPTIONS": "detect_leaks=0:max_malloc_fill_size=1073741824:malloc_fill_byte=190",
        }
        worker = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._send(schemas)

    def _send(self, message: Any) -> None:
        assert self._process.stdin
        pickle.dump(message, self._process.stdin)
        self._process.stdin.flush()

    def call(self, library: Path, operator: str, *arguments: Any, runs: Any = RUNS, limit: int = 600) -> Any:
        """The operator's results, the same to the bit in all runs, which may take ``limit`` seconds.

        Raises:
            EmulationError: undefined behaviour, runs that differ, or no end.
        """
        request = {"library": str(library), "operator": operator, "arguments": arguments, "runs": list(runs)}
        self._send(request | {"limit": limit})
        assert self._process.stdout
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, str):
            raise EmulationError(answer)
        return answer

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
