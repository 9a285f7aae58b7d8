"""`make gpu-check` without a GPU: everything but the kernels' own answers and times."""

import importlib
import json
import os
import sys
import time
import types
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
CLEAN, HAZARDS = "========= ERROR SUMMARY: 0 errors\n", "========= RACECHECK SUMMARY: 2 hazards displayed (1 error)\n"
MACHINE = {"device": "NVIDIA H100", "commit": "abc1234"}
LIMITS = {"bytes_per_second": 3e12, "slots_per_second": 3e13, "processors": 132}


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu_check")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu_bench")


def test_parts_together_stay_below_eight_minutes(check):
    assert sum(check.LIMITS.values()) < 8 * 60


def test_without_a_gpu_it_says_so(check):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    status, output = check.run([sys.executable, "benchmarks/gpu_check.py", "bench"], 100)
    assert status == 1 and output.startswith("no GPU: torch ")
    status, output = check.run([sys.executable, "benchmarks/gpu_check.py", "dance"], 100)
    assert status == 2 and "no such part: dance; there are build, test, sanitize, bench" in output


def test_run(check):
    assert check.run([sys.executable, "-c", "print('x' * 9999); exit(3)"], 60) == (3, "x" * 3999 + "\n")
    assert check.run(["no-such-program"], 60)[0] == check.NOT_FOUND
    assert check.run([sys.executable, "-c", "import os; print(os.environ['A'])"], 60, A="b") == (0, "b\n")


def test_run_ends_what_takes_too_long_and_its_children(check):
    code = "import subprocess; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); child.wait()"
    status, output = check.run([sys.executable, "-c", code], 5)
    child, said = output.split("\n", 1)
    assert status == check.TOO_LONG and "took more than 5 s" in said
    for _ in range(100):  # until its end has come about
        if not running(child):
            break
        time.sleep(0.1)
    assert not running(child)


def running(process):
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_build_is_for_this_torch_and_one_gpu(check, tmp_path):
    configure, compile_all = check.build_commands((12, 0), tmp_path)
    assert {"-DPCGEN_CUDA=ON", "-DPCGEN_CUDA_ARCHS=120", f"-DTORCH_DIR={Path(torch.__file__).parent}"} <= set(configure)
    assert compile_all == ["cmake", "--build", str(tmp_path)]


@pytest.mark.parametrize(
    ("status", "output", "expected"),
    [
        (0, "text\n" + CLEAN, "clean"),
        (9, "========= ERROR SUMMARY: 3 errors", "errors"),
        (9, HAZARDS, "errors"),
        (0, HAZARDS, "errors"),
        (0, "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)", "clean"),
        (1, "========= Error: Device not supported. Please refer to the documentation", "did not run"),
        (1, "Traceback (most recent call last):\nRuntimeError\n" + CLEAN, "did not run"),
        (0, "", "did not run"),
        (124, "========= ERROR SUMMARY: 3 errors\ntook more than 20 s", "too slow"),
        (127, "No such file or directory", "did not run"),
    ],
)
def test_verdict_of_the_sanitizer(check, status, output, expected):
    assert check.verdict(status, output) == expected


def test_what_the_device_refuses_is_no_failure(check):
    assert check.combined({"memcheck": "clean", "racecheck": "clean"}) is True
    assert check.combined({"memcheck": "clean", "racecheck": "did not run"}) is None
    assert check.combined({"memcheck": "too slow", "racecheck": "errors"}) is False


def test_sanitize_runs_every_tool_on_every_operator(check, monkeypatch, tmp_path):
    """With a program in place of NVIDIA's that finds fault in one tool and refuses another."""
    program = tmp_path / "compute-sanitizer"
    program.write_text(
        '#!/bin/sh\n[ "$PYTORCH_NO_CUDA_MEMORY_CACHING" = 1 ] || exit 3\n'
        'case "$2" in racecheck) echo "========= RACECHECK SUMMARY: 1 hazard displayed"; exit $4;;\n'
        'initcheck) echo "========= Error: not supported"; exit 1;; esac\necho "========= ERROR SUMMARY: 0 errors"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    result = check.sanitize(time.monotonic() + 100)
    assert [result[tool] for tool in check.TOOLS] == ["clean", "errors", "did not run", "clean"]
    assert result["ok"] is False and "not supported" in result["initcheck output"]
    for operator in ("chamfer_distance", "backward", "knn", "SpatialIndex", "farthest_point_sample", "earth_movers"):
        assert operator in check.TOUCH


def test_a_part_that_raises_is_a_failed_part(check):
    def broken(deadline):
        raise RuntimeError("driver too old")

    result = check.timed(broken, 1)
    assert result["ok"] is False and result["output"] == "RuntimeError: driver too old" and result["seconds"] >= 0


def test_parts_of_several_calls_come_together(check):
    before = {"machine": MACHINE, "parts": {"build": {"ok": True}, "test": {"ok": False}}}
    assert check.merged(before, MACHINE, {"test": {"ok": True}})["parts"] == {
        "build": {"ok": True},
        "test": {"ok": True},
    }
    other = MACHINE | {"commit": "def5678"}
    assert check.merged(before, other, {"test": {"ok": True}})["parts"] == {"test": {"ok": True}}
    assert check.merged({}, MACHINE, {})["parts"] == {}


def test_table(check):
    row = {"ms": 0.2, "graph_ms": 0.1, "floor_ms": 0.05, "target_ms": 0.12, "torch ms": 1.5, "kaolin ms": "Error: no"}
    rows = {"chamfer 32 x 2048": row, "emd 32 x 2048": {"ms": "no time left"}, "knn": {"ms": "RuntimeError: launch"}}
    rows["fps"] = {"ms": 2.0, "graph_ms": "RuntimeError: capture", "floor_ms": 1.0}
    parts = {
        "test": {"ok": False, "seconds": 3.0, "output": "1 failed"},
        "sanitize": {"ok": None, "seconds": 1.0, "memcheck": "did not run"},
        "bench": {"ok": True, "seconds": 2.0, "limits": LIMITS, "cases": rows},
    }
    lines = check.table(json.loads(json.dumps({"machine": MACHINE, "parts": parts})))
    text = "\n".join(lines)
    assert "device NVIDIA H100" in lines[0] and "copy 3000 GB/s, FP32 60.0 TFLOP/s" in text
    assert "FAILED" in text and "1 failed" in text and "not done" in text and "did not run" in text
    [chamfer] = [line for line in lines if line.startswith("chamfer")]
    assert (
        chamfer
        == f"{'chamfer 32 x 2048':<32}    0.200       0.100    0.120    0.050      2.0  torch 1.500, kaolin failed"
    )
    assert [line.split()[1:] for line in lines if line.startswith("fps")] == [["2.000", "failed", "-", "1.000", "2.0"]]
    assert any(line.split()[4:] == ["no", "time", "left"] for line in lines if line.startswith("emd"))


# --- measuring ------------------------------------------------------------------------------------------------------


def test_the_first_case_calls_the_operator(bench):
    name, case = next(bench.cases("cpu"))
    assert name == "chamfer 32 x 2048" and case.ours().shape == (32,)


def test_every_case_has_a_floor_and_every_target_a_case(bench):
    floors = importlib.import_module("floors")
    predictions = importlib.import_module("predictions").predictions()
    assert set(floors.TARGETS) <= set(floors.FLOORS) == set(predictions)
    assert all(floors.floor(case, floors.H100) < predictions[case][0] for case in predictions)


def test_floor_is_the_longer_of_arithmetic_and_traffic_with_launches_and_waiting(bench):
    floors = importlib.import_module("floors")
    device = floors.Device(slots=100.0, bytes=10.0, processors=4)
    assert floors.Phase(slots=200, bytes=5).seconds(device) == 2 + floors.LAUNCH
    assert floors.Phase(slots=200, bytes=50, launches=3).seconds(device) == 5 + 3 * floors.LAUNCH
    assert floors.Phase(slots=200, processors=1, waits=7).seconds(device) == 8 + 7 + floors.LAUNCH
    assert floors.Phase(slots=200, processors=9).seconds(device) == 2 + floors.LAUNCH


def test_other_packages_take_part_where_they_are_installed(bench, monkeypatch):
    x = torch.zeros(1, 4, 3)
    loss, ops = types.ModuleType("pytorch3d.loss"), types.ModuleType("pytorch3d.ops")
    loss.chamfer_distance = lambda a, b: "asked"
    for name, module in (
        ("pytorch3d", types.ModuleType("pytorch3d")),
        ("pytorch3d.loss", loss),
        ("pytorch3d.ops", ops),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "kaolin", None)  # as if it were not installed
    peers = bench.peers_of("chamfer 32 x 2048", x, x)
    assert list(peers) == ["torch", "pytorch3d"] and peers["pytorch3d"]() == "asked"
    assert bench.peers_of("nearest 1M vs 1M", x, x) == {}
    assert bench.imported("no_such_package") is None


def test_torch_peers_compute_the_same(bench):
    points = torch.rand(2, 50, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.ops.pcgen.farthest_point_sample(points, None, torch.zeros(2, dtype=torch.int64), 9)[0]
    assert torch.equal(bench.fps_in_torch(points, 9), expected)


def test_bench_goes_on_after_a_failure_and_stops_in_time(bench, monkeypatch):
    floors = importlib.import_module("floors")

    def broken():
        raise ValueError("no")

    names = ["chamfer 32 x 2048", "emd 32 x 2048"]
    cases = [(names[0], bench.Case(lambda: 0, {"other": broken})), (names[1], bench.Case(broken, slow=True))]
    monkeypatch.setattr(bench, "measure_device", lambda repeats: floors.H100)
    monkeypatch.setattr(bench, "milliseconds", lambda call, repeats: call() or float(repeats))
    monkeypatch.setattr(bench, "graph_milliseconds", lambda call, repeats: call() or 0.5)
    monkeypatch.setattr(bench, "cases", lambda: iter(cases))
    result = json.loads(json.dumps(bench.bench(quick=True, deadline=time.monotonic() + 1000)))
    row = result["cases"][names[0]]
    assert (row["ms"], row["graph_ms"], row["other ms"], row["target_ms"]) == (5.0, 0.5, "ValueError: no", 120e-6 * 1e3)
    assert row["floor_ms"] == 1e3 * floors.floor(names[0], floors.H100) and result["ok"] is False
    assert result["cases"][names[1]]["ms"] == "ValueError: no" and "target_ms" not in result["cases"][names[1]]
    late = bench.bench(quick=False, deadline=time.monotonic() - 1)
    assert [row["ms"] for row in late["cases"].values()] == ["no time left"] * 2 and late["ok"] is True
