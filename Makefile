# A thin door to ./parley and the tools in .venv; `make` alone lists the targets.
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest $(if $(COVERAGE),--cov) $(ARGS)
COMPILE := .venv/bin/uv pip compile --quiet --no-config --no-deps --generate-hashes --universal --no-header --no-annotate

# Some machines set it. A start is some twenty processes: without kept bytecode each compiles all that it imports anew,
# which takes three times as long as the import itself.
unexport PYTHONDONTWRITEBYTECODE

# Only when given, so that an unset model stays unset.
ifdef MODEL
demo demo-check: export PARLEY_MODEL := $(MODEL)
endif

.DEFAULT_GOAL := help
.PHONY: help setup dev demo demo-check test unit conformance integration acceptance lint types format lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv with what the service needs
	@sh ops/setup/setup.sh runtime

dev: ## Make .venv with what tests and checks need, too
	@sh ops/setup/setup.sh dev

demo: ## Start everything with a sample business; MODEL=<hub id or path> answers through vLLM; Ctrl-C ends it
	@./parley demo

demo-check: ## Ask the golden questions of the sample, or of BUSINESS=<folder>, and print the answers
	@./parley demo-check $(if $(BUSINESS),"$(BUSINESS)")

test: dev ## All tests; ARGS="-k name" chooses, COVERAGE=1 measures coverage
	@$(PYTEST)

unit: dev ## Tests of one module at a time
	@$(PYTEST) tests/unit

conformance: dev ## Tests that a real store and its twin must both pass
	@$(PYTEST) tests/conformance

integration: dev ## Tests with one real neighbour at a time
	@$(PYTEST) tests/integration

acceptance: dev ## Tests of the whole service against the simulator
	@$(PYTEST) tests/acceptance

lint: dev ## Ruff and the import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

types: dev ## mypy, strict
	@.venv/bin/mypy

format: dev ## Rewrite the code as ruff formats it
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

lock: dev ## Write ops/locks/*.txt anew from the *.in files beside them
	@cd ops/locks && for name in uv runtime dev; do ../../$(COMPILE) $$name.in --output-file $$name.txt || exit 1; done

clean: ## Remove .venv and the tools' caches; .parley, the data, stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
