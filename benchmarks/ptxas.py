"""What the CUDA compiler says about every kernel: registers, shared memory, spills, occupancy. Needs nvcc, no GPU.

    python benchmarks/ptxas.py                   # sm_75 and sm_90; writes benchmarks/results/ptxas.md
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


# --- predictions ----------------------------------------------------------------------------------------------------

H100 = {"processors": 132, "lanes": 128, "clock": 1.755e9}
SLOTS_PER_SECOND = H100["processors"] * H100["lanes"] * H100["clock"]  # instructions of one lane
LAUNCH = 3e-6  # of a kernel behind another in a stream


@dataclass(frozen=True)
class Prediction:
    """A case, the fewest instructions it takes, and the instructions that our kernels issue."""

    case: str
    target: str
    floor: float
    predicted: float
    how: str


def predictions() -> list[Prediction]:
    """The cases with a target. Floors count arithmetic alone; predictions add what our kernels do beside it."""
    pairs = 32 * 2048 * 2048
    chamfer_floor = pairs * 8 / SLOTS_PER_SECOND
    finish = 2 * 32 * 2048 * 32 * 60 / SLOTS_PER_SECOND
    chamfer = pairs * 10.5 / SLOTS_PER_SECOND + finish + 2 * LAUNCH
    backward = 2 * (20e-6 + 2 * LAUNCH)
    knn = (pairs * 12 + 32 * 2048 * 94 * 3 * 16 * 2) / SLOTS_PER_SECOND + LAUNCH
    step, cluster_step = 430 / H100["clock"], 1300 / H100["clock"]
    leaves, sort = 1e6 / 32, 2 * 0.7e-3
    search = leaves * 32 * (12 * 32 * 9 + 25 * 120) / SLOTS_PER_SECOND
    emd_one = 40 * 2048 * 2048  # targets that the bids for one pair see, 40 bids a point
    emd_floor = 32 * emd_one / 2 * 40 / SLOTS_PER_SECOND
    emd = emd_one * 120 / (SLOTS_PER_SECOND / H100["processors"])
    return [
        Prediction(
            "Chamfer forward, 32 x 2048", "120 us", chamfer_floor, chamfer, "8 slots a pair; ours 10.5 + finish"
        ),
        Prediction(
            "Chamfer forward + backward", "180 us", chamfer_floor + 4e-6, chamfer + backward, "+ 2 sorts of 65536"
        ),
        Prediction(
            "kNN k = 16, 32 x 2048", "200 us", pairs * 7 / SLOTS_PER_SECOND, knn, "12 slots a pair + insertions"
        ),
        Prediction("FPS 32 x 2048 -> 1024, a step", "0.7 us", 0.15e-6, step, "430 cycles of latency, one barrier"),
        Prediction("FPS 1 x 100k -> 10k", "25 ms", 5e-3, 1e4 * cluster_step, "1300 cycles a step, a cluster of 13"),
        Prediction("EMD 32 x 2048, tol 0.01", "-", emd_floor, emd, "a multiprocessor a pair, FP64, 120 slots a target"),
        Prediction("nearest 1M vs 1M", "10 ms", 1e-3, 2 * search + 2 * sort, "12 leaves a warp + 2 index builds"),
    ]


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


# --- report ---------------------------------------------------------------------------------------------------------

HEADER = """# CUDA kernels by the compiler's account

Made by `python benchmarks/ptxas.py` with {nvcc}. **Nothing here was measured on hardware.**

## Predicted times on an H100 SXM (132 multiprocessors at 1.755 GHz)

By counting instructions and latencies; the floor is the arithmetic alone at full rate. Launches within a stream count
3 us. `make gpu-check` measures them.

| case | target | floor | predicted | counted |
|---|---|---|---|---|
"""


def report(kernels: list[Kernel]) -> str:
    """The whole page."""
    lines = [HEADER.format(nvcc=_run(["nvcc", "--version"]).strip().splitlines()[-2].strip()).rstrip()]
    for p in predictions():
        lines.append(f"| {p.case} | {p.target} | {_time(p.floor)} | {_time(p.predicted)} | {p.how} |")
    spilling = [k for k in kernels if k.spilled]
    lines += ["", "## Resources", "", f"{len(kernels)} kernels, {len(spilling)} of them spill registers.", ""]
    lines += ["| file | kernel | sm | threads | registers | shared bytes | spilled bytes | occupancy |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for k in sorted(kernels, key=lambda k: (k.file, k.name, k.arch)):
        lines.append(
            f"| {k.file} | `{k.name}` | {k.arch} | {k.threads} | {k.registers} | {k.shared} | {k.spilled} "
            f"| {k.occupancy():.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", type=int, nargs="+", choices=sorted(LIMITS), default=[75, 90])
    parser.add_argument("-o", "--output", default=str(RESULT), help="a file, or - for the screen")
    args = parser.parse_args()
    if not shutil.which("nvcc"):
        sys.exit("nvcc is not on the path; it comes with the CUDA toolkit")
    jobs = [(source, arch) for source in sorted((ROOT / "kernels" / "cuda").glob("*.cu")) for arch in args.arch]
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
