# Cambus. `make help` lists the targets; everything lives in .venv, nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := $(wildcard libs/*) $(wildcard services/*)
WORKERS ?= 10
FAST := not slow and not bench
FUZZ_MINUTES ?= 30
SOAK_MINUTES ?= 60
FUZZ_SEED ?= $(shell date +%s)
export FUZZ_MINUTES
ASYNCAPI_PARSER := 3.6.3

# What is compiled once is kept: a test run starts hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install lock run k8s-validate collected test test-all fuzz soak check bench docs docs-serve schemas images release version dashboards asyncapi format clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## create .venv with the locked dependencies and every package of the suite

$(VENV)/.installed: requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Cambus needs Python 3.11 or newer; try: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

lock: install ## resolve requirements.lock again from the pyproject files
	$(BIN)/python tools/lock.py

audit: install ## look the locked dependencies up in the advisory database; needs the network (OSV_URL=… asks another)
	$(BIN)/python tools/audit.py $(if $(OSV_URL),--osv-url $(OSV_URL))

run: install ## start NATS, every service and simulated recorders, with a live picture to look at
	$(BIN)/cambusctl demo

check: install ## format, lint, types, import rules, generated schemas, conformance ledgers, links of the documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/schemas.py --check
	$(BIN)/python tools/client_stubs.py --check
	$(BIN)/python tools/suite_version.py --check
	$(BIN)/python tools/compatibility.py --check
	$(BIN)/python tools/ledgers.py --check
	$(BIN)/python tools/dashboards.py --check
	$(BIN)/python tools/links.py --check

k8s-validate: install ## render every Kubernetes overlay, with every component, and check what comes out
	$(BIN)/python tools/k8s_validate.py

# Compiles the tests and what they import, while the check has one processor to spare; what is wrong, the run says.
collected: install
	@$(BIN)/pytest --collect-only -qq -n 0 >/dev/null 2>&1 || true

test: ## check, then the unit, property, golden, contract, integration and e2e tests
	$(MAKE) --jobs=2 check collected
	$(BIN)/pytest -p whole_files -m '$(FAST)' -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-all: ## test, and the slow ones: fault injection, soak, fuzz
	$(MAKE) --jobs=2 check collected
	HYPOTHESIS_PROFILE=thorough CAMBUS_TESTS_COLD=1 $(BIN)/pytest -p whole_files -m 'not bench' -n $(WORKERS) --dist loadfile --no-loadscope-reorder

fuzz: install ## every parser with inputs made by chance, FUZZ_MINUTES=30 in all; FUZZ_SEED=, FUZZ_TARGET= with FUZZ_HEX= as well
	@echo "FUZZ_SEED=$(FUZZ_SEED) FUZZ_MINUTES=$(FUZZ_MINUTES)"
	FUZZ_SEED=$(FUZZ_SEED) FUZZ_TARGET='$(FUZZ_TARGET)' $(if $(FUZZ_HEX),FUZZ_HEX=$(FUZZ_HEX)) \
		$(BIN)/pytest tests/fuzz/test_parsers.py -m slow -n 0 -rP

soak: install ## an hour of devices and viewers that come and go: memory, tasks, sockets and subscriptions stay; SOAK_MINUTES=60
	SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/pytest tests/e2e/test_soak.py -m slow -n 0 -rP

bench: install ## run the benchmarks and print their ratios
	$(BIN)/python tests/bench/run.py

docs: install ## build the documentation as a site in var/site, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is in var/site/index.html; make docs-serve shows it"

docs-serve: install ## show the documentation on http://127.0.0.1:8000/ while you write it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict --livereload

schemas: install ## generate proto-schemas/, and the commands of libs/client, from libs/schemas
	$(BIN)/python tools/schemas.py
	$(BIN)/python tools/client_stubs.py

release: install ## wheels, bills of materials and digests in dist/<version>/; IMAGES=1: the images as well
	$(BIN)/python tools/release.py
	$(if $(IMAGES),docker/build.sh $(SERVICES))

version: install ## the version of the suite; TO=1.2.0 sets it everywhere
	$(BIN)/python tools/suite_version.py $(if $(TO),$(TO) --day $(shell date -u +%F))

images: ## build a container image of every service, with docker or buildah; SERVICES="recorder cli" BASE= PIP_CONF= CA_CRT=
	docker/build.sh $(SERVICES)

dashboards: install ## write the Grafana dashboards from tools/grafana
	$(BIN)/python tools/dashboards.py

asyncapi: ## validate proto-schemas/asyncapi.yaml with the official parser as well (needs node and npm)
	npm install --prefix var/asyncapi --no-save --ignore-scripts --no-audit --no-fund --loglevel error @asyncapi/parser@$(ASYNCAPI_PARSER)
	node tools/asyncapi_parser.mjs var/asyncapi proto-schemas/asyncapi.yaml

format: install ## format the code and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the environment and everything generated that is not committed
	rm -rf $(VENV) var dist bench-results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
