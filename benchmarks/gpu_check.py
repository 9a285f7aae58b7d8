"""Everything about the CUDA operators that needs a GPU: build, test, sanitize, measure. `make gpu-check` runs it all.

    python benchmarks/gpu_check.py                     # all parts, less than 8 minutes
    python benchmarks/gpu_check.py build test          # some
    python benchmarks/gpu_check.py bench --quick       # fewer repeats

Needs nvcc, cmake, ninja, torch >= 2.10, numpy and pytest of the running Python; no network; builds for the GPU at hand
into this checkout. Writes one JSON, by default build/gpu-check.json, and prints a short table. Ends with an error if
the build or a test failed; what compute-sanitizer could not do is only reported.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")

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


def run(command: list[str], timeout: float, **environment: str) -> tuple[int, str]:
    """Exit status and the end of the output; status 124 if it took too long."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return 124, f"took more than {timeout:.0f} s"
    return done.returncode, done.stdout[-4000:]


def build() -> dict[str, Any]:
    """Both libraries with this Python's torch, for this GPU, into the checkout."""
    start = time.perf_counter()
    major, minor = torch.cuda.get_device_capability()
    folder = ROOT / "build" / "gpu-check"
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"),
        f"-DTORCH_DIR={Path(torch.__file__).parent}",
        *("-DPCGEN_CUDA=ON", f"-DPCGEN_CUDA_ARCHS={major}{minor}"),
    ]
    for command in (configure, ["cmake", "--build", str(folder)]):
        status, output = run(command, 400)
        if status:
            return {"ok": False, "output": output}
    for name in ("_C.so", "_C_cuda.so"):
        shutil.copy2(folder / name, ROOT / "pcgen" / name)
    return {"ok": True, "seconds": time.perf_counter() - start}


def test() -> dict[str, Any]:
    """The kernels' tests on the GPU: against the reference, against the CPU, streams and graphs."""
    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/cuda_on_cpu",
        "--ignore=tests/cuda_on_cpu/test_mutations.py",
    ]
    status, output = run(command, 240, PCGEN_TEST_GPU="1", PCGEN_REQUIRE_NATIVE="1")
    return {"ok": status == 0, "seconds": time.perf_counter() - start, "output": output[-1500:]}


def sanitize() -> dict[str, Any]:
    """The verdict of each of compute-sanitizer's tools, or why there is none."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not Path(program).exists():
        return {"ok": None, "output": "compute-sanitizer is not installed"}
    verdicts = {}
    for tool in TOOLS:
        status, output = run([program, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", TOUCH], 60)
        verdicts[tool] = {0: "clean", 9: "errors", 124: "too slow"}.get(status, "did not run")
        if verdicts[tool] != "clean":
            verdicts[f"{tool} output"] = output[-600:]
    refused = any(verdicts[tool] in ("did not run", "too slow") for tool in TOOLS)
    errors = any(verdicts[tool] == "errors" for tool in TOOLS)
    return {"ok": False if errors else None if refused else True, **verdicts}


# --- measuring ------------------------------------------------------------------------------------------------------


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """Median time on the device, by events around each of several runs."""
    call()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop))
    return sorted(times)[len(times) // 2]


def measure_limits(repeats: int) -> dict[str, float]:
    """What this device really does: bytes copied a second (read + written) and FP32 operations a second."""
    source = torch.empty(256 * 2**20, dtype=torch.float32, device="cuda").normal_()
    target = torch.empty_like(source)
    copied = 2 * source.numel() * 4 / milliseconds(lambda: target.copy_(source), repeats) * 1e3
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = torch.randn(2, 8192, 8192, device="cuda")
    multiplied = 2 * 8192**3 / milliseconds(lambda: a @ b, max(3, repeats // 4)) * 1e3
    return {"bytes_per_second": copied, "flops_per_second": multiplied}


def fps_in_torch(points: torch.Tensor, k: int) -> torch.Tensor:
    """Farthest points as a loop of torch operations."""
    rows = torch.arange(len(points), device=points.device)
    last = torch.zeros_like(rows)
    distance = points.new_full(points.shape[:2], torch.inf)
    taken = []
    for _ in range(k):
        taken.append(last)
        distance = torch.minimum(distance, (points - points[rows, last][:, None]).square().sum(-1))
        last = distance.argmax(1)
    return torch.stack(taken, 1)


def bench(quick: bool) -> dict[str, Any]:
    """Our times, their share of the arithmetic floor, the targets, and peers that need no install."""
    sys.path.insert(0, str(ROOT))
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from clouds import surface

    from pcgen.ops import chamfer_distance, earth_movers_distance, farthest_point_sample, knn, nearest

    repeats = 5 if quick else 25
    limits = measure_limits(repeats)
    slots = limits["flops_per_second"] / 2  # a fused multiply-add counts twice
    x, y = (torch.stack([surface(2048, i + 32 * k) for i in range(32)]).cuda() for k in (0, 1))
    u, v = x.clone().requires_grad_(), y.clone().requires_grad_()
    middle, large = surface(100_000).cuda()[None], [surface(10**6, i).cuda()[None] for i in (0, 1)]
    pairs = 32 * 2048 * 2048
    # name: (ours, peer, fewest instruction slots or None, target in ms)
    cases: dict[str, tuple[Callable[[], object], Callable[[], object] | None, float | None, float]] = {
        "chamfer 32 x 2048": (
            lambda: chamfer_distance(x, y),
            lambda: [torch.cdist(x, y).amin(d) for d in (1, 2)],
            pairs * 8,
            0.12,
        ),
        "chamfer and gradient 32 x 2048": (
            lambda: torch.autograd.grad(chamfer_distance(u, v).sum(), (u, v)),
            None,
            pairs * 8,
            0.18,
        ),
        "knn k=16 32 x 2048": (
            lambda: knn(x, x, k=16),
            lambda: torch.cdist(x, x).topk(16, largest=False),
            pairs * 7,
            0.2,
        ),
        "fps 32 x 2048 -> 1024": (
            lambda: farthest_point_sample(x, 1024),
            lambda: fps_in_torch(x, 1024),
            None,
            1024 * 0.7e-3,
        ),
        "fps 1 x 100k -> 10k": (lambda: farthest_point_sample(middle, 10_000), None, None, 25.0),
        "nearest 1M vs 1M": (lambda: nearest(*large), None, None, 10.0),
        "emd 32 x 2048": (lambda: earth_movers_distance(x, y), None, None, 100.0),
    }
    results = {}
    for name, (ours, peer, work, target) in cases.items():
        times = max(3, repeats // 5) if target > 5 else repeats
        row: dict[str, float] = {"ms": milliseconds(ours, times), "target_ms": target}
        if work:
            row["of_floor"] = row["ms"] / (1e3 * work / slots)
        if peer:
            row["torch_ms"] = milliseconds(peer, 3)
        results[name] = row
    return {"ok": True, "limits": limits, "cases": results}


# --- report ---------------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What was measured on, and with what."""
    driver = run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], 20)[1].strip()
    return {
        "device": torch.cuda.get_device_name(),
        "capability": "{}.{}".format(*torch.cuda.get_device_capability()),
        "driver": driver,
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "python": sys.version.split()[0],
        "commit": run(["git", "rev-parse", "--short", "HEAD"], 20)[1].strip(),
        "date": time.strftime("%Y-%m-%d"),
    }


def print_table(report: dict[str, Any]) -> None:
    """The short form of the report."""
    print("  ".join(f"{key} {value}" for key, value in report["machine"].items()))
    for part, result in report["parts"].items():
        print(f"{part:<10}{ {True: 'ok', False: 'FAILED', None: 'not done'}[result['ok']] }")
        if result["ok"] is not True:
            print(json.dumps(result, indent=1))
    bench_part = report["parts"].get("bench")
    if not bench_part:
        return
    limits = bench_part["limits"]
    print(f"copy {limits['bytes_per_second'] / 1e9:.0f} GB/s, FP32 {limits['flops_per_second'] / 1e12:.1f} TFLOP/s")
    print(f"{'case':<34}{'ms':>9}{'target':>9}{'x floor':>9}{'torch ms':>10}")
    for name, row in bench_part["cases"].items():
        floor = f"{row['of_floor']:.1f}" if "of_floor" in row else "-"
        peer = f"{row['torch_ms']:.2f}" if "torch_ms" in row else "-"
        print(f"{name:<34}{row['ms']:>9.3f}{row['target_ms']:>9.3f}{floor:>9}{peer:>10}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["build", "test", "sanitize", "bench"]
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(parts)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("-o", "--output", default=str(ROOT / "build" / "gpu-check.json"))
    args = parser.parse_args()
    if unknown := set(args.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    if not torch.cuda.is_available():
        sys.exit(f"no GPU: torch {torch.__version__} sees none (torch.cuda.is_available() is False)")
    steps = {"build": build, "test": test, "sanitize": sanitize, "bench": lambda: bench(args.quick)}
    report: dict[str, Any] = {"machine": machine(), "parts": {}}
    for part in args.parts or parts:
        print(f"gpu-check: {part}", flush=True)
        report["parts"][part] = steps[part]()
        if report["parts"][part]["ok"] is False and part == "build":
            break
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps(report, indent=1) + "\n")
    print_table(report)
    print(f"written to {args.output}")
    sys.exit(any(result["ok"] is False for result in report["parts"].values()))


if __name__ == "__main__":
    main()
