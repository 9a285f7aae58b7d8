"""Times of the CUDA operators on the GPU at hand, beside their floors, their targets and other implementations."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from clouds import surface
from floors import TARGETS, Device, floor

from pcgen.ops import chamfer_distance, earth_movers_distance, farthest_point_sample, knn, nearest

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """What is timed: our operator, and the same by others."""

    ours: Call
    peers: dict[str, Call] = field(default_factory=dict)
    slow: bool = False  # milliseconds: a few repeats are enough


def milliseconds(call: Call, repeats: int) -> float:
    """Median time on the device, by events around each of several runs; with it what the host takes to ask for them."""
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


def graph_milliseconds(call: Call, repeats: int) -> float:
    """The same, captured once and replayed: what the device takes alone."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return milliseconds(graph.replay, repeats)


def measure_device(repeats: int) -> Device:
    """What this GPU really does in a second: half its FP32 operations, for a fused one counts twice; bytes copied."""
    source = torch.empty(256 * 2**20, dtype=torch.float32, device="cuda").normal_()
    target = torch.empty_like(source)
    copied = 2 * source.numel() * 4 / milliseconds(lambda: target.copy_(source), repeats) * 1e3
    torch.backends.cuda.matmul.allow_tf32 = False
    a, b = torch.randn(2, 8192, 8192, device="cuda")
    multiplied = 2 * 8192**3 / milliseconds(lambda: a @ b, max(3, repeats // 4)) * 1e3
    return Device(multiplied / 2, copied, torch.cuda.get_device_properties(0).multi_processor_count)


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


def imported(*names: str) -> list[Any] | None:
    """Modules of another package, or None if any of them cannot be imported."""
    try:
        return [importlib.import_module(name) for name in names]
    except (ImportError, OSError):  # OSError: a library for another version of torch
        return None


def peers_of(case: str, x: torch.Tensor, y: torch.Tensor) -> dict[str, Call]:
    """Other implementations of a case on batches x and y: torch's operations, and packages that are installed."""
    found: dict[str, Call] = {}
    if case == "chamfer 32 x 2048":
        found["torch"] = lambda: [torch.cdist(x, y).amin(axis) for axis in (1, 2)]
    if case == "knn k=16 32 x 2048":
        found["torch"] = lambda: torch.cdist(x, x).topk(16, largest=False)
    if case == "fps 32 x 2048 -> 1024":
        found["torch"] = lambda: fps_in_torch(x, 1024)
    if pytorch3d := imported("pytorch3d.loss", "pytorch3d.ops"):
        loss, ops = pytorch3d
        calls: dict[str, Call] = {
            "chamfer 32 x 2048": lambda: loss.chamfer_distance(x, y),
            "knn k=16 32 x 2048": lambda: ops.knn_points(x, x, K=16),
            "fps 32 x 2048 -> 1024": lambda: ops.sample_farthest_points(x, K=1024),
        }
        found |= {"pytorch3d": calls[case]} if case in calls else {}
    if case == "chamfer 32 x 2048" and (kaolin := imported("kaolin.metrics.pointcloud")):
        found["kaolin"] = lambda: kaolin[0].chamfer_distance(x, y)
    return found


def cases(device: str = "cuda") -> Iterator[tuple[str, Case]]:
    """Everything that is timed, made when it is its turn."""
    x, y = (torch.stack([surface(2048, i + 32 * k) for i in range(32)]).to(device) for k in (0, 1))
    u, v = x.clone().requires_grad_(), y.clone().requires_grad_()
    ours: dict[str, Call] = {
        "chamfer 32 x 2048": lambda: chamfer_distance(x, y),
        "chamfer and gradient 32 x 2048": lambda: torch.autograd.grad(chamfer_distance(u, v).sum(), (u, v)),
        "knn k=16 32 x 2048": lambda: knn(x, x, k=16),
        "fps 32 x 2048 -> 1024": lambda: farthest_point_sample(x, 1024),
    }
    for name, call in ours.items():
        yield name, Case(call, peers_of(name, x, y))
    middle = surface(100_000).to(device)[None]
    yield "fps 1 x 100k -> 10k", Case(lambda: farthest_point_sample(middle, 10_000), slow=True)
    large = [surface(10**6, i).to(device)[None] for i in (0, 1)]
    yield "nearest 1M vs 1M", Case(lambda: nearest(*large), slow=True)
    yield "emd 32 x 2048", Case(lambda: earth_movers_distance(x, y), slow=True)


def attempt(measure: Callable[..., float], call: Callable[[], object], times: int) -> float | str:
    """A time, or why there is none."""
    try:
        return measure(call, times)
    except Exception as error:  # a peer may fail in any way, and the others are still to be timed
        return f"{type(error).__name__}: {error}"[:200]


def bench(quick: bool, deadline: float) -> dict[str, Any]:
    """A row for each case that begins before the deadline (of time.monotonic)."""
    repeats = 5 if quick else 25
    device = measure_device(repeats)
    results: dict[str, dict[str, float | str]] = {}
    failed = False
    for name, case in cases():
        if time.monotonic() > deadline:
            results[name] = {"ms": "no time left"}
            continue
        times = max(3, repeats // 5) if case.slow else repeats
        row: dict[str, float | str] = {"ms": attempt(milliseconds, case.ours, times)}
        failed |= isinstance(row["ms"], str)
        row["graph_ms"] = attempt(graph_milliseconds, case.ours, times)
        row["floor_ms"] = 1e3 * floor(name, device)
        if name in TARGETS:
            row["target_ms"] = 1e3 * TARGETS[name]
        row |= {f"{peer} ms": attempt(milliseconds, call, 3) for peer, call in case.peers.items()}
        results[name] = row
    limits = {"bytes_per_second": device.bytes, "slots_per_second": device.slots, "processors": device.processors}
    return {"ok": not failed, "limits": limits, "cases": results}
