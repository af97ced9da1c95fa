# The commands of this repository; `make` lists them. Needs Python 3.11 or 3.12 with venv, make and git.
# Everything else is installed on first use: Python packages into .venv, the rest into the user's cache.

.DEFAULT_GOAL := help
.PHONY: help setup run test test-pipeline test-deps test-compat test-next up down e2e e2e-full e2e-eks e2e-aws e2e-sign-in e2e-nodes e2e-deps test-images test-cluster test-sign-in test-long bench lint format dist lock validate clean

# Options of `make run`, `make e2e` and `make bench` ("harness run --help"), and of pytest ("-n 0" turns the workers off).
ARGS ?=
PYTEST_ARGS ?=
# A file's tests stay in one worker, with its session. The number of workers and the order are those of tests/conftest.py.
WORKERS := -n logical --dist loadfile --no-loadscope-reorder

# Relative paths throughout, so that the checkout's own path may hold spaces.
BIN := .venv/bin
VENV := PYTHON='$(PYTHON)' sh harness/machine/venv.sh

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

run: ## The whole pipeline on this machine: mock API, Airflow, Spark, gold tables (ARGS="--breweries 10000")
	@$(VENV) run
	@$(BIN)/harness run $(ARGS)

setup: ## Install all that `make test` needs, ahead of time (packages, Java, jars, Go tools)
	@$(VENV) test
	@$(BIN)/harness setup --all

test: ## Linters, types and every test that needs neither Docker nor a whole pipeline run (PYTEST_ARGS="-k silver")
	@$(VENV) test
	@status=0; \
	$(BIN)/ruff check || status=1; \
	$(BIN)/ruff format --check || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/python -m pytest $(WORKERS) -m 'not embedded and not days and not long' $(PYTEST_ARGS) || status=1; \
	exit $$status

test-pipeline: ## The whole pipeline on this machine: several days, stops, an object store, the quickstart
	@$(VENV) test
	@$(BIN)/python -m pytest $(WORKERS) -m 'embedded or days' $(PYTEST_ARGS)

test-long: ## Thirty simulated days with the upkeep of every night
	@$(VENV) test
	@$(BIN)/python -m pytest -n 0 -m long $(PYTEST_ARGS)

test-deps: ## Debian or Ubuntu, as root: the browser and promtool that some tests skip without
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium prometheus

test-compat: ## The Spark jobs on Spark 3.3 with Delta 2.3 (needs a Python 3.10)
	@$(VENV) test
	@$(BIN)/python -m tests.legs.run spark33 $(PYTEST_ARGS)

test-next: ## The Spark jobs on Spark 4, the DAGs on Airflow 3
	@$(VENV) test
	@$(BIN)/python -m tests.legs.run spark4 airflow3 $(PYTEST_ARGS)

e2e-deps: ## Debian or Ubuntu, as root: Docker, its daemon, and what images and the cluster need
	@$(VENV) test
	@$(BIN)/harness docker install
	@$(BIN)/harness docker start

up: ## The platform on a kind cluster, its pages open on this machine (ARGS="--port airflow=8081")
	@$(VENV) test
	@$(BIN)/harness up $(ARGS)

down: ## Remove that cluster, and close its pages
	@$(VENV) test
	@$(BIN)/harness cluster down $(ARGS)

e2e: ## The platform on a kind cluster, through Argo CD, proven from end to end (ARGS="--keep", ARGS="-k gold")
	@$(VENV) test
	@$(BIN)/harness e2e $(ARGS)

e2e-full: ## The same, and everything that breaks something on purpose
	@$(VENV) test
	@$(BIN)/harness e2e --full $(ARGS)

e2e-eks: ## The EKS overlay on a kind cluster: accepted whole, healthy apart from what needs AWS (ARGS="--keep")
	@$(VENV) test
	@$(BIN)/harness e2e --eks $(ARGS)

e2e-aws: ## The platform with its lakehouse and its database outside of it, on a kind cluster (ARGS="--keep")
	@$(VENV) test
	@$(BIN)/harness e2e --aws $(ARGS)

e2e-sign-in: ## components/sign-in on a kind cluster: Ingress, certificates, logins with OIDC (ARGS="--keep")
	@$(VENV) test
	@$(BIN)/harness e2e --sign-in $(ARGS)

e2e-nodes: ## The platform on two workers, of which one is drained in mid-run, on a kind cluster (ARGS="--keep")
	@$(VENV) test
	@$(BIN)/harness e2e --nodes $(ARGS)

test-images: ## Build the images and ask each for what the manifests rely on (needs Docker)
	@$(VENV) test
	@$(BIN)/python -m pytest -n 0 tests/images/live $(PYTEST_ARGS)

test-cluster: ## A kind cluster as such: network, policies, volumes, both overlays' dry run (needs Docker)
	@$(VENV) test
	@$(BIN)/python -m pytest -n 0 tests/cluster $(PYTEST_ARGS)

test-sign-in: ## Real logins with components/sign-in, on this machine: Airflow, Argo CD, JupyterLab (no Docker)
	@$(VENV) test
	@$(BIN)/python -m pytest -n 0 tests/sign_in $(PYTEST_ARGS)

bench: ## Time the pipeline at 10 thousand, 100 thousand and 1 million breweries, beside DuckDB
	@$(VENV) test
	@$(BIN)/harness bench $(ARGS)

lint: ## Linters and types only
	@$(VENV) test
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy

format: ## Format the Python code
	@$(VENV) test
	@$(BIN)/ruff check --fix --exit-zero && $(BIN)/ruff format

validate: ## Check the overlays: schemas, references, policies, wave order
	@$(VENV) test
	@$(BIN)/harness validate $(ARGS)

dist: ## Build the wheel of the review and the validation for this platform, with its compiled programs, in dist/
	@$(VENV) run
	@HARNESS_PROGRAMS=yes $(BIN)/python -m hatchling build -t wheel

lock: ## Resolve all dependencies again and write the locks (requirements/*.txt, jars.json)
	@$(VENV) test
	@$(BIN)/python -m harness.machine.lock

clean: ## Remove what was made in this checkout (environments, lakehouse, reports); the user's cache stays
	rm -rf .venv .venv-* .cache .run .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
