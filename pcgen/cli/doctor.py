"""``pcgen doctor``: what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
from typing import Any

HELP = "show what is installed, what works, and what to do about the rest"
EXAMPLES = """\
  pcgen doctor
  pcgen doctor --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts and what to do; exit status 0 when the compiled operators work, 1 when not."""
    facts = examine()
    facts["advice"] = advice(facts)
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _print(facts)
    return 0 if facts["operators"]["cpu"]["loaded"] else 1


def examine() -> dict[str, Any]:
    """All facts, as plain values."""
    import os
    import platform
    import re
    import warnings

    import torch

    from pcgen import __version__, weights
    from pcgen.cli import _machine
    from pcgen.viz.open3d import missing_packages

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing library is reported below
        from pcgen.ops._native import build_facts, status

    native, built = status(), build_facts()
    return {
        "pcgen": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": {"version": torch.__version__, "cuda": torch.version.cuda, "threads": torch.get_num_threads()},
        "operators": {
            "cpu": {
                "loaded": native.cpu is not None,
                "path": str(native.cpu or ""),
                "problem": native.cpu_problem,
                "simd": native.simd,
                "compiler": built["compiler"],
            },
            "cuda": {
                "loaded": native.cuda is not None,
                "path": str(native.cuda or ""),
                "problem": native.cuda_problem,
                "compiler": built["cuda"],
                "archs": [int(arch) for arch in re.findall(r"\d+", built["archs"])],
            },
        },
        "gpus": _machine.gpus(),
        "driver": {"found": _machine.driver_version(), "needed": _machine.driver_needed(built["cuda"])},
        "generators": sorted(weights.folders()),
        "optional": _machine.optional_packages(),
        "open3d_packages_missing": missing_packages(),
        "display": os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "",
    }


def advice(facts: dict[str, Any]) -> list[str]:
    """What to do about what does not work, a sentence or two each; nothing about what is merely optional."""
    cpu, cuda = facts["operators"]["cpu"], facts["operators"]["cuda"]
    needed, found = facts["driver"]["needed"], facts["driver"]["found"]
    said = []
    if not cpu["loaded"]:
        said.append(
            "The operators run on the slow reference. Install a C++ compiler (Debian: `apt install g++`) and run "
            "`pip install .` in a checkout of pcgen."
        )
    elif facts["torch"]["cuda"] and not cuda["loaded"]:
        said.append(
            "CUDA tensors run on the slow reference. Put nvcc on PATH and run `PCGEN_CUDA=1 pip install .` in a "
            "checkout of pcgen."
        )
    if cuda["loaded"] and facts["gpus"]:
        if found and int(found.split(".")[0]) < needed:
            said.append(
                f"The CUDA operators were built with CUDA {cuda['compiler']} and need driver {needed} or newer, found "
                f"{found}. Update the driver, or build pcgen with the nvcc of CUDA {facts['torch']['cuda']}."
            )
        for gpu in facts["gpus"]:
            if gpu["arch"] < min(cuda["archs"], default=0):
                said.append(
                    f"{gpu['name']} (sm_{gpu['arch']}) is older than this build serves. Run "
                    f"`PCGEN_CUDA_ARCHS={gpu['arch']} pip install .` in a checkout of pcgen."
                )
    if facts["optional"]["open3d"]["version"] and facts["open3d_packages_missing"]:
        said.append(f"Open3D lacks system libraries. Run `{_apt(facts)}`.")
    return said


def _apt(facts: dict[str, Any]) -> str:
    return "apt-get install " + " ".join(facts["open3d_packages_missing"])


def _print(facts: dict[str, Any]) -> None:
    from pcgen.cli._output import print_table

    torch, cpu, cuda = facts["torch"], facts["operators"]["cpu"], facts["operators"]["cuda"]
    gpus = [f"{gpu['name']} (sm_{gpu['arch']})" for gpu in facts["gpus"]]
    archs = ", ".join(f"sm_{arch}" for arch in cuda["archs"])
    rows = [
        ["pcgen", facts["pcgen"]],
        ["python", f"{facts['python']}, {facts['platform']}"],
        ["torch", f"{torch['version']}, CUDA {torch['cuda'] or 'none'}, {torch['threads']} threads"],
        ["CPU operators", f"{cpu['simd']}, {cpu['path']}" if cpu["loaded"] else f"not loaded: {cpu['problem']}"],
        ["CUDA operators", cuda["path"] if cuda["loaded"] else f"not loaded: {cuda['problem']}"],
        ["built with", f"{cpu['compiler'] or 'no compiler'}, CUDA {cuda['compiler'] or 'none'} {archs}".rstrip()],
        ["GPUs", ", ".join(gpus) or "none"],
        ["driver", f"{facts['driver']['found'] or 'none'} (needed for CUDA: {facts['driver']['needed'] or 'any'})"],
        ["generators", ", ".join(facts["generators"]) or "none"],
        *([name, _package(**package)] for name, package in facts["optional"].items()),
        ["Open3D's system", f"lacks: {_apt(facts)}" if facts["open3d_packages_missing"] else "complete"],
        ["display", facts["display"] or "none: pictures are written to files"],
    ]
    width = max(len(row[0]) for row in rows)
    print_table([[name.ljust(width) + "   " + value] for name, value in rows])
    for sentence in facts["advice"]:
        print("\n" + sentence)


def _package(version: str, extra: str) -> str:
    if version:
        return version
    return "not installed (optional" + (f": pip install 'pcgen[{extra}]')" if extra else ")")
