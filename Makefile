# On a fresh machine: `make demo` shows what this does, `make test` runs the tests. Both set up what they need first.
# Needs make and one of Python 3.10 to 3.14.

PYTHON := $(shell for p in $(PYTHON_CHOICE) python3.11 python3.12 python3.13 python3.14 python3.10 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.viseme-run
SETUP := $(VENV)/.viseme-setup
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
PIP_ARGS ?=

.PHONY: setup demo check test test-slow golden bench docs clean

setup: $(SETUP)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python from 3.10 to 3.14 was found; install one" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What people run: no training packages and no developers' tools.
$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

# What developers run besides.
$(SETUP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[dev]"
	@touch $@ $(RUN)

demo: $(RUN)
	$(BIN)/viseme demo

# Types are checked beside the tests, which wait for one another at their end.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@$(BIN)/pyright >$(VENV)/types.log 2>&1 & types=$$!; \
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" tests/unit tests/meta src; code=$$?; \
	wait $$types || code=1; tail -n 40 $(VENV)/types.log; exit $$code

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/component tests/golden

# What takes more than ten seconds each; run it before a release and after changes of what it tests.
test-slow: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests/unit
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests/component

golden: setup
	$(BIN)/python -m pytest -q tests/golden

bench: setup
	$(BIN)/python -m viseme.reproduce.sync_bench

docs: setup
	$(BIN)/python tools/write_reference.py

clean:
	rm -rf build dist demo .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
