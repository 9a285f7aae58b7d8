#!/usr/bin/env bash
# Build the wheel from the tracked files alone, under build isolation, against the torch of the given Python.
#   tests/packaging/build_wheel.sh .venv/bin/python FOLDER
# FOLDER gets source/ (what was built), borrow/ (a fresh environment that sees just that torch and its dependencies) and
# dist/*.whl.
set -euo pipefail
python=$(realpath -s "$1") folder=$2

mkdir -p "$folder/source"
git ls-files -z | xargs -0 tar c | tar x -C "$folder/source"
"$python" -m venv "$folder/borrow"
site=$("$folder/borrow/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
"$python" -c "import torch, numpy, pathlib as p; print(*{str(p.Path(m.__file__).parent.parent) for m in (torch, numpy)}, sep='\n')" >"$site/borrowed.pth"
"$folder/borrow/bin/pip" wheel --quiet --no-deps -w "$folder/dist" "$folder/source"
