# SPDX-License-Identifier: Apache-2.0
#
# Everything happens in a virtual environment of this folder, made from the lock files as needed.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check torture torture-delivery bench format lock clean

VENV ?= .venv
JOBS ?= 4
KILLS ?= 100
FAULTS ?= 10
BROKER ?= real
BIN := $(VENV)/bin

# The first Python that works, asked for its version in a way that every Python answers.
SUPPORTED := 3.11 3.12
ASK := 'import sys; print("%d.%d" % sys.version_info[:2])'
ifeq ($(origin PYTHON),undefined)
PYTHON := $(firstword $(foreach name,python3 python3.12 python3.11,\
    $(if $(filter $(SUPPORTED),$(shell $(name) -c $(ASK) 2>/dev/null)),$(name))) python3)
endif
FOUND := $(shell $(PYTHON) -c $(ASK) 2>/dev/null)
VERSION := $(filter $(SUPPORTED),$(FOUND))
WRONG_PYTHON = restock needs Python 3.11 or 3.12, and $(PYTHON) is \
    $(or $(FOUND),not there): install one of them and choose it with "make PYTHON=python3.12"
NO_VENV = $(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv)

# A stamp says that the environment holds what the lock file says, for this Python.
RUNTIME := $(VENV)/.runtime-$(VERSION)
DEV := $(VENV)/.dev-$(VERSION)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header --upgrade --group build

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## Make the virtual environment with all that development needs

demo: $(RUNTIME) ## Watch a flash sale for 20 seconds (no Docker, no Java)
	@$(BIN)/restock demo $(ARGS)

test: $(DEV) ## Run all tests; a real Kafka broker takes part where Docker runs
	@# Hundreds of programs are started: each would compile all modules anew, for a second and more.
	@unset PYTHONDONTWRITEBYTECODE; $(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(DEV) ## Lint, formatting, types, arrows between packages, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -q -m drift

torture: $(DEV) ## Kill it 100 times (KILLS=, SEED=, FAULTS=, BROKER=real|mock), then check
	@$(BIN)/python -m tests.torture --kills $(KILLS) --faults $(FAULTS) --broker $(BROKER) \
	    $(if $(SEED),--seed $(SEED)) $(ARGS)

torture-delivery: $(DEV) ## The same with `restock deliver` (KILLS=, SEED=, NOTIFICATIONS=)
	@$(BIN)/python -m tests.torture.delivery --kills $(KILLS) \
	    $(if $(NOTIFICATIONS),--notifications $(NOTIFICATIONS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(DEV) ## Measure; one part of it with SECTION=name
	@$(BIN)/python -m benchmarks $(SECTION)

format: $(DEV) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(DEV) ## Resolve the newest versions into requirements/
	$(COMPILE) pyproject.toml --output-file requirements/runtime.lock
	$(COMPILE) pyproject.toml --group dev --constraints requirements/runtime.lock \
	    --output-file requirements/dev.lock

clean: ## Remove the virtual environment and everything that was made
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
	    .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements/runtime.lock pyproject.toml
	$(if $(VERSION),,$(error $(WRONG_PYTHON)))
	$(if $(shell $(PYTHON) -c 'import ensurepip, venv; print(1)' 2>/dev/null),,$(error $(NO_VENV)))
	@echo "Making $(VENV) with Python $(VERSION) ..."
	@$(PYTHON) -m venv $(if $(wildcard $(VENV)/.runtime-*),$(if $(wildcard $@),,--clear)) $(VENV)
	@$(PIP) --require-hashes --requirement requirements/runtime.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.lock $(RUNTIME)
	@echo "Adding what development needs ..."
	@$(PIP) --require-hashes --requirement requirements/dev.lock
	@touch $@
