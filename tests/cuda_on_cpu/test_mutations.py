"""The emulation finds what it is for: each fault put into a kernel is caught, by an error or by a wrong result."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from cuda_on_cpu.builder import ROOT, build
from cuda_on_cpu.emulator import EmulationError
from ops.inputs import on_a_grid

from pcgen.ops import reference

KERNEL = "kernels/cuda/nearest.cu"
ONLY_3D = ("launch<T, kMaxDim>(", "launch<T, 3>(")  # compiles in half the time
LOADED = "shared.target[threadIdx.x]);\n        __syncthreads();"
MUTATIONS = {
    # name: (text in the kernel, what replaces it, what the error says)
    "off by one in a tile": ("shared.target[t + k];", "shared.target[t + k + 1];", "out of bounds"),
    "barrier removed after loading": (LOADED, LOADED.replace("__syncthreads();", ""), "depends on the order"),
    "barrier in a branch": (LOADED, LOADED.replace("__sync", "if (threadIdx.x < 64) __sync"), "diverged"),
    "lane missing in a mask": ("__ballot_sync(kAllLanes, j", "__ballot_sync(kAllLanes >> 1, j", "leaves out"),
    "no guard at the tail": ("if (i >= last_row) continue;", "", "heap-buffer-overflow"),
    "last of equal minima": ("best[r] < before[r] ?", "best[r] <= before[r] ?", "wrong result"),
}


@pytest.fixture(scope="module")
def mutants():
    """A library for each mutation."""
    text = (ROOT / KERNEL).read_text().replace(*ONLY_3D)
    build()
    with ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(build, {KERNEL: text.replace(*edit[:2], 1)}) for name, edit in MUTATIONS.items()}
        return {name: future.result() for name, future in futures.items()}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(emulator, mutants, name):
    before, _, complaint = MUTATIONS[name]
    assert before in (ROOT / KERNEL).read_text()
    x, y = on_a_grid(2, 130), on_a_grid(2, 257, seed=1)
    expected = reference.nearest_both(x, y)
    try:
        result = emulator.call(mutants[name], "nearest_both", x, y, None, None)
    except EmulationError as error:
        assert complaint in str(error)
    else:
        assert complaint == "wrong result"
        assert not all(torch.equal(got, want) for got, want in zip(result, expected, strict=True))
