"""Find torch and a compiler, hand over to CMake. Metadata is in pyproject.toml, sources and flags in CMakeLists.txt."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

MIN_TORCH = (2, 10)
PURE_PYTHON = "or set PCGEN_NATIVE=0 to install without compiled operators (slow, everything works)."

FIND_TORCH = """
import importlib.metadata, importlib.util
print(importlib.util.find_spec("torch").submodule_search_locations[0])
print(importlib.metadata.version("torch"))
"""


def find_torch() -> Path:
    """The folder of the target environment's torch, which an isolated build cannot see but its interpreter can."""
    if importlib.util.find_spec("torch"):
        answer = [importlib.util.find_spec("torch").submodule_search_locations[0], importlib.metadata.version("torch")]
    else:
        found = subprocess.run([sys.executable, "-I", "-c", FIND_TORCH], capture_output=True, text=True)
        answer = found.stdout.split("\n") if found.returncode == 0 else None
    if not answer:
        raise SystemExit(
            f"pcgen: torch is not installed for {sys.executable}; run `pip install torch` first, {PURE_PYTHON}"
        )
    folder, version = answer[:2]
    if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) < MIN_TORCH:
        raise SystemExit(f"pcgen: torch >= 2.10 is needed, found {version}; run `pip install -U torch`, {PURE_PYTHON}")
    return Path(folder)


def find_compiler() -> None:
    """Stop with a sentence where CMake would stop with a page."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++")):
        raise SystemExit(f"pcgen: no C++ compiler found; install one (Debian: `apt install g++`), {PURE_PYTHON}")


def want_native() -> bool:
    wanted = os.environ.get("PCGEN_NATIVE", "1" if platform.system() == "Linux" else "0")
    if wanted not in ("0", "1"):
        raise SystemExit(f"pcgen: PCGEN_NATIVE must be 0 or 1, got {wanted!r}")
    return wanted == "1"


def find_nvcc() -> str | None:
    """The CUDA compiler to use, after PCGEN_CUDA=0|1|auto; None leaves CUDA out."""
    wanted = os.environ.get("PCGEN_CUDA", "auto")
    if wanted not in ("0", "1", "auto"):
        raise SystemExit(f"pcgen: PCGEN_CUDA must be 0, 1 or auto, got {wanted!r}")
    home = os.environ.get("CUDA_HOME")
    nvcc = os.environ.get("CUDACXX") or (shutil.which("nvcc", path=f"{home}/bin") if home else shutil.which("nvcc"))
    if wanted == "1" and not nvcc:
        raise SystemExit("pcgen: PCGEN_CUDA=1 but nvcc was not found; put it on PATH, or set CUDA_HOME or CUDACXX.")
    if wanted == "auto" and not nvcc:
        print("pcgen: no nvcc found, building the CPU operators only (PCGEN_CUDA=1 insists on CUDA)")
    return nvcc if wanted != "0" else None


def cuda_archs() -> str | None:
    """PCGEN_CUDA_ARCHS ("86;90", or "all"), or what this machine's GPUs are; None where there are none."""
    if wanted := os.environ.get("PCGEN_CUDA_ARCHS"):
        return wanted
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    found = re.findall(r"^(\d+)\.(\d)$", subprocess.run(query, capture_output=True, text=True).stdout, re.MULTILINE)
    return ";".join(sorted({major + minor for major, minor in found})) or None


class CMakeBuild(build_ext):
    """Builds all libraries with one CMake call; the file names carry no Python version, for they use no Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return f"{fullname.replace('.', '/')}.so"

    def run(self) -> None:
        find_compiler()
        source, build = Path(__file__).resolve().parent, Path(self.build_temp).resolve()
        definitions = [f"-DTORCH_DIR={find_torch()}", f"-DPCGEN_CUDA={'ON' if NVCC else 'OFF'}"]
        if NVCC:
            definitions.append(f"-DCMAKE_CUDA_COMPILER={NVCC}")
        if archs := cuda_archs():
            definitions.append(f"-DPCGEN_CUDA_ARCHS={archs}")
        jobs = os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))
        subprocess.run(["cmake", "-S", source, "-B", build, "-G", "Ninja", *definitions], check=True)
        subprocess.run(["cmake", "--build", build, "--parallel", jobs], check=True)
        super().run()
        for folder in (self.build_lib, source) if self.inplace else (self.build_lib,):
            shutil.copy2(build / "build.json", Path(folder, "pcgen", "_build.json"))

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(self.build_temp) / f"{ext.name.rpartition('.')[2]}.so", target)


class AnyPythonWheel(bdist_wheel):
    """The libraries use torch's stable ABI and no Python symbol: one wheel per platform, whatever the Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


NATIVE = want_native()
NVCC = find_nvcc() if NATIVE else None
extensions = [Extension("pcgen._C", [])] if NATIVE else []
extensions += [Extension("pcgen._C_cuda", [])] if NVCC else []

setup(ext_modules=extensions, cmdclass={"build_ext": CMakeBuild, "bdist_wheel": AnyPythonWheel})
