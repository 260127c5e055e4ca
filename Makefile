# Needs Python 3.11+, make and a C compiler; everything else is installed into .venv from uv.lock.

PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
UV_VERSION := 0.13.9
WORKERS ?= 2
FUZZ_S ?= 600
KILLS ?= 200
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)

.PHONY: serve test check check-console bench fuzz storm setup setup-dev format clean

serve: setup  ## Start the server on http://127.0.0.1:8040
	$(VENV)/bin/kilonova serve $(ARGS)

test: check  ## Everything that must pass, static part first
	$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup-dev check-console  ## The static part: format, lint, types, walls
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

check-console:  ## The types of the console's modules; without npm they are not checked
	@if command -v npm >/dev/null; then \
		cd tests/browser && { test node_modules/.package-lock.json -nt package-lock.json \
			|| npm ci --ignore-scripts --no-audit --no-fund --silent; } && node_modules/.bin/tsc -p .; \
	else echo "The console's types are not checked: npm is not installed."; fi

bench: setup-dev  ## The speed budgets, measured side by side
	$(VENV)/bin/python -m benchmarks.overhead $(ARGS)

fuzz: setup-dev  ## Ten minutes of requests that no SDK would send: FUZZ_S=3600 for longer
	KILONOVA_FUZZ_S=$(FUZZ_S) $(VENV)/bin/python -m pytest tests/fuzz -s $(ARGS)

storm: setup-dev  ## Two hundred kills under streaming clients of all wires: KILLS=20 for fewer
	KILONOVA_STORM_KILLS=$(KILLS) $(VENV)/bin/python -m pytest tests/storm -s -k a_storm $(ARGS)

format: setup-dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

train-%:  ## Make one of our models from scratch: spark, micro, sentry or embeddings (training/README.md)
	$(MAKE) -C training $*

setup: $(VENV)/.runtime

setup-dev: $(VENV)/.dev

$(UV):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.runtime: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --inexact --no-dev
	touch $@

$(VENV)/.dev: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --inexact
	touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
