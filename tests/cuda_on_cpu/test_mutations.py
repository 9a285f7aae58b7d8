"""The emulation finds what it is for: each fault put into a kernel is caught, by an error or by a wrong result."""

import math
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from cuda_on_cpu.builder import ROOT, build
from cuda_on_cpu.emulator import RUNS, EmulationError
from cuda_on_cpu.mutations import MUTATIONS, WRONG, trimmed
from cuda_on_cpu.test_fps import LARGE
from ops.inputs import clouds, on_a_grid, with_bad_points

QUERY, POINTS = with_bad_points(on_a_grid(2, 130)), with_bad_points(on_a_grid(2, 700, seed=1))
INDEX = torch.ops.pcgen.spatial_index(POINTS, None)
LENGTHS = torch.tensor([700, 610])
START = torch.zeros(2, dtype=torch.int64)


def backward(n, m):
    nearest = torch.randint(-1, m // 2, (2, n), generator=torch.Generator().manual_seed(2))
    return "nearest_backward", clouds(2, n)[..., 0], clouds(2, n), clouds(2, m, seed=1), nearest


# What the faulty kernels are called with: an operator and its arguments.
CALLS = {
    "nearest_both": ("nearest_both", on_a_grid(2, 130), on_a_grid(2, 257, seed=1), None, None),
    "nearest_backward": backward(700, 40),
    "nearest_backward_sorted": backward(8200, 300),
    "fps": ("farthest_point_sample", on_a_grid(2, 1100), None, START, 20),
    "fps_large": ("farthest_point_sample", on_a_grid(2, 8193), None, START, 3),
    "knn": ("knn", QUERY, POINTS, 5, 1e3, None, LENGTHS),
    "spatial_index": ("spatial_index", POINTS, LENGTHS),
    "spatial_index_knn": ("spatial_index_knn", QUERY, None, *INDEX, 5, math.inf),
    "emd": ("emd", clouds(2, 40), clouds(2, 40, seed=1), None, None, False, 0.01, False),
}


def call(emulator, library, name):
    return emulator.call(library, *CALLS[name], runs=LARGE if name == "fps_large" else RUNS, limit=100)


@pytest.fixture(scope="module")
def mutants(request):
    """A library for each mutation that is tried."""
    build()
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if getattr(item, "function", None) is test_mutation_is_caught  # a doctest has none
    }

    def faulty(mutation):
        path = f"kernels/cuda/{mutation.kernel}"
        return build({path: trimmed(mutation.applied((ROOT / path).read_text()))})

    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(faulty, MUTATIONS[name]) for name in MUTATIONS if name in wanted}
        return {name: future.result() for name, future in futures.items()}


@pytest.fixture(scope="module")
def expected(emulator):
    """What the kernels without a fault answer."""
    answers = {}

    def answer(name):
        if name not in answers:
            answers[name] = call(emulator, build(), name)
        return answers[name]

    return answer


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if m.slow else []) for name, m in MUTATIONS.items()]
)
def test_mutation_is_caught(emulator, mutants, expected, name):
    mutation = MUTATIONS[name]
    right = expected(mutation.call)
    try:
        result = call(emulator, mutants[name], mutation.call)
    except EmulationError as error:
        assert re.search(mutation.complaints, str(error)), str(error)[:2000]
    else:
        assert any(a.numpy().tobytes() != b.numpy().tobytes() for a, b in zip(result, right, strict=True))
        assert WRONG in mutation.complaints


def test_every_kernel_is_tried_in_every_run():
    kernels = {path.name for path in (ROOT / "kernels" / "cuda").glob("*.cu") if "__global__" in path.read_text()}
    assert {m.kernel for m in MUTATIONS.values() if not m.slow} == kernels
