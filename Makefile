# Everything needs python3.11 or newer, with venv, and make; the rest is installed into .venv.

PYTHON := $(shell for python in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
DEMO := $(or $(DEMO),runs/demo-$(shell date +%Y%m%d-%H%M%S))
REPLAY := OMP_NUM_THREADS=1 $(BIN)/fairfront replay compare --jobs 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs
PROCESSES := 2

.PHONY: help demo install dev test test-all test-gpu bench stopping lint

help:
	@echo "make demo      search, confirm and show a front on data that ships with the project"
	@echo "make test      unit and integration tests, some eight minutes on two cores"
	@echo "make test-all  the slow tests as well"
	@echo "make test-gpu  the tests that need a CUDA device"
	@echo "make bench     measurements (tests/benchmarks)"
	@echo "make stopping  the tables of docs/stopping: schedulers replayed on recorded trials"
	@echo "make lint      ruff and mypy"
	@echo "make install   only the environment in .venv (make dev: with the test tools)"

demo: install
	$(BIN)/fairfront search quick --out $(DEMO)
	$(BIN)/fairfront confirm $(DEMO)
	$(BIN)/fairfront report $(DEMO)
	@echo
	@echo "The front, interactive:  file://$(abspath $(DEMO))/report.html"
	@echo "The front, as a picture: $(DEMO)/front.png"
	@echo "Every trial in MLflow:   $(BIN)/fairfront ui $(DEMO)"

test: dev
	$(PYTEST) -n $(PROCESSES) --durations=5

test-all: dev
	$(PYTEST) -n $(PROCESSES) --durations=10 -m "not benchmark and not gpu"

test-gpu: dev
	$(PYTEST) -m gpu

bench: dev
	$(PYTEST) tests/benchmarks -m benchmark -s

stopping: install
	$(REPLAY) --to docs/stopping/all_trials.md
	$(REPLAY) --workers 16 --to docs/stopping/sixteen_workers.md
	$(REPLAY) --share 0.5 --samplers random,qmc,tpe,nsga2 --to docs/stopping/half_of_the_trials.md

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A stamp is younger than what it was installed from, or pip runs again. "dev" contains "install".
install: .venv/installed
dev: .venv/installed-dev

.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "Installing into .venv; the first time this downloads PyTorch and takes some minutes."
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "Installing into .venv; the first time this downloads PyTorch and takes some minutes."
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable ".[dev,notebooks]"
	@touch .venv/installed $@

.venv/bin/pip:
	@test -n "$(PYTHON)" || { \
		echo "make: no Python 3.11 or newer with venv was found (on Debian: apt install python3-venv);" \
		"name one with make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv
