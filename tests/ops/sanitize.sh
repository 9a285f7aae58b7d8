#!/usr/bin/env bash
# The operators' tests on libraries built with AddressSanitizer and UndefinedBehaviorSanitizer; any finding ends the run.
#   tests/ops/sanitize.sh .venv/bin/python [PYTEST ARGUMENTS...]
set -euo pipefail
python=$(realpath -s "$1")
build=$(realpath build)/sanitize
mkdir -p "$build/site/tests"

sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1"
torch=$("$python" -c "import torch, pathlib; print(pathlib.Path(torch.__file__).parent)")
cmake -S . -B "$build" -G Ninja -DTORCH_DIR="$torch" -DCMAKE_CXX_FLAGS="$sanitizers" -DPCGEN_OPTIMIZATION=-O1 >/dev/null
cmake --build "$build"

# A copy of the package with this library, found before the installed one.
cp -r pcgen pyproject.toml "$build/site"
cp -r tests/ops tests/conftest.py "$build/site/tests"
rm -f "$build"/site/pcgen/*.so
cp "$build/_C.so" "$build/site/pcgen"
cd "$build/site"

# Python and torch keep what they allocate, so leaks are not reported. torch.compile would start compilers under the
# sanitizer, and what it compiles is not ours.
export PCGEN_REQUIRE_NATIVE=1 PYTHONPATH=$PWD:$PWD/tests
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so.6)"
LD_PRELOAD=$preload "$python" -c "from pcgen.ops import _native; print('sanitizing', _native.status().cpu)"
LD_PRELOAD=$preload "$python" -m pytest -q -p no:cacheprovider -k "not compile" "${@:2}" tests/ops
for level in avx2 portable; do
  PCGEN_SIMD=$level LD_PRELOAD=$preload "$python" -m ops.fuzz --cases 2000
done
