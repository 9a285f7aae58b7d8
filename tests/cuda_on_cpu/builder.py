"""Compiles the CUDA kernels and their registrations with g++ against the emulation, with sanitizers.

Objects are kept under ``build/`` by the content they were compiled from, so only what changed is compiled again.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
EMULATION = Path("tests/cuda_on_cpu/emulation")
CACHE = ROOT / "build" / "cuda_on_cpu"
TORCH = Path(torch.__file__).parent
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined")
FLAGS = (
    *("-std=c++20", "-O1", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
    "-DTORCH_TARGET_VERSION=0x020a000000000000",
    *SANITIZE,
    *(("-mfma",) if platform.machine() == "x86_64" else ()),  # every x86-64 processor of the last ten years
)


def sources() -> list[Path]:
    """Everything that is compiled, relative to the root."""
    patterns = ("kernels/cuda/*.cu", "csrc/*_cuda.cu", f"{EMULATION}/*.cpp")
    return sorted(path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern))


def headers() -> list[Path]:
    """Everything that these include, relative to the root."""
    patterns = ("kernels/cuda/*.cuh", "kernels/cpu/*.h", "csrc/*.h", f"{EMULATION}/*.h")
    return sorted(path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern))


def build(changes: Mapping[str, str] | None = None) -> Path:
    """The library of all kernels, with the text of some files replaced."""
    changes = changes or {}
    overlay = CACHE / "changes" / _digest(*(item for pair in sorted(changes.items()) for item in pair))
    for name, text in changes.items():
        (overlay / name).parent.mkdir(parents=True, exist_ok=True)
        (overlay / name).write_text(text)

    def located(name: Path) -> Path:
        return overlay / name if str(name) in changes else ROOT / name

    common = [TORCH.parent.name, torch.__version__, *FLAGS, *(located(name).read_text() for name in headers())]

    def compiled(name: Path) -> Path:
        source = located(name)
        target = CACHE / f"{name.name}-{_digest(source.read_text(), *common)}.o"
        if not target.exists():
            # The emulation itself is trusted, and runs for every lane: fast, and without checks.
            own = ("-O2", "-fno-sanitize=all", "-DPCGEN_ASAN=1") if name.is_relative_to(EMULATION) else ()
            include = [f"-I{path}" for path in (overlay, ROOT / EMULATION, ROOT)]
            language = ["-x", "c++", "-isystem", str(TORCH / "include")]
            _write(target, ["g++", *FLAGS, *own, *include, *language, "-c", str(source)])
        return target

    CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        objects = list(pool.map(compiled, sources()))
    library = CACHE / f"kernels-{_digest(*(str(path) for path in objects))}.so"
    if not library.exists():
        linked = ["-L" + str(TORCH / "lib"), "-ltorch_cpu", "-lc10"]
        _write(library, ["g++", "-shared", *SANITIZE, *map(str, objects), *linked])
    return library


def preload() -> str:
    """What must be loaded before Python for the sanitizers to work in it."""
    names = ("libasan.so", "libstdc++.so.6")
    found = [_run(["g++", f"-print-file-name={name}"]).strip() for name in names]
    return " ".join(str(Path(path).resolve()) for path in found)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _write(target: Path, command: list[str]) -> None:
    part = target.with_suffix(".part")
    _run([*command, "-o", str(part)])
    part.rename(target)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout
