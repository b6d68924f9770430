# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Nothing is written outside the checkout: pip keeps no cache.
INSTALL := @$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-cache-dir \
	--no-input --require-hashes
APPS := balrottuieo common accounts payments errands dispatch deploy benchmarks
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po locale/*/*/LC_MESSAGES/*.po))

# Tools read the settings; outside production they make their own keys (see .env.example).
DEV_ENV := DEBUG=true SANDBOX=true

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: run
run: .venv/.run-stamp $(CATALOGUES) ## Start everything with demo data and robots (PORT=8000, ROBOTS=1)
	@exec $(BIN)/python -m balrottuieo.supervisor

.PHONY: setup
setup: .venv/.dev-stamp $(CATALOGUES) ## Install the development tools into .venv

.PHONY: test
test: packages setup peers lint ## Everything, on each database, nothing skipped (DB=mongodb: on one)
	$(BIN)/python -m tests.matrix $(DB)

.PHONY: test-fast
test-fast: setup ## Unit tests only, under a minute
	$(BIN)/pytest -n 2 -m "not races and not live"

.PHONY: bench
bench: packages setup peers ## Every path beside its peer, into benchmarks/RESULTS.md (ARGS="ingest solve": only these)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: peers
peers: packages benchmarks/peers/node_modules/.stamp # the programs on Node.js that we measure ourselves against

benchmarks/peers/node_modules/.stamp: benchmarks/peers/package-lock.json
	@cd benchmarks/peers && npm ci --silent
	@touch $@

.PHONY: bench-databases
bench-databases: packages setup ## The same operations on the three databases, timed (three minutes)
	$(BIN)/python -m benchmarks.databases

.PHONY: mdrp
mdrp: setup ## Play meal delivery instances through the matching (DIRS="…"; without: a made-up one)
	$(BIN)/python benchmarks/mdrp.py $(DIRS)

.PHONY: city
city: setup ## A day of Seoul in process, policy by policy, with a plot (OPTIONS="--runners 1000")
	$(DEV_ENV) $(BIN)/python manage.py simulate --in-process --plot var/city.png $(OPTIONS)

.PHONY: month
month: setup ## A month of 10,000 errands with payouts, then the trial balance (OPTIONS="--errands 500")
	$(BIN)/python -m benchmarks.month $(OPTIONS)

.PHONY: lint
lint: setup migrations-check ## Style, types, import contracts, dependencies, migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(DEV_ENV) $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

.PHONY: format
format: setup ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: migrations-check
migrations-check: setup ## Fail when a model has changed without its migration (a test: on each database)
	$(DEV_ENV) $(BIN)/python manage.py makemigrations --check --dry-run

.PHONY: messages
messages: setup ## Collect texts to translate into locale/ (needs gettext)
	$(DEV_ENV) $(BIN)/python manage.py makemessages -l ko -l en --no-wrap --add-location file \
		-i .venv -i var -i tests -i mobile

.PHONY: compilemessages
compilemessages: .venv/.run-stamp $(CATALOGUES) ## Compile the translations

%.mo: %.po | .venv/.run-stamp
	$(BIN)/pybabel --quiet compile -i $< -o $@

.PHONY: lock
lock: setup ## Resolve requirements*.in again into the locked files
	for each in requirements requirements-dev; do $(BIN)/uv pip compile --universal \
		--python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --quiet $$each.in -o $$each.txt; done

.PHONY: clean
clean: ## Remove .venv, var/ and everything generated
	rm -rf .venv var staticfiles .hypothesis .ruff_cache benchmarks/peers/node_modules
	find $(APPS) tests locale -name __pycache__ -prune -exec rm -rf {} + -o -name '*.mo' -delete

.PHONY: packages
packages: # programs that the tests run for real
	@.ci/packages

.venv/bin/pip:
	@$(if $(PYTHON),,echo "Python 3.11 or newer is needed, and none was found on PATH." >&2; exit 1;) true
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; \
		echo "Name another one: PYTHON=/path/to/python3.11 make run" >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "No virtual environment could be made. On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.run-stamp: requirements.txt | .venv/bin/pip
	@echo "Installing what the product runs on into .venv (once, about a minute) ..."
	$(INSTALL) -r $<
	@touch $@

.venv/.dev-stamp: requirements-dev.txt | .venv/bin/pip
	@echo "Installing the development tools into .venv (once, a minute or two) ..."
	$(INSTALL) -r $<
	@touch $@ .venv/.run-stamp
