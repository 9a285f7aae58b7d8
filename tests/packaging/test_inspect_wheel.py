"""What the wheel's inspection finds, on libraries built here with those faults."""

import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

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
