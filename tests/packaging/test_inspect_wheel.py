"""What the wheel's inspection finds, on libraries built here with those faults."""

import importlib.util
import json
import platform
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import torch

import pcgen

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("g++", "nm", "objdump", "readelf")
pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not all(map(shutil.which, TOOLS)), reason="needs g++ and binutils for x86-64"
)

TABLE = """
#include <vector>
namespace { void scale(std::vector<double>& v) { STATEMENT } }
struct Entry { void (*scale)(std::vector<double>&); };
extern const Entry entry;
const Entry entry{scale};
"""
CONFINED = TABLE.replace("STATEMENT", "for (double& value : v) value *= 1.5;")
LEAK = TABLE.replace("STATEMENT", "v.push_back(v[0] * 1.5);")  # where the vector grows, the library moves its values


@pytest.fixture(scope="module")
def inspection():
    spec = importlib.util.spec_from_file_location("inspect_wheel", Path(__file__).parent / "inspect_wheel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def findings(inspection, folder, code, *flags):
    source, library = folder / "source.cpp", folder / "_C.so"
    source.write_text(code)
    command = ["g++", "-std=c++20", "-O2", "-ftree-vectorize", "-mavx512f", "-shared", "-fPIC", source, "-o", library]
    subprocess.run([*command, *flags], check=True)
    return "\n".join(inspection.inspect_library(library))


def test_vector_code_outside_anonymous_namespaces_is_found(inspection, tmp_path):
    found = findings(inspection, tmp_path, LEAK, "-fno-inline")
    assert re.search(r"_C.so may run AVX anywhere: .*std::", found)


def test_exports_are_found(inspection, tmp_path):
    assert "exports" in findings(inspection, tmp_path, CONFINED)


def test_python_symbols_are_found(inspection, tmp_path):
    code = 'extern "C" void* PyList_New(long); void* list() { return PyList_New(0); }'
    assert "_C.so uses Python:" in findings(inspection, tmp_path, code)


def test_confined_vector_code_is_fine(inspection, tmp_path):
    (tmp_path / "exports.map").write_text("{ local: *; };")
    found = findings(inspection, tmp_path, CONFINED, f"-Wl,--version-script={tmp_path / 'exports.map'}")
    assert sorted(found.splitlines()) == ["_C.so does not need libc10.so", "_C.so does not need libtorch_cpu.so"]


def fatbin(*entries):
    """What nvcc embeds, by its own format: (kind, arch, payload) where kind 1 is PTX and 2 is code."""
    body = b"".join(
        struct.pack("<HHIQIIHHI32x", kind, 0x101, 64, len(data), 0, 0, 0, 0, arch) + data
        for kind, arch, data in entries
    )
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def test_archs_of_a_library(inspection, tmp_path):
    blob = fatbin((2, 75, b"code" * 3), (2, 90, b"")) + bytes(8) + fatbin((1, 90, b"ptx "))
    (tmp_path / "blob").write_bytes(blob)
    (tmp_path / "a.s").write_text(f'.section .nv_fatbin, "a"\n.incbin "{tmp_path}/blob"\n')
    library = tmp_path / "_C_cuda.so"
    subprocess.run(["g++", "-shared", "-nostdlib", tmp_path / "a.s", "-o", library], check=True)
    assert list(inspection.inspect_archs(library, ["75-real", "90"])) == []
    assert list(inspection.inspect_archs(library, ["75", "90", "120"])) == [
        "_C_cuda.so lacks sm_120 PTX",
        "_C_cuda.so lacks sm_120 code",
        "_C_cuda.so lacks sm_75 PTX",
    ]
    assert "has no PTX" in next(inspection.inspect_archs(library, ["90-real"]))


def test_the_built_library_has_what_was_asked_for(inspection):
    package = Path(pcgen.__file__).parent
    if not (package / "_C_cuda.so").exists():
        pytest.skip("built without CUDA")
    wanted = json.loads((package / "_build.json").read_text())["archs"].split(";")
    assert wanted and list(inspection.inspect_archs(package / "_C_cuda.so", wanted)) == []


@pytest.mark.skipif(not shutil.which("nvcc") or not shutil.which("cmake"), reason="needs nvcc and cmake")
def test_all_architectures(tmp_path):
    """What PCGEN_CUDA_ARCHS=all asks for: code for every GPU from 7.5 to 12.0, and PTX for what comes after."""
    torch_folder = Path(torch.__file__).parent
    command = ["cmake", "-S", ROOT, "-B", tmp_path, "-G", "Ninja", f"-DTORCH_DIR={torch_folder}"]
    subprocess.run([*command, "-DPCGEN_CUDA=ON", "-DPCGEN_CUDA_ARCHS=all"], check=True, capture_output=True)
    wanted = json.loads((tmp_path / "build.json").read_text())["archs"].split(";")
    assert {arch.removesuffix("-real") for arch in wanted} >= {"75", "80", "86", "89", "90", "100", "120"}
    assert wanted[-1] == "120"
