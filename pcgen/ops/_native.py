"""Finds and loads the two compiled libraries, once, and remembers what happened for ``pcgen doctor``.

The operators exist in any case: where a library is missing or has no kernel for a device, the dispatcher runs the
reference implementation instead.
"""

from __future__ import annotations

__all__ = ["SCHEMAS", "NativeStatus", "build_facts", "load", "status"]

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from pcgen.errors import UnavailableError
from pcgen.ops import reference

PACKAGE = Path(__file__).resolve().parent.parent
SIMD_LEVELS = ("portable", "avx2", "avx512")

SCHEMAS = {
    "nearest": "(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths) -> (Tensor dist2, Tensor index)",
    "nearest_both": "(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths)"
    " -> (Tensor dist2_x, Tensor index_x, Tensor dist2_y, Tensor index_y)",
    "nearest_backward": "(Tensor grad, Tensor x, Tensor y, Tensor index) -> (Tensor grad_x, Tensor grad_y)",
    "farthest_point_sample": "(Tensor points, Tensor? lengths, Tensor start, int k) -> (Tensor index, Tensor dist2)",
    "knn": (
        "(Tensor query, Tensor points, int k, float radius, Tensor? query_lengths, Tensor? points_lengths)"
        " -> (Tensor, Tensor)"
    ),
    "spatial_index": "(Tensor points, Tensor? lengths) -> (Tensor, Tensor, Tensor, Tensor)",
    "spatial_index_knn": (
        "(Tensor query, Tensor? query_lengths, Tensor leaves, Tensor index, Tensor boxes, Tensor least, int k,"
        " float radius) -> (Tensor, Tensor)"
    ),
    "emd": "(Tensor x, Tensor y, Tensor? lengths, Tensor? prices, bool squared, float tol, bool exact) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "emd_plan": "(Tensor x, Tensor y, Tensor? x_lengths, Tensor? y_lengths, Tensor? prices, bool squared, "
    "float tol, bool exact) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
}

_state: dict[str, NativeStatus] = {}


@dataclass(frozen=True)
class NativeStatus:
    """What became of the compiled libraries.

    Attributes:
        cpu: path of the loaded CPU library, or None.
        cpu_problem: why it is not loaded; empty if it is.
        cuda: path of the loaded CUDA library, or None.
        cuda_problem: why it is not loaded; empty if it is.
        simd: instruction set that the CPU kernels chose: portable, avx2 or avx512; empty without the library.
    """

    cpu: Path | None
    cpu_problem: str
    cuda: Path | None
    cuda_problem: str
    simd: str


def status() -> NativeStatus:
    """The outcome of loading, loading first if nobody has."""
    load()
    return _state["status"]


def build_facts() -> dict[str, str]:
    """How the libraries were built, whether or not they can be loaded.

    Returns:
        ``compiler``, name and version; ``cuda``, the version of nvcc; ``archs``, the CUDA architectures, separated by
        semicolons. Empty where none took part.
    """
    path = PACKAGE / "_build.json"
    return json.loads(path.read_text()) if path.is_file() else {"compiler": "", "cuda": "", "archs": ""}


def load() -> None:
    """Load the libraries and register every operator; later calls do nothing.

    Raises:
        UnavailableError: ``PCGEN_REQUIRE_NATIVE=1`` and the CPU library cannot be used.
    """
    if "status" in _state:
        return
    cpu, cpu_problem = _load_library("_C.so")
    cuda, cuda_problem = None, "this torch has no CUDA"
    if torch.version.cuda and cpu:
        cuda, cuda_problem = _load_library("_C_cuda.so")
    if cpu is None:
        _report_missing(cpu_problem)
        _define_in_python()
    _register_reference()
    simd = SIMD_LEVELS[torch.ops.pcgen.simd_level()] if cpu else ""
    _state["status"] = NativeStatus(cpu, cpu_problem, cuda, cuda_problem, simd)


def _load_library(name: str) -> tuple[Path | None, str]:
    path = PACKAGE / name
    if not path.is_file():
        return None, f"{path} does not exist"
    try:
        torch.ops.load_library(str(path))
    except (OSError, RuntimeError) as error:
        return None, f"{path}: {error}"
    return path, ""


def _report_missing(problem: str) -> None:
    message = (
        f"the compiled operators are not available ({problem}); using the slow reference implementation. "
        "Run `pip install .` in a checkout of pcgen, with torch and a C++ compiler installed, to build them."
    )
    if os.environ.get("PCGEN_REQUIRE_NATIVE") == "1":
        raise UnavailableError(f"PCGEN_REQUIRE_NATIVE=1, but {message}")
    warnings.warn(message, RuntimeWarning, stacklevel=4)


# torch forgets a library's registrations when its object dies.
_libraries: list[torch.library.Library] = []


def _define_in_python() -> None:
    library = torch.library.Library("pcgen", "DEF")
    for name, schema in SCHEMAS.items():
        library.define(name + schema)
    _libraries.append(library)


def _register_reference() -> None:
    library = torch.library.Library("pcgen", "IMPL")
    for name in SCHEMAS:
        library.impl(name, getattr(reference, name), "CompositeExplicitAutograd")
    _libraries.append(library)
