"""What ``pcgen doctor`` asks the machine: GPUs and their driver, and optional packages."""

from __future__ import annotations

__all__ = ["driver_needed", "driver_version", "gpus", "optional_packages"]

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

# The oldest Linux driver that runs a program built with a major version of CUDA (NVIDIA, CUDA release notes, table 3).
DRIVERS = {11: 450, 12: 525, 13: 580}
DRIVER_FILE = Path("/proc/driver/nvidia/version")


def driver_needed(cuda: str) -> int:
    """Least major version of the NVIDIA driver for code built with this version of CUDA; 0 where nothing is known."""
    return DRIVERS.get(int(cuda.split(".")[0]), max(DRIVERS.values())) if cuda else 0


def driver_version() -> str:
    """Version of the NVIDIA driver, or nothing."""
    if DRIVER_FILE.is_file():
        found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", DRIVER_FILE.read_text())
        return found[0] if found else ""
    if not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.split("\n")[0].strip() if asked.returncode == 0 else ""


def gpus() -> list[dict[str, Any]]:
    """Name and architecture (90 for sm_90) of each GPU that torch sees."""
    import torch

    found = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    return [{"name": gpu.name, "arch": 10 * gpu.major + gpu.minor} for gpu in found]


def optional_packages() -> dict[str, dict[str, str]]:
    """For each optional package its installed version, or nothing, and the extra of pcgen that brings it."""
    found = {"pytorch3d": {"version": _version("pytorch3d"), "extra": ""}}
    for name, extra in _extras():
        if extra != "dev":
            # Open3D comes as open3d or as open3d-cpu, with the same content.
            name = name.removesuffix("-cpu")
            found[name] = {"version": _version(name) or _version(f"{name}-cpu"), "extra": extra}
    return dict(sorted(found.items()))


def _extras() -> list[tuple[str, str]]:
    """Package and extra of every optional requirement of pcgen."""
    lines = importlib.metadata.requires("pcgen") or ()
    matches = (re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", line) for line in lines)
    return [(match[1], match[2]) for match in matches if match]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
