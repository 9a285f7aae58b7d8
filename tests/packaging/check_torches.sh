#!/usr/bin/env bash
# One wheel beside several torches: audits it, then runs the op tests in a fresh environment for each. Where that torch
# has CUDA, the CUDA library must load and register, with or without a GPU. Each environment takes up to 8 GB of disk.
#   tests/packaging/check_torches.sh .venv/bin/python [TORCH[@PYTHON] ...]
#   tests/packaging/check_torches.sh .venv/bin/python 2.14.1@python3.13
set -euo pipefail
python=$(realpath -s "$1")
here=$(dirname "$(realpath "$0")")
torches=("${@:2}")
[ ${#torches[@]} -gt 0 ] || torches=(2.10.0 2.13.0 2.14.1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/build_wheel.sh" "$python" "$work"
cd "$work"
wheel=$(realpath dist/*.whl)
"$python" "$here/inspect_wheel.py" "$wheel"

"$python" -m venv audit
audit/bin/pip install --quiet torch-abi-audit check-wheel-contents
audit/bin/check-wheel-contents --no-config --toplevel pcgen "$wheel"
"$python" -m zipfile -e "$wheel" unpacked
for library in unpacked/pcgen/*.so; do audit/bin/torch-abi-audit --check torch "$library"; done

# The tests, away from the checkout, so that they find the installed package.
mkdir -p run/tests
cp -r source/tests/ops source/tests/conftest.py run/tests
cp source/pyproject.toml run

for entry in "${torches[@]}"; do
  IFS=@ read -r torch interpreter <<<"$entry@"
  interpreter=${interpreter%@}
  "${interpreter:-$python}" -m venv beside
  beside/bin/pip install --quiet "torch==$torch" "$wheel" pytest hypothesis scipy
  beside/bin/python "$here/check_loaded.py"
  (cd run && PCGEN_REQUIRE_NATIVE=1 ../beside/bin/python -m pytest -q tests/ops)
  rm -rf beside
done
echo "the wheel is good beside torch ${torches[*]}: $(basename "$wheel")"
