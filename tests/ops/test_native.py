"""Where the compiled library comes from, that every SIMD level agrees, and life without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pcgen
from pcgen.ops import _native

NATIVE = pytest.mark.skipif(
    _native.status().cpu is None and os.environ.get("PCGEN_REQUIRE_NATIVE") != "1", reason="no compiled operators here"
)

SAME_EVERYWHERE = """
import torch
from pcgen.ops import _native, farthest_point_sample, nearest
generator = torch.Generator().manual_seed(0)
x, y = (torch.randn(3, n, 3, generator=generator) for n in (500, 1700))
ties = (2 * y).round()
pairs = [(x, y), (y, y.flip(1)), (y.double(), ties.double()), (ties, ties.flip(1))]
found = [nearest(*pair).index.sum().item() for pair in pairs]
print(_native.status().simd, found, farthest_point_sample(y, 300).tolist())
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )


@NATIVE
def test_the_library_belongs_to_this_package():
    assert _native.status().cpu == Path(pcgen.__file__).resolve().parent / "_C.so"


@NATIVE
def test_schemas_in_python_are_those_in_the_library():
    for name, schema in _native.SCHEMAS.items():
        assert str(getattr(torch.ops.pcgen, name).default._schema) == f"pcgen::{name}{schema}"


@NATIVE
def test_every_simd_level_gives_the_same_indices():
    answers = {}
    for level in _native.SIMD_LEVELS:
        chosen, _, answer = run(SAME_EVERYWHERE, PCGEN_SIMD=level).stdout.partition(" ")
        answers[chosen] = answer
    assert "portable" in answers and len(set(answers.values())) == 1


def test_without_the_library_everything_works_and_says_so():
    code = """
import pathlib, sys, types, warnings
import pcgen
package = types.ModuleType("pcgen.ops"); package.__path__ = [str(pathlib.Path(pcgen.__file__).parent / "ops")]
sys.modules["pcgen.ops"] = package
from pcgen.ops import _native
_native.PACKAGE = pathlib.Path("nowhere")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    _native.load()
print(caught[0].message)
import torch
from pcgen.ops.nearest import nearest
x = torch.rand(2, 30, 3)
print(nearest(x, x).index.eq(torch.arange(30)).all().item())
"""
    lines = run(code, PCGEN_REQUIRE_NATIVE="0").stdout.splitlines()
    assert "compiled operators are not available" in lines[0] and "pip install ." in lines[0]
    assert lines[1] == "True"


def test_import_pcgen_loads_nothing_heavy():
    loaded = run("import sys, pcgen; print([m for m in ('torch', 'numpy', 'trimesh') if m in sys.modules])").stdout
    assert loaded.strip() == "[]"
