"""Everything about the CUDA operators that needs a GPU: build, test, sanitize, measure. `make gpu-check` runs it all.

    python benchmarks/gpu_check.py                     # all parts, less than 8 minutes
    python benchmarks/gpu_check.py build test          # some; what the others said before stays in the report
    python benchmarks/gpu_check.py bench --quick       # fewer repeats

Needs nvcc, cmake, ninja, torch >= 2.10, numpy and pytest of the running Python; no network; builds for the GPU at hand
into this checkout. Writes one JSON, by default build/gpu-check.json, and prints a short table. Ends with an error if
the build, a test or an operator failed, or compute-sanitizer found fault; what it could not do is only reported.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
LIMITS = {"build": 210.0, "test": 110.0, "sanitize": 80.0, "bench": 70.0}  # seconds, less than 8 minutes together
TOO_LONG, NOT_FOUND, FAULTS = 124, 127, 9  # exit statuses

# Each operator once, small: what compute-sanitizer watches.
TOUCH = """
import torch
from pcgen.ops import SpatialIndex, chamfer_distance, earth_movers_distance, farthest_point_sample, knn
x, y = (torch.randn(2, n, 3, device="cuda", requires_grad=True) for n in (300, 257))
chamfer_distance(x, y).sum().backward()
knn(x, y, k=5), SpatialIndex(y).knn(x, 3), farthest_point_sample(x, 20)
farthest_point_sample(torch.randn(1, 20000, 3, device="cuda"), 5)
earth_movers_distance(x[:, :100], y[:, :100])
torch.cuda.synchronize()
"""


def run(command: list[str], limit: float, **environment: str) -> tuple[int, str]:
    """Exit status and the end of the output; TOO_LONG or NOT_FOUND if it was ended or never began."""
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return NOT_FOUND, str(error)
    try:
        output, _ = process.communicate(timeout=limit)
        return process.returncode, output[-4000:]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # compilers and workers too
        output, _ = process.communicate()
        return TOO_LONG, f"{output[-3000:]}\ntook more than {limit:.0f} s"


# --- parts ----------------------------------------------------------------------------------------------------------


def build_commands(capability: tuple[int, int], folder: Path) -> list[list[str]]:
    """How both libraries are built with this Python's torch, for one GPU."""
    arch = "{}{}".format(*capability)
    configure = [
        "cmake",
        "-S",
        str(ROOT),
        "-B",
        str(folder),
        "-G",
        "Ninja",
        f"-DTORCH_DIR={Path(torch.__file__).parent}",
    ]
    return [[*configure, "-DPCGEN_CUDA=ON", f"-DPCGEN_CUDA_ARCHS={arch}"], ["cmake", "--build", str(folder)]]


def build(deadline: float) -> dict[str, Any]:
    """Both libraries, into the checkout."""
    folder = ROOT / "build" / "gpu-check"
    for command in build_commands(torch.cuda.get_device_capability(), folder):
        status, output = run(command, deadline - time.monotonic())
        if status:
            return {"ok": False, "output": output}
    for name in ("_C.so", "_C_cuda.so"):
        shutil.copy2(folder / name, ROOT / "pcgen" / name)
    shutil.copy2(folder / "build.json", ROOT / "pcgen" / "_build.json")
    return {"ok": True}


def test(deadline: float) -> dict[str, Any]:
    """The kernels' tests on the GPU: against the reference, against the CPU, streams and graphs."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "tests/cuda_on_cpu"]
    ignored = ["--ignore=tests/cuda_on_cpu/test_mutations.py"]
    status, output = run(pytest + ignored, deadline - time.monotonic(), PCGEN_TEST_GPU="1", PCGEN_REQUIRE_NATIVE="1")
    return {"ok": status == 0, "output": output[-1500:]}


def verdict(status: int, output: str) -> str:
    """What one tool of compute-sanitizer found: "clean", "errors", "too slow" or "did not run"."""
    if status == TOO_LONG:
        return "too slow"
    summaries = re.findall(r"^========= (?:ERROR|RACECHECK) SUMMARY: (\d+)", output, re.MULTILINE)
    if not summaries:
        return "did not run"  # the device or the driver refused, or the program never reached the GPU
    if any(int(count) for count in summaries) or status == FAULTS:
        return "errors"
    return "clean" if status == 0 else "did not run"


def combined(verdicts: dict[str, str]) -> bool | None:
    """Whether the tools found nothing (True), something (False), or could not all look (None)."""
    if "errors" in verdicts.values():
        return False
    return True if set(verdicts.values()) == {"clean"} else None


def sanitize(deadline: float) -> dict[str, Any]:
    """The verdict of each of compute-sanitizer's tools, and what it said where it is not a clean one."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    verdicts, said = {}, {}
    for place, tool in enumerate(TOOLS):
        limit = max(1.0, (deadline - time.monotonic()) / (len(TOOLS) - place))
        command = [program, "--tool", tool, "--error-exitcode", str(FAULTS), sys.executable, "-c", TOUCH]
        # Without torch's cache every tensor is an allocation of its own, whose ends are watched.
        status, output = run(command, limit, PYTORCH_NO_CUDA_MEMORY_CACHING="1")
        verdicts[tool] = verdict(status, output)
        if verdicts[tool] != "clean":
            said[f"{tool} output"] = output[-600:]
    return {"ok": combined(verdicts), **verdicts, **said}


def bench(deadline: float, quick: bool) -> dict[str, Any]:
    """Times, in this process."""
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
    import gpu_bench

    return gpu_bench.bench(quick, deadline)


# --- report ---------------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What was measured on, and with what."""

    def told(*command: str) -> str:
        status, output = run(list(command), 20)
        return output.strip() if status == 0 else "unknown"

    return {
        "device": torch.cuda.get_device_name(),
        "capability": "{}.{}".format(*torch.cuda.get_device_capability()),
        "driver": told("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "python": sys.version.split()[0],
        "commit": told("git", "rev-parse", "--short", "HEAD"),
        "date": time.strftime("%Y-%m-%d"),
    }


def merged(before: dict[str, Any], machine: dict[str, str], parts: dict[str, Any]) -> dict[str, Any]:
    """A report with what earlier calls found on the same machine and day, with the same commit and versions."""
    kept = before.get("parts", {}) if before.get("machine") == machine else {}
    return {"machine": machine, "parts": kept | parts}


def table(report: dict[str, Any]) -> list[str]:
    """The short form of a report."""
    lines = ["  ".join(f"{key} {value}" for key, value in report["machine"].items())]
    for part, result in report["parts"].items():
        lines.append(
            f"{part:<10}{ {True: 'ok', False: 'FAILED', None: 'not done'}[result['ok']] }, {result['seconds']:.0f} s"
        )
        if result["ok"] is not True:
            lines.append(json.dumps({key: value for key, value in result.items() if key != "cases"}, indent=1))
    if "cases" in report["parts"].get("bench", {}):
        lines += bench_table(report["parts"]["bench"])
    return lines


def bench_table(result: dict[str, Any]) -> list[str]:
    """The short form of what was timed."""
    limits = result["limits"]
    speed = (
        f"copy {limits['bytes_per_second'] / 1e9:.0f} GB/s, FP32 {2 * limits['slots_per_second'] / 1e12:.1f} TFLOP/s"
    )
    lines = [speed, f"{'case':<32}{'ms':>9}{'in a graph':>12}{'target':>9}{'floor':>9}{'x floor':>9}  others, ms"]
    for name, row in result["cases"].items():
        if isinstance(row["ms"], str):
            lines.append(f"{name:<32}  {row['ms']}")
            continue
        best = min(row[key] for key in ("ms", "graph_ms") if not isinstance(row[key], str))
        others = [f"{key[:-3]} {_number(row[key])}" for key in row if key.endswith(" ms")]
        lines.append(
            f"{name:<32}{row['ms']:>9.3f}{_number(row['graph_ms']):>12}{_number(row.get('target_ms', '-')):>9}"
            f"{row['floor_ms']:>9.3f}{best / row['floor_ms']:>9.1f}  {', '.join(others)}".rstrip()
        )
    return lines


def _number(value: float | str) -> str:
    return value if value == "-" else "failed" if isinstance(value, str) else f"{value:.3f}"


def timed(part: Callable[[float], dict[str, Any]], limit: float) -> dict[str, Any]:
    """A part's answer and its time; what it raises is an answer too, so that the other parts still run."""
    start = time.monotonic()
    try:
        result = part(start + limit)
    except Exception as error:
        result = {"ok": False, "output": f"{type(error).__name__}: {error}"[-1500:]}
    return result | {"seconds": time.monotonic() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(LIMITS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "gpu-check.json")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(LIMITS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(LIMITS)}")
    if not torch.cuda.is_available():
        sys.exit(f"no GPU: torch {torch.__version__} sees none (torch.cuda.is_available() is False)")
    steps = {"build": build, "test": test, "sanitize": sanitize, "bench": lambda deadline: bench(deadline, args.quick)}
    parts: dict[str, Any] = {}
    for part in args.parts or LIMITS:
        print(f"gpu-check: {part}", flush=True)
        parts[part] = timed(steps[part], LIMITS[part])
        if part == "build" and not parts[part]["ok"]:
            break
    before = json.loads(args.output.read_text()) if args.output.exists() else {}
    report = merged(before, machine(), parts)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(table(report)))
    print(f"written to {args.output}")
    sys.exit(any(result["ok"] is False for result in parts.values()))


if __name__ == "__main__":
    main()
