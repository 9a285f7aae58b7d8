"""Build switches: a wrong value is one sentence, before anything is compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib")  # Python 3.11

ROOT = Path(__file__).resolve().parents[2]


def setup(**environment):
    return subprocess.run(
        [sys.executable, "setup.py", "--name"], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PCGEN_NATIVE": "yes"}, "pcgen: PCGEN_NATIVE must be 0 or 1, got 'yes'"),
        ({"PCGEN_CUDA": "on"}, "pcgen: PCGEN_CUDA must be 0, 1 or auto, got 'on'"),
        ({"PCGEN_CUDA": "1", "CUDA_HOME": "/nowhere", "CUDACXX": ""}, "pcgen: PCGEN_CUDA=1 but nvcc was not found"),
    ],
)
def test_wrong_switches(environment, message):
    done = setup(**environment)
    assert done.returncode != 0 and done.stderr.strip().splitlines()[-1].startswith(message)


def test_every_package_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "pcgen").rglob("__init__.py")}
    assert set(listed) == found | {"pcgen.configs"}
