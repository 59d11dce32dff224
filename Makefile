# Everything that one does with this repository. `make` alone lists it.

LAB ?= topologies/fabrics/small.yml
RUNTIME ?= netns
SUITE ?= all
RUNS ?= 5
CLOSLAB := .venv/bin/closlab
PYTHON := .venv/bin/python
NAME = $(shell sed -n 's/^name: *//p' $(LAB))

.DEFAULT_GOAL := help
.PHONY: help setup lab-up lab-down lab-check check test test-quick bench tools stubs image rootfs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is needed: packages, and closlab in .venv
	@.ci/setup

lab-up: setup ## Bring a fabric up (LAB=file RUNTIME=netns|containerlab) and check it
	@if $(CLOSLAB) show $(NAME) --json 2>/dev/null | grep -q '^    "status": "running"'; then \
		echo "lab $(NAME) is up already; make lab-check looks at it, make lab-down takes it down"; \
	else \
		$(CLOSLAB) up $(LAB) --runtime $(RUNTIME); \
	fi

lab-down: setup ## Take that fabric down without a trace
	@$(CLOSLAB) down $(NAME)

lab-check: setup ## Compare that fabric with its plan
	@$(CLOSLAB) check $(NAME)

check: setup ## Lint, format, types, import order: what CI runs
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: setup ## Run all tests that this machine can run
	$(PYTHON) -m pytest

test-quick: setup ## Run the tests that need no lab
	$(PYTHON) -m pytest -m "not slow" tests/unit tests/golden

bench: setup ## Measure against containerlab and munet, and write docs/performance.md (SUITE=all RUNS=5)
	$(PYTHON) -m tests.bench $(SUITE) --runs $(RUNS)

tools: setup ## Build the pinned containerlab and gobgpd into .cache/tools
	@.ci/containerlab
	@.ci/gobgp

stubs: setup ## Make the Python modules of the gateway's service and of GoBGP's API from .proto files
	@.ci/stubs gateway
	@.ci/stubs v3

image: ## Build the node image closlab/frr from Debian packages
	@.ci/image

rootfs: ## Make a root file system with Debian 13's FRR in .cache/rootfs
	@.ci/rootfs

clean: ## Remove what was built here; labs and images stay
	rm -rf automation/drivers/napalm_gobgp/generated gateway/grpc/generated .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
