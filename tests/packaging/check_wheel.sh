#!/usr/bin/env bash
# Build the wheel, look into it, install it in a fresh environment and use it there, away from the checkout.
#   tests/packaging/check_wheel.sh .venv/bin/python
set -euo pipefail
python=$(realpath -s "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/build_wheel.sh" "$python" "$work"
cd "$work"
wheel=$(echo dist/*.whl)
"$python" "$here/inspect_wheel.py" "$wheel"

borrow/bin/pip install --quiet --no-deps --force-reinstall "$wheel"
borrow/bin/pcgen doctor
borrow/bin/python -c "import pcgen.ops, pathlib, sys; assert pathlib.Path(pcgen.__file__).is_relative_to(sys.prefix), pcgen.__file__"
PCGEN_REQUIRE_NATIVE=1 borrow/bin/pcgen edit chair_dining --set seat_height=0.5 -o edit >/dev/null
[ -s edit/edited.ply ] && [ -s edit/edit.png ]

# No compiler, no torch: pure Python still installs when asked, and a missing torch is one sentence.
PCGEN_NATIVE=0 borrow/bin/pip wheel --quiet --no-deps -w pure ./source
! "$python" -m zipfile -l pure/*.whl | grep -q "_C" || { echo "PCGEN_NATIVE=0 built a library" && exit 1; }
rm borrow/lib/python*/site-packages/borrowed.pth
if borrow/bin/pip wheel --no-deps -w none ./source >log 2>&1; then echo "built without torch" && exit 1; fi
grep -q "pcgen: torch is not installed for .*; run .pip install torch. first" log || { cat log && exit 1; }
echo "the wheel is good: $(basename "$wheel")"
