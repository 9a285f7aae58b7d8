"""A share of the fuzzing (`make fuzz` runs all of it), and that it would find what it looks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ops import fuzz, fuzz_cases
from ops.fuzz_judges import complaint_about

from pcgen.ops import _native

CASES = 400


def test_kernels_agree_with_the_reference_on_anything():
    seen: set[str] = set()
    failures = [failure for seed in range(CASES) if (failure := fuzz.run(seed, seen))]
    assert not failures, "\n".join(failures)
    assert seen == set(_native.SCHEMAS), "an operator that no case calls"


@pytest.mark.parametrize(
    ("operator", "spoil", "words"),
    [
        ("nearest", lambda dist2, index: (dist2 * 1.01, index), "expected"),
        ("nearest", lambda dist2, index: (dist2, index.flip(-1)), "another distance"),
        ("knn", lambda dist2, index: (dist2[..., :1].expand_as(index), index[..., :1].expand_as(index)), "expected"),
        ("farthest_point_sample", lambda index, *radii: (index.flip(-1), *radii), "not the farthest"),
        ("farthest_point_sample", lambda index, *radii: (index[..., :1].expand_as(index), *radii), "comes twice"),
        ("emd_assignment", lambda value, bound, gap, to, *rest: (value, bound, gap, to * 0, *rest), "bijection"),
        ("emd_assignment", lambda value, *rest: (value * 2, *rest), "optimum"),
        ("emd_plan", lambda *plan: (*plan[:3], plan[3] * 0, *plan[4:]), "shares of mass"),
    ],
)
def test_a_wrong_result_is_found(operator, spoil, words):
    cases = (fuzz_cases.draw(seed) for seed in range(1000))
    for case in (case for case in cases if case.name == operator and not case.gradient):
        right = case.call()
        if words in complaint_about(case, [result.contiguous() for result in spoil(*right)], right):
            return
    pytest.fail("a spoilt result passed for right")


def test_a_case_is_made_from_its_seed_alone():
    first, second = (fuzz_cases.draw(12) for _ in range(2))
    assert str(first) == str(second)
    for name, value in first.arguments.items():
        other = second.arguments[name]
        assert (
            torch.equal(value.nan_to_num(), other.nan_to_num()) if isinstance(value, torch.Tensor) else value == other
        )


def test_the_program_runs():
    tests = Path(fuzz.__file__).parents[1]
    command = [sys.executable, "-m", "ops.fuzz", "--cases", "3", "--seed", "7"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *filter(None, sys.path)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "3 cases from seed 7" in done.stdout, done.stdout + done.stderr
