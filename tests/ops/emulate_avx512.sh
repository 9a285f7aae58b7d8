#!/usr/bin/env bash
# The operators' tests on the code for AVX-512, on a processor that need not have it: SIMDe emulates its instructions.
#   tests/ops/emulate_avx512.sh .venv/bin/python [PYTEST ARGUMENTS...]
set -euo pipefail
python=$(realpath -s "$1")
build=$(realpath build)/avx512
mkdir -p "$build/site/tests"
echo '#include <simde/x86/avx512.h>' | g++ -mavx2 -E -x c++ - >/dev/null 2>&1 ||
  { echo "needs SIMDe's headers: apt-get install libsimde-dev" >&2; exit 1; }

torch=$("$python" -c "import torch, pathlib; print(pathlib.Path(torch.__file__).parent)")
cmake -S . -B "$build" -G Ninja -DTORCH_DIR="$torch" -DPCGEN_EMULATE_AVX512=ON >/dev/null
cmake --build "$build"

# A copy of the package with this library, found before the installed one.
cp -r pcgen pyproject.toml "$build/site"
cp -r tests/ops tests/conftest.py "$build/site/tests"
rm -f "$build"/site/pcgen/*.so
cp "$build/_C.so" "$build/site/pcgen"
cd "$build/site"
export PCGEN_REQUIRE_NATIVE=1 PYTHONPATH=$PWD:$PWD/tests
"$python" -c "from pcgen.ops import _native as n; assert n.status().simd == 'avx512', n.status()"
"$python" -m pytest -q -p no:cacheprovider -k "not compile" "${@:2}" tests/ops
"$python" -m ops.fuzz --cases 2000
