# Development commands. `make check` is the gate without its clean clones and slow tiers; `make test-all` runs every tier.
PYTHON ?= .venv/bin/python
VERSIONS ?= 3.11 3.12 3.13 3.14

.PHONY: venv format lint types layers test test-all check versions wheel

venv:
	python3 -m venv .venv
	$(PYTHON) -m pip install -q -e ".[dev]"

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy

layers:
	$(dir $(PYTHON))lint-imports --no-cache

test:
	$(PYTHON) -m pytest

test-all:
	$(PYTHON) -m pytest -m ""

check: lint types layers test

# The default tests under every interpreter of VERSIONS that is installed; a missing one is named.
versions:
	@for v in $(VERSIONS); do \
	  if python$$v -c "" 2>/dev/null; then \
	    echo "== Python $$v"; \
	    work=$$(mktemp -d) && python$$v -m venv $$work && $$work/bin/python -m pip install -q ".[test]" && \
	    $$work/bin/python -m pip uninstall -q -y ccs-model && $$work/bin/python -m pip install -q -e . && \
	    $$work/bin/python -m pytest || exit 1; rm -rf $$work; \
	  else echo "== Python $$v is not on this machine"; fi; \
	done

wheel:
	$(PYTHON) -m build --wheel
