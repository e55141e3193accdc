# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-again durations lint slow attack s3 browser bench docs lock dependency-audit clean java

help:  ## what there is to make
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: java .venv/ready .jars/ready  ## install all that popflow needs into this folder (a second call installs nothing)

java:
	@scripts/check_java.sh

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "popflow needs Python 3.11 or newer with venv: apt-get install python3 python3-venv, or make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing Python packages into .venv (once, about 2 minutes)"
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.jars/ready: scripts/fetch_jars.py libs/popflow/jars.lock .venv/ready
	@echo "Fetching Delta's jars into .jars (once)"
	@$(BIN)/python scripts/fetch_jars.py .jars
	@touch $@

demo: setup  ## simulate two days up to 22 January 2020, run the nights, publish, and ask who left Wuhan
	@$(BIN)/popflow demo --out demo

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check: lint  ## the inner loop, under two minutes: ruff, mypy and the tests without Spark but the longest
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not spark and not slow and not browser and not long'

test:  ## ruff, mypy and all tests but the slow proofs, where something has changed since they passed (FORCE=1: always)
	@if [ -z "$(FORCE)" ] && $(PYTHON) scripts/tested.py; then :; else $(MAKE) --no-print-directory test-again; fi

test-again: lint  ## the same, whatever has passed before; those that need Spark run beside those that do not
	@$(BIN)/python scripts/tested.py $(BIN)/python -m pytest -n 2 --dist loadgroup

durations: setup  ## all tests, and the 40 that take longest
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --durations=40 --durations-min=1

slow: setup  ## the slow proofs: large histories, kills, the whole scenario
	@$(BIN)/python -m pytest -m slow

attack: setup  ## attacks on figures in hundreds: all small worlds, and earlier designs that have to leak in them
	@$(BIN)/python -m pytest -s -m 'slow or not slow' tests/attack

.s3/ready: tests/s3/requirements.lock scripts/fetch_jars.py libs/popflow/jars.lock .jars/ready
	@echo "Installing a server that speaks S3, and Spark's side of it, into .s3 (once)"
	@$(PYTHON) -m venv .s3
	@.s3/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/s3/requirements.lock
	@$(BIN)/python scripts/fetch_jars.py --s3 .s3/jars
	@cp .jars/*.jar .s3/jars
	@touch $@

s3: setup .s3/ready  ## two nights from object storage to object storage, on a cluster of two workers
	@POPFLOW_S3_SERVER=$(CURDIR)/.s3/bin/moto_server POPFLOW_JARS=$(CURDIR)/.s3/jars $(BIN)/python -m pytest -m slow tests/s3

browser: setup  ## the briefing in a real Chromium (apt-get install chromium); fails where there is none
	@POPFLOW_BROWSER=required $(BIN)/python -m pytest -m browser

bench: setup  ## benchmarks of the intake, written to benchmarks/RESULTS.md
	@$(BIN)/python benchmarks/intake.py

docs: setup  ## the documentation as a site, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

lock: setup  ## write requirements.lock anew from what is installed
	@$(BIN)/python -m pip freeze --exclude-editable --exclude popflow | grep -E '^[A-Za-z0-9._-]+==' > requirements.lock

LOCKS := requirements.lock airflow_dags/requirements.lock tests/s3/requirements.lock
.audit/ready:
	@$(PYTHON) -m venv .audit
	@.audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

dependency-audit: .audit/ready  ## known vulnerabilities of all locked versions, by pip-audit; fails for one that cannot be looked up
	@.audit/bin/pip-audit --strict --no-deps --disable-pip $(patsubst %,-r %,$(LOCKS))

clean:  ## remove what demo and tests left, not the installation
	@rm -rf demo .tested .pytest_cache .mypy_cache .ruff_cache spark-warehouse

include airflow_dags/airflow.mk
