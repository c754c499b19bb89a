# Two commands for everyone: `make demo` and `make test`. Both set up whatever they need with Python 3.11+ alone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON := $(VENV)/bin/python
DEMO_ARGS ?=
TEST_ARGS ?=
LINE ?=

.PHONY: help demo test check soak bench dashboard picture lock clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(VENV)/.ready-build ## A living emulated fleet in the browser; DEMO_ARGS=... is passed to `fleetmon demo`
	@$(PYTHON) -m dashboards.build
	@$(VENV)/bin/fleetmon demo $(DEMO_ARGS)

test: $(VENV)/.ready-test ## The whole suite; with CI=true or FLEETMON_APT=1 missing Debian packages are installed first
	@scripts/system-packages
	@$(PYTHON) -m dashboards.build
	@$(PYTHON) -m pytest $(TEST_ARGS)

check: $(VENV)/.ready-test ## Format, lint, types, floors: under a minute
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@PYTHONPATH=. $(VENV)/bin/lint-imports --no-logo

soak: $(VENV)/.ready-test ## One reliability line at full size: make soak LINE=R6
	@test -n "$(LINE)" || { echo "make soak: name a line, for example LINE=R6 (docs/reliability.md lists them)" >&2; exit 2; }
	@$(PYTHON) -m pytest -m soak -k "$(LINE)" --timeout=0 -s

bench: $(VENV)/.ready-test ## The performance scorecard, one JSON object a line; LINE=... for one line
	@$(PYTHON) -m dashboards.build
	@$(PYTHON) -m benchmarks $(LINE)

dashboard: $(VENV)/.ready-build ## Build the web dashboard only
	@$(PYTHON) -m dashboards.build

picture: $(VENV)/.ready-test ## Make the pictures of the README from a running demo
	@$(PYTHON) -m dashboards.build
	@$(PYTHON) -m dashboards.picture

lock: ## Resolve the pinned requirements again (needs uv)
	@scripts/lock

clean: ## Remove the environment and everything built
	rm -rf $(VENV) fleetmon/web/static dashboards/web/node_modules dist

# The environment is made once per lock file. A lock that changed makes it new.
$(VENV)/.ready-build: requirements-build.lock pyproject.toml
	@scripts/environment $(VENV) requirements-build.lock
	@touch $@

$(VENV)/.ready-test: requirements-test.lock pyproject.toml
	@scripts/environment $(VENV) requirements-test.lock
	@touch $@ $(VENV)/.ready-build
