"""``pcgen doctor``: what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
from typing import Any

HELP = "show what is installed, what works, and what to do about the rest"
EXAMPLES = """\
  pcgen doctor
  pcgen doctor --json"""

OPTIONAL = ("open3d", "scipy", "pytorch3d")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts; exit status 0 when the compiled operators work, 1 when not."""
    facts = examine()
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _print(facts)
    return 0 if facts["operators"]["cpu"]["loaded"] else 1


def examine() -> dict[str, Any]:
    """All facts, as plain values."""
    import os
    import platform
    import warnings

    import torch

    from pcgen import __version__, weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing library is reported below
        from pcgen.ops._native import status

    native = status()
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "pcgen": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": {
            "version": torch.__version__,
            "cuda": torch.version.cuda,
            "gpus": gpus,
            "threads": torch.get_num_threads(),
        },
        "operators": {
            "cpu": {
                "loaded": native.cpu is not None,
                "path": str(native.cpu or ""),
                "problem": native.cpu_problem,
                "simd": native.simd,
            },
            "cuda": {
                "loaded": native.cuda is not None,
                "path": str(native.cuda or ""),
                "problem": native.cuda_problem,
            },
        },
        "generators": sorted(weights.folders()),
        "optional": {name: _version(name) for name in OPTIONAL},
        "display": os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "",
    }


def _version(package: str) -> str:
    """Version of an installed distribution (open3d comes as open3d or open3d-cpu), or nothing."""
    import importlib.metadata

    for name in (package, f"{package}-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _print(facts: dict[str, Any]) -> None:
    from pcgen.cli._output import print_table

    torch, operators = facts["torch"], facts["operators"]
    gpus = ", ".join(torch["gpus"]) or "none"
    rows = [
        ["pcgen", facts["pcgen"]],
        ["python", f"{facts['python']}, {facts['platform']}"],
        ["torch", f"{torch['version']}, CUDA {torch['cuda'] or 'none'}, GPUs: {gpus}, {torch['threads']} threads"],
        ["CPU operators", _library(operators["cpu"], f"{operators['cpu']['simd']}, ")],
        ["CUDA operators", _library(operators["cuda"], "")],
        ["generators", ", ".join(facts["generators"]) or "none"],
        *([name, version or "not installed (optional)"] for name, version in facts["optional"].items()),
        ["display", facts["display"] or "none: pictures are written to files"],
    ]
    width = max(len(row[0]) for row in rows)
    print_table([[name.ljust(width) + "   " + value] for name, value in rows])
    if not operators["cpu"]["loaded"]:
        print(
            "\nThe operators run on the slow reference. Install a C++ compiler (Debian: `apt install g++`) and run "
            "`pip install .` in a checkout of pcgen."
        )


def _library(library: dict[str, Any], detail: str) -> str:
    return f"{detail}{library['path']}" if library["loaded"] else f"not loaded: {library['problem']}"
