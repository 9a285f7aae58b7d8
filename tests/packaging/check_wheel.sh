#!/usr/bin/env bash
# Build the wheel from the tracked files alone, under build isolation; install it in a fresh environment that sees only
# the given Python's torch and its dependencies; use it there, away from the checkout.
#   tests/packaging/check_wheel.sh .venv/bin/python
set -euo pipefail
python=$(realpath -s "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/source"
git ls-files -z | xargs -0 tar c | tar x -C "$work/source"
"$python" -m venv "$work/venv"
site=$("$work/venv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
"$python" -c "import torch, numpy, pathlib as p; print(*{str(p.Path(m.__file__).parent.parent) for m in (torch, numpy)}, sep='\n')" >"$site/borrowed.pth"

"$work/venv/bin/pip" wheel --quiet --no-deps -w "$work/dist" "$work/source"
wheel=$(echo "$work"/dist/*.whl)
case $wheel in *-py3-none-linux_*.whl) ;; *) echo "unexpected wheel name: $wheel" && exit 1 ;; esac
"$python" -m zipfile -l "$wheel" >"$work/files"
for wanted in pcgen/_C.so pcgen/py.typed pcgen/configs/chair.yaml pcgen/assets/chair_dining.ply pcgen/weights/chair/backbone.safetensors; do
  grep -q "^$wanted" "$work/files" || { echo "missing in the wheel: $wanted" && exit 1; }
done
! grep -E "^(tests|benchmarks|csrc|kernels)/|test_" "$work/files" || { echo "tests or sources in the wheel" && exit 1; }

"$work/venv/bin/pip" install --quiet --no-deps --force-reinstall "$wheel"
cd "$work"
venv/bin/pcgen doctor
venv/bin/python -c "import pcgen.ops, pathlib, sys; assert pathlib.Path(pcgen.__file__).is_relative_to(sys.prefix), pcgen.__file__"
PCGEN_REQUIRE_NATIVE=1 venv/bin/pcgen edit chair_dining --set seat_height=0.5 -o edit >/dev/null
[ -s edit/edited.ply ] && [ -s edit/edit.png ]

# No compiler, no torch: pure Python still installs when asked, and a missing torch is one sentence.
PCGEN_NATIVE=0 venv/bin/pip wheel --quiet --no-deps -w pure ./source
! "$python" -m zipfile -l pure/*.whl | grep -q "_C" || { echo "PCGEN_NATIVE=0 built a library" && exit 1; }
rm "$site/borrowed.pth"
if venv/bin/pip wheel --no-deps -w none ./source >log 2>&1; then echo "built without torch" && exit 1; fi
grep -q "pcgen: torch is not installed for .*; run .pip install torch. first" log || { cat log && exit 1; }
echo "the wheel is good: $(basename "$wheel")"
