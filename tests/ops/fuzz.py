"""Random calls of every operator, once on the kernels and once on the reference: they must agree, and never crash.

    PYTHONPATH=tests python -m ops.fuzz --cases 100000
    PYTHONPATH=tests python -m ops.fuzz --cases 1 --seed 4711    # one case again

Case i of a run is made from seed + i alone. Cases run in a child process, so that a crash is a finding like any other.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from typing import Any

import torch
from ops import fuzz_cases
from ops.fuzz_judges import complaint_about
from torch.utils._python_dispatch import TorchDispatchMode

from pcgen.ops import _native, reference


class OnReference(TorchDispatchMode):
    """Inside, every compiled operator is replaced by its reference; ``seen`` collects their names."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func.namespace != "pcgen":
            return func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("pcgen::")
        self.seen.add(name)
        return getattr(reference, name)(*args)


def run(seed: int, seen: set[str] | None = None) -> str:
    """What is wrong with one case, or nothing; the operators that took part are added to ``seen``."""
    case = fuzz_cases.draw(seed)
    try:
        got = case.call()
        with OnReference() as mode:
            expected = case.call()
    except Exception as error:  # whatever it is, it is a finding
        return f"seed {seed}: {case}: {type(error).__name__}: {error}"
    if seen is not None:
        seen |= mode.seen
    complaint = complaint_about(case, got, expected)
    return f"seed {seed}: {case}: {complaint}" if complaint else ""


def _run_all(first: int, last: int, current: Any, failures: Any) -> None:
    torch.set_num_threads(1)
    for seed in range(first, last):
        current.value = seed
        if failure := run(seed):
            failures.value += 1
            print(failure, flush=True)
        if (seed + 1) % 10_000 == 0:
            print(f"… seed {seed + 1}", flush=True)
    current.value = last


def main() -> int:
    """Run the cases; exit status 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    first, last = arguments.seed, arguments.seed + arguments.cases
    processes = multiprocessing.get_context("spawn")
    current, failures = processes.Value("q", first), processes.Value("q", 0)
    while first < last:
        child = processes.Process(target=_run_all, args=(first, last, current, failures))
        child.start()
        child.join()
        first = current.value
        if child.exitcode != 0:
            failures.value += 1
            print(f"seed {first}: {fuzz_cases.draw(first)}: died with exit status {child.exitcode}", flush=True)
            first += 1
    simd = _native.status().simd or "no library"
    print(f"{arguments.cases} cases from seed {arguments.seed} ({simd}), {failures.value} failed")
    return 1 if failures.value else 0


if __name__ == "__main__":
    sys.exit(main())
