# make demo    edit a real chair, draw new ones; the pictures land in out/
# make test    the test suite
# make check   lint, types, import contract, C++ format
# make wheel   build the wheel, with nvcc for every GPU, install it in a fresh environment and use it there
# make test-packaging   the wheel beside several torches: audits, and the op tests in each (downloads several GB)
# make test-slow   the tests that take minutes: ten million points, optima of large pairs
# make test-pytorch3d   the operators against pytorch3d, which must be installed
# make sanitize   the operators' tests under AddressSanitizer and UndefinedBehaviorSanitizer
# make test-avx512   the operators' tests on the code for AVX-512, emulated where the processor lacks it
# make fuzz    100 000 random calls of the operators against their reference (an hour on one core)
# make gpu-check  on a machine with an NVIDIA GPU: build for it, test, sanitize, measure
# make train   train the shipped models again from their configs (three and a half hours on one core)
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt setup.py pyproject.toml $(wildcard csrc/* kernels/*/*)
SHELL := /bin/bash
.PHONY: demo test check wheel test-packaging test-slow test-pytorch3d sanitize test-avx512 fuzz train clean

demo: $(VENV)/.pcgen
	$(BIN)/pcgen edit chair_tubular --set seat_height=0.55 -o out/edit-tubular
	$(BIN)/pcgen edit chair_dining --set back_height=0.9 -o out/edit-dining
	$(BIN)/pcgen generate chair -n 16 -o out/generate
	@echo
	@echo "Look at:  out/edit-tubular/edit.png   out/edit-dining/edit.png   out/generate/grid.png"

test: $(VENV)/.pcgen-dev
	PCGEN_REQUIRE_NATIVE=1 $(BIN)/pytest

check: $(VENV)/.pcgen-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror csrc/* kernels/*/* tests/cuda_on_cpu/emulation/*

wheel: $(VENV)/.pcgen
	PCGEN_CUDA_ARCHS=$${PCGEN_CUDA_ARCHS:-all} tests/packaging/check_wheel.sh $(BIN)/python

test-packaging: $(VENV)/.pcgen
	PCGEN_CUDA_ARCHS=$${PCGEN_CUDA_ARCHS:-all} tests/packaging/check_torches.sh $(BIN)/python

test-slow: $(VENV)/.pcgen-dev
	PCGEN_REQUIRE_NATIVE=1 $(BIN)/pytest -m slow

test-pytorch3d: $(VENV)/.pcgen-dev
	$(BIN)/python -c "import pytorch3d.ops"
	PCGEN_REQUIRE_NATIVE=1 $(BIN)/pytest tests/ops/test_pytorch3d.py

sanitize: $(VENV)/.pcgen-dev
	tests/ops/sanitize.sh $(BIN)/python

test-avx512: $(VENV)/.pcgen-dev
	tests/ops/emulate_avx512.sh $(BIN)/python

fuzz: $(VENV)/.pcgen-dev
	PYTHONPATH=tests $(BIN)/python -m ops.fuzz --cases 100000

.PHONY: gpu-check
gpu-check:
	$(PYTHON) benchmarks/gpu_check.py

train: $(VENV)/.pcgen
	$(BIN)/pcgen train configs/chair.yaml -o runs/chair
	$(BIN)/pcgen train configs/table.yaml -o runs/table
	$(BIN)/pcgen train configs/lamp.yaml -o runs/lamp
	$(BIN)/pcgen train configs/mug.yaml -o runs/mug
	$(BIN)/pcgen train configs/airplane.yaml -o runs/airplane

clean:
	rm -rf build dist out *.egg-info pcgen/*.so pcgen/_build.json $(VENV)

# A virtual environment that reuses the torch of $(PYTHON) where it is new enough, or gets its own.
$(VENV)/.torch:
	@if $(PYTHON) -c "import torch; v = tuple(map(int, torch.__version__.split('.')[:2])); exit(v < (2, 10))" 2>/dev/null; \
	then echo "pcgen: using the torch already installed for $(PYTHON)"; $(PYTHON) -m venv --system-site-packages $(VENV); \
	else $(PYTHON) -m venv $(VENV) && \
	     echo "pcgen: downloading $(TORCH) (about 200 MB as a CPU build, 3 GB as a CUDA build with its libraries)" && \
	     $(BIN)/pip install --quiet "$(TORCH)" numpy; fi
	@$(BIN)/pip install --quiet "setuptools>=77" wheel "cmake>=3.24" ninja
	@touch $@

# Installed in place: Python changes are live, C++ changes build again.
$(VENV)/.pcgen: $(VENV)/.torch $(NATIVE)
	@echo "pcgen: building and installing"
	@$(BIN)/pip install --quiet --no-build-isolation -e .
	@touch $@

$(VENV)/.pcgen-dev: $(VENV)/.pcgen
	@$(BIN)/pip install --quiet --no-build-isolation -e ".[dev]"
	@touch $@
