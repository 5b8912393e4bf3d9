# Every target makes what it needs in .venv, with the python3 found first; PYTHON=… names another.
# Stamp files under .venv/ remember what is installed, so a second run installs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# lifetimes is data here, installed without its dependencies; pip is not to complain of that.
INSTALL := $(PIP) install --quiet --no-warn-conflicts
JOBS ?= auto
# One worker takes a whole file: the examples of a page share their names, in order. Files begin in
# the order of tests/conftest.py, by time and not by how many tests there are.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow faults bench lint ruff imports dependencies spelling format types docs wheel clean

help:  ## say what each target does (the default)
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo lifetimes-data  ## real purchases in, scored customers out, in one command
	$(BIN)/python -m crmcore demo

test: $(VENV)/.test lifetimes-data  ## unit, contract and documentation tests (minutes)
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(VENV)/.test lifetimes-data  ## the tests marked slow
	$(PYTEST) -m slow $(ARGS) || { status=$$?; [ $$status -eq 5 ] || exit $$status; \
	  echo "No test is marked slow yet."; }

faults: $(VENV)/.test  ## every fault at its full count, beside its control; ARGS="FIGURE --backend B"
	$(BIN)/python -m tests.faults $(ARGS)

bench: $(VENV)/.bench  ## every benchmark beside its rival; ARGS="--json FILE" keeps the figures
	$(BIN)/python -m benchmarks $(ARGS)

lint: ruff imports dependencies spelling  ## style, layers, declared dependencies, spelling

ruff: $(VENV)/.quality  ## style and format, without changing a file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: $(VENV)/.quality  ## the layers of the package
	$(BIN)/lint-imports --no-cache

dependencies: $(VENV)/.quality  ## what is imported is declared, and the other way round
	$(BIN)/deptry .

spelling: $(VENV)/.quality  ## common misspellings
	git ls-files -z -co --exclude-standard | xargs -0 $(BIN)/codespell

format: $(VENV)/.quality  ## rewrite the files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.quality  ## mypy --strict, pyright, and every public name typed
	$(BIN)/mypy --strict
	$(BIN)/pyright --pythonpath $(BIN)/python
	@# verifytypes asks the first python on PATH where packages are, whatever --pythonpath says
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes crmcore --ignoreexternal \
	  > $(VENV)/verifytypes.txt || { cat $(VENV)/verifytypes.txt; exit 1; }
	@grep 'completeness score' $(VENV)/verifytypes.txt
	@grep -q 'completeness score: 100%' $(VENV)/verifytypes.txt

docs: $(VENV)/.docs  ## the documentation in docs/_build/html, warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

wheel: $(VENV)/.quality  ## the built wheel and each extra, in fresh environments
	$(BIN)/python .ci/check_wheel.py

clean:  ## remove everything that these targets made
	rm -rf $(VENV) build dist docs/_build demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- what is installed

$(VENV)/.pip:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "crmcore needs Python 3.11 or newer, and '$(PYTHON)' was not found." >&2; \
	  echo "Install it, or name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "crmcore needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' lacks the venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.demo: $(VENV)/.pip pyproject.toml
	$(INSTALL) --editable ".[cli]"
	@touch $@

$(VENV)/.test: $(VENV)/.pip pyproject.toml
	$(INSTALL) --editable . --group test
	@touch $@ $(VENV)/.demo

$(VENV)/.quality: $(VENV)/.test pyproject.toml
	$(INSTALL) --editable . --group test --group quality
	@touch $@

$(VENV)/.docs: $(VENV)/.test pyproject.toml
	$(INSTALL) --editable . --group test --group docs
	@touch $@

$(VENV)/.bench: $(VENV)/.test pyproject.toml
	$(INSTALL) --editable . --group test --group bench
	@touch $@ $(VENV)/.lifetimes

# The CDNOW sample travels in the lifetimes wheel: installed without its dependencies, read as
# data. Without it the demo says so and simulates a sample.
.PHONY: lifetimes-data
lifetimes-data: $(VENV)/.pip
	@test -e $(VENV)/.lifetimes || { \
	  $(INSTALL) --no-deps --retries 1 --timeout 15 "lifetimes==0.11.3" \
	  && touch $(VENV)/.lifetimes; } \
	|| echo "The lifetimes wheel could not be fetched: going on with a simulated sample."
