"""Looks into a wheel: its name, its files, and what its libraries need, export and execute.

    python tests/packaging/inspect_wheel.py dist/pcgen-*.whl

Needs binutils (nm, objdump, readelf). Exit status 1 and one line per finding when something is wrong.
"""

from __future__ import annotations

import fnmatch
import json
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

WANTED = (
    "pcgen/_C.so",
    "pcgen/py.typed",
    "pcgen/configs/chair.yaml",
    "pcgen/assets/chair_dining.ply",
    "pcgen/weights/chair/backbone.safetensors",
    "pcgen/weights/table/backbone.safetensors",
    "pcgen/weights/lamp/backbone.safetensors",
    "pcgen/weights/mug/backbone.safetensors",
    "pcgen/weights/airplane/backbone.safetensors",
)
UNWANTED = ("tests/*", "benchmarks/*", "csrc/*", "kernels/*", "*test_*", "*.cpp", "*.cu", "*.pyc")

# torch is found by name in the process that imported it; everything else is part of any Linux.
NEEDED = {
    "_C.so": {"libtorch_cpu.so", "libc10.so"},
    "_C_cuda.so": {"libtorch_cpu.so", "libc10.so", "libtorch_cuda.so"},
}
SYSTEM = {"libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libc.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
SYSTEM |= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def main() -> None:
    """Inspect the wheel named on the command line."""
    wheel = Path(sys.argv[1])
    findings = list(inspect(wheel))
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(1 if findings else 0)


def inspect(wheel: Path) -> Iterator[str]:
    """Everything that is wrong with the wheel, a sentence each."""
    if not fnmatch.fnmatch(wheel.name, "pcgen-*-py3-none-*linux_*.whl"):
        yield f"unexpected name: {wheel.name}"
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        yield from (f"missing: {name}" for name in WANTED if name not in names)
        yield from (f"does not belong: {n}" for n in names if any(fnmatch.fnmatch(n, bad) for bad in UNWANTED))
        for name in names:
            if name.endswith(".so"):
                yield from inspect_library(Path(archive.extract(name, folder)))
        if "pcgen/_C_cuda.so" in names:
            wanted = json.loads(archive.read("pcgen/_build.json"))["archs"].split(";")
            yield from inspect_archs(Path(folder, "pcgen/_C_cuda.so"), wanted)


def inspect_library(library: Path) -> Iterator[str]:
    """What is wrong with one shared library."""
    symbols = run("nm", "-D", str(library)).splitlines()
    yield from (f"{library.name} uses Python: {s}" for s in symbols if re.search(r" U _?Py[A-Z_]", s))
    yield from (f"{library.name} exports {s}" for s in symbols if not re.search(r" [Uwv] ", s))
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", str(library))))
    expected = NEEDED[library.name]
    yield from (f"{library.name} does not need {name}" for name in expected - needed)
    yield from (f"{library.name} needs {name}" for name in needed - expected - SYSTEM)
    vector_code = list(functions_with_vector_code(run("objdump", "-d", "-C", "--no-show-raw-insn", str(library))))
    yield from (f"{library.name} may run AVX anywhere: {name}" for name in vector_code if not_confined(name))
    if library.name == "_C.so" and "x86-64" in run("objdump", "-f", str(library)) and not vector_code:
        yield f"{library.name} has no AVX code at all, or its symbols were stripped"


def inspect_archs(library: Path, wanted: list[str]) -> Iterator[str]:
    """Which of the architectures asked for (CMake writes 90-real for code alone, 90 for code and PTX) have no code."""
    code = {f"{arch.removesuffix('-real')} code" for arch in wanted}
    ptx = {f"{arch} PTX" for arch in wanted if not arch.endswith("-real")}
    found = set(embedded_archs(section(library, ".nv_fatbin")))
    yield from (f"{library.name} lacks sm_{what}" for what in sorted((code | ptx) - found))
    if not ptx:
        yield f"{library.name} has no PTX: it does not run on newer GPUs"


def embedded_archs(fatbin: bytes) -> Iterator[str]:
    """What nvcc put into a library for each architecture: "90 code", "90 PTX"."""
    begin = 0
    while (begin := fatbin.find(struct.pack("<I", 0xBA55ED50), begin)) >= 0:
        header, size = struct.unpack_from("<HQ", fatbin, begin + 6)
        entry = begin + header
        begin = entry + size
        while entry < begin:
            kind, _, its_header, its_size = struct.unpack_from("<HHIQ", fatbin, entry)
            yield f"{struct.unpack_from('<I', fatbin, entry + 28)[0]} {'PTX' if kind == 1 else 'code'}"
            entry += its_header + its_size


def section(library: Path, name: str) -> bytes:
    """The bytes of a section of a shared library."""
    place = re.search(rf"{re.escape(name)} +PROGBITS +\w+ (\w+) (\w+)", run("readelf", "-SW", str(library)))
    if not place:
        return b""
    offset, size = (int(number, 16) for number in place.groups())
    return library.read_bytes()[offset : offset + size]


def functions_with_vector_code(disassembly: str) -> Iterator[str]:
    """Demangled names of the functions with instructions that a baseline x86-64 processor does not have."""
    function, reported = "", ""
    for line in disassembly.splitlines():
        if heading := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            function = heading[1]
        # Every AVX instruction begins with v, and nothing else that a compiler emits.
        elif function != reported and ":\tv" in line:
            reported = function
            yield function


def not_confined(function: str) -> bool:
    """Whether the linker may have given code for one instruction set to everybody.

    Inline and template functions of the standard library are compiled in every source and the linker keeps one copy;
    a static initialiser runs wherever the library is loaded. What is in an anonymous namespace stays with its source.
    """
    return "(anonymous namespace)" not in function


def run(*command: str) -> str:
    """Standard output of a command that must succeed."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
