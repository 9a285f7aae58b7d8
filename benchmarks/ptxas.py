"""What the CUDA compiler says about every kernel: registers, shared memory, spills, occupancy. Needs nvcc, no GPU.

    python benchmarks/ptxas.py                   # all that the wheel has; writes benchmarks/results/ptxas.md
    python benchmarks/ptxas.py --arch 120 -o -   # another architecture, to the screen

Beside it: how long the targets' cases would take on an H100 by counting instructions. These are predictions.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from floors import H100, TARGETS, floor
from predictions import predictions

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "ptxas.md"

# Per multiprocessor: threads, blocks, bytes of shared memory (CUDA programming guide, technical specifications).
LIMITS = {
    75: (1024, 16, 64 << 10),
    80: (2048, 32, 164 << 10),
    86: (1536, 16, 100 << 10),
    89: (1536, 24, 100 << 10),
    90: (2048, 32, 228 << 10),
    100: (2048, 32, 228 << 10),
    120: (1536, 24, 100 << 10),
}
REGISTERS, WARP, RESERVED_SHARED = 65536, 32, 1024


@dataclass(frozen=True)
class Kernel:
    """One instance of a kernel, compiled for one architecture."""

    file: str
    name: str
    arch: int
    threads: int
    registers: int
    shared: int
    spilled: int

    def occupancy(self) -> float:
        """Share of a multiprocessor's threads that can be resident."""
        threads, blocks, shared = LIMITS[self.arch]
        per_warp = -(-self.registers * WARP // 256) * 256  # registers are handed out by 256
        by_registers = REGISTERS // per_warp // (self.threads // WARP)
        by_shared = shared // (self.shared + (RESERVED_SHARED if self.arch >= 80 else 0) or 1)
        return min(threads // self.threads, blocks, by_registers, by_shared) * self.threads / threads


def compile_kernels(source: Path, arch: int) -> list[Kernel]:
    """Every kernel of a file, as ptxas reports it."""
    with tempfile.TemporaryDirectory() as folder:
        ptx = Path(folder) / "kernels.ptx"
        flags = ["-std=c++20", "--fmad=false", "-O3", f"-I{ROOT}", f"-arch=sm_{arch}"]
        _run(["nvcc", *flags, "-ptx", str(source), "-o", str(ptx)])
        report = _run(["ptxas", "-v", f"-arch=sm_{arch}", str(ptx), "-o", "/dev/null"])
        threads = dict(re.findall(r"\.entry (\w+)\([^{]*?\.maxntid (\d+)", ptx.read_text()))
    return [
        Kernel(source.name, name, arch, int(threads.get(mangled, 0)), registers, shared, spilled)
        for mangled, name, registers, shared, spilled in _parse(report)
    ]


def _parse(report: str) -> Iterator[tuple[str, str, int, int, int]]:
    for entry in re.split(r"Compiling entry function ", report)[1:]:
        mangled = entry.split("'")[1]
        name = _run(["c++filt", mangled]).strip()
        if "cub::" in name:  # not ours, and tuned by its authors
            continue
        name = re.sub(r"\(anonymous namespace\)::|pcgen::|^void |_GLOBAL__N__\w+::", "", name)
        stores, loads = (int(n) for n in re.findall(r"(\d+) bytes spill", entry)[:2])
        shared = re.search(r"(\d+) bytes smem", entry)
        registers = re.search(r"Used (\d+) registers", entry)
        assert registers
        yield (
            mangled,
            name[: _end_of_template(name)],
            int(registers[1]),
            int(shared[1]) if shared else 0,
            stores + loads,
        )


def _end_of_template(name: str) -> int:
    """Where the parameters of a function begin."""
    depth = 0
    for place, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            return place
    return len(name)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout + done.stderr


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


# --- report ---------------------------------------------------------------------------------------------------------

HEADER = """# CUDA kernels by the compiler's account

Made by `python benchmarks/ptxas.py` with {nvcc}. **Nothing here was measured on hardware.**

## Predicted times on an H100 SXM (132 multiprocessors at 1.755 GHz, 3.35 TB/s)

The floor is what the hardware must do at least for the algorithm, added up over phases that wait for each other: the
longer of arithmetic at full rate and memory traffic at full bandwidth, 3 us a launch, and the latency of steps that
follow from each other (`benchmarks/floors.py`). Predictions count our kernels' instructions, latencies and launches,
and torch's small kernels around them (`benchmarks/predictions.py`); what Python and torch take on the host is not in
them. `make gpu-check` measures.

| case | target | floor | predicted | x floor | counted |
|---|---|---|---|---|---|
"""
RESOURCES = """
## Resources

{count} kernels for each of {archs}. Per architecture: registers, and the
share of a multiprocessor's threads that can be resident. {spilling}

"""


def predicted_rows() -> list[str]:
    """The table of predictions."""
    rows = []
    for case, (seconds, how) in predictions().items():
        least, target = floor(case, H100), TARGETS.get(case)
        aim = _time(target) if target else "-"
        rows.append(f"| {case} | {aim} | {_time(least)} | {_time(seconds)} | {seconds / least:.1f} | {how} |")
    return rows


def report(kernels: list[Kernel]) -> str:
    """The whole page."""
    header = HEADER.format(nvcc=_run(["nvcc", "--version"]).strip().splitlines()[-2].strip())
    archs = sorted({kernel.arch for kernel in kernels})
    rows: dict[tuple[str, str], dict[int, Kernel]] = {}
    for kernel in sorted(kernels, key=lambda k: (k.file, k.name)):
        rows.setdefault((kernel.file, kernel.name), {})[kernel.arch] = kernel
    spills = sorted((k for k in kernels if k.spilled), key=lambda k: (k.file, k.name, k.arch))
    said = "None of them spills registers."
    if spills:
        clean = ", ".join(f"sm_{arch}" for arch in archs if all(k.arch != arch for k in spills)) or "no architecture"
        said = f"{len(spills)} of these {len(kernels)} spill registers, none for {clean} (bytes stored and loaded):\n\n"
        said += "\n".join(f"- {k.file} `{k.name}`, sm_{k.arch}: {k.spilled}" for k in spills)
    lines = ["| file | kernel | threads | shared bytes | " + " | ".join(f"sm_{arch}" for arch in archs) + " |"]
    lines.append("|---" * (4 + len(archs)) + "|")
    for (file, name), by_arch in rows.items():
        any_of = next(iter(by_arch.values()))
        cells = [f"{k.registers}, {k.occupancy():.0%}" if (k := by_arch.get(arch)) else "-" for arch in archs]
        lines.append(f"| {file} | `{name}` | {any_of.threads} | {any_of.shared} | " + " | ".join(cells) + " |")
    resources = RESOURCES.format(count=len(rows), archs=", ".join(f"sm_{arch}" for arch in archs), spilling=said)
    return header + "\n".join(predicted_rows()) + "\n" + resources + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", type=int, nargs="+", choices=sorted(LIMITS), default=sorted(LIMITS))
    parser.add_argument("-o", "--output", default=str(RESULT), help="a file, or - for the screen")
    args = parser.parse_args()
    if not shutil.which("nvcc"):
        sys.exit("nvcc is not on the path; it comes with the CUDA toolkit")
    sources = [path for path in sorted((ROOT / "kernels" / "cuda").glob("*.cu")) if "__global__" in path.read_text()]
    jobs = [(source, arch) for source in sources for arch in args.arch]
    with ThreadPoolExecutor(2) as pool:
        kernels = [kernel for found in pool.map(lambda job: compile_kernels(*job), jobs) for kernel in found]
    text = report(kernels)
    if args.output == "-":
        print(text, end="")
    else:
        Path(args.output).parent.mkdir(parents=True, exist_ok=True)
        Path(args.output).write_text(text)
        print(f"{args.output}: {len(kernels)} kernels, {sum(1 for k in kernels if k.spilled)} spill")


if __name__ == "__main__":
    main()
