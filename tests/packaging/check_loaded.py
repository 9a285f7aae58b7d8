"""Asserts, in an environment where the wheel is installed, that its libraries are loaded and registered."""

import platform
import sys
from pathlib import Path

import torch

import pcgen
from pcgen.ops import _native


def main() -> None:
    """Raise AssertionError, or print what is there."""
    status = _native.status()
    package = Path(pcgen.__file__).parent
    assert package.is_relative_to(sys.prefix), f"{package} is not the installed package"
    assert status.cpu == package / "_C.so", status.cpu_problem
    registered = {
        device: [op for op in _native.SCHEMAS if torch._C._dispatch_has_kernel_for_dispatch_key(f"pcgen::{op}", device)]
        for device in ("CPU", "CUDA")
    }
    assert set(registered["CPU"]) == set(_native.SCHEMAS), registered["CPU"]
    if torch.version.cuda and (package / "_C_cuda.so").exists():
        assert status.cuda == package / "_C_cuda.so", status.cuda_problem
        assert "nearest" in registered["CUDA"], registered["CUDA"]
    else:
        assert not registered["CUDA"], registered["CUDA"]
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, CUDA operators: {registered['CUDA'] or 'none'}"
    )


if __name__ == "__main__":
    main()
