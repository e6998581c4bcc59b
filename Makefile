# On a fresh machine: `make demo` shows what this does, `make test` runs the tests. Both set everything up first.
# Needs make and one of Python 3.10, 3.11, 3.12.

PYTHON := $(shell for p in $(PYTHON_CHOICE) python3.11 python3.12 python3.10 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.viseme-setup
PIP_ARGS ?=

.PHONY: setup demo check test bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { echo "make: no Python 3.10, 3.11 or 3.12 was found; install one" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[dev,bench]"
	@touch $@

demo: setup
	$(BIN)/viseme demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/python -m pytest -q tests/unit tests/meta src

test: check
	$(BIN)/python -m pytest tests/component

bench: setup
	$(BIN)/python -m viseme.reproduce.sync_bench

clean:
	rm -rf build dist demo .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
