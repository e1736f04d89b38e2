# The commands that developers and CI run. Each target first sets up what it needs, even on a fresh machine: a virtual
# environment in .venv, updated only when pyproject.toml or constraints.txt has changed.

PYTHON ?= python3
ARGS   ?=

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --quiet --disable-pip-version-check
# pip compiles esutil, so its build dependencies are constrained too. It need not compile Python: most of the modules are
# never imported, and the others are compiled as they are.
INSTALL := $(PIP) install --no-compile --constraint constraints.txt --build-constraint constraints.txt

# What people wait for says what it does, a line per step; what pip complains of is shown if it fails.
STEPS := printf '  finding packages '; while IFS= read -r line; do case $$line in \
    'Collecting '*) printf . ;; \
    'Building wheels for collected packages: '*) printf '\n  compiling %s' "$${line\#*: }" ;; \
    'Installing collected packages: '*) printf '\n  installing all of them' ;; \
    failed) echo; cat $(VENV)/install.log >&2; exit 1 ;; \
    esac; done; echo

# The suite starts many processes; each should find the bytecode that an earlier one compiled.
unexport PYTHONDONTWRITEBYTECODE

# One more process than cores, because tests wait for servers, browsers and disks; see tests/conftest.py.
PYTEST := $(BIN)/pytest --numprocesses auto --no-loadscope-reorder

CODE := benchmarks cli demo.py docs/goodpixsite ingest query schema

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@echo "make TARGET [PYTHON=python3.12] [ARGS='...']"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/demo-installed ## Make a small synthetic tile, ingest, query and draw it (ARGS: output folder)
	@$(BIN)/goodpix demo $(ARGS)

.PHONY: test
test: $(VENV)/dev-installed ## Run the tests (ARGS: pytest options)
	$(PYTEST) $(ARGS)

.PHONY: test-quick
test-quick: $(VENV)/dev-installed ## Run the tests that need no server, browser or cluster: about a minute (ARGS: pytest options)
	$(PYTEST) --numprocesses $$(nproc) -m 'not server and not slow' tests/unit tests/property tests/integration/test_known_tiles.py $(ARGS)

.PHONY: stress
stress: $(VENV)/dev-installed ## Run the fault tests with 50 kills and 20,000 damaged files of each codec instead of 10 and 1,000: some minutes (ARGS: pytest options)
	GOODPIX_TEST_KILLS=50 GOODPIX_TEST_MUTATIONS=20000 $(PYTEST) --timeout 3600 tests/faults $(ARGS)

.PHONY: notebooks
notebooks: $(VENV)/dev-installed ## Run the notebooks as they are stored, and compare every word: ten minutes (ARGS: pytest options)
	GOODPIX_TEST_NOTEBOOKS=full $(PYTEST) --timeout 3600 tests/docs/test_notebooks.py $(ARGS)

.PHONY: docs
docs: $(VENV)/dev-installed ## Build the documentation into docs/_build/html: ten minutes, or two with NOTEBOOK_SIZE=small (ARGS: options of sphinx-build)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --builder html $(ARGS) docs docs/_build/html

.PHONY: bench
bench: $(VENV)/dev-installed ## Benchmark against the peers on full-size tiles: a quarter of an hour (ARGS: options)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/dev-installed ## Benchmark with fewer repeats on one smaller tile: two minutes (ARGS: options)
	$(BIN)/python -m benchmarks --quick $(ARGS)

.PHONY: bench-survey
bench-survey: $(VENV)/dev-installed ## Benchmark queries on a synthetic catalogue of 8 million epochs: one to two hours (ARGS: --scale 0.01 for less)
	$(BIN)/python -m benchmarks.survey $(ARGS)

.PHONY: bench-scale
bench-scale: $(VENV)/dev-installed ## Benchmark 50,000 tiles apart from reading their images: ten minutes (ARGS: options)
	$(BIN)/python -m benchmarks.scale $(ARGS)

.PHONY: check
check: check-format check-lint check-types check-layers check-docstrings ## Run every check except the tests

.PHONY: check-format
check-format: $(VENV)/dev-installed
	$(BIN)/ruff format --check .

.PHONY: check-lint
check-lint: $(VENV)/dev-installed
	$(BIN)/ruff check .

# mypy names modules after their folders, and the checkout may have any name: so mypy sees it through a symbolic link
# named goodpix, under which the tests are modules too.
.PHONY: check-types
check-types: $(VENV)/dev-installed
	mkdir -p $(VENV)/checkout
	ln -sfn ../.. $(VENV)/checkout/goodpix
	cd $(VENV)/checkout && ../bin/mypy --config-file goodpix/pyproject.toml --cache-dir goodpix/.mypy_cache \
	    --explicit-package-bases $(addprefix goodpix/,$(CODE) tests)

.PHONY: check-layers
check-layers: $(VENV)/dev-installed
	$(BIN)/lint-imports --no-logo

.PHONY: check-docstrings
check-docstrings: $(VENV)/dev-installed
	find $(CODE) -name '*.py' -not -path '*/migrations/*' -exec $(BIN)/numpydoc lint {} +

.PHONY: format
format: $(VENV)/dev-installed ## Format the code and apply ruff's automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: wheel
wheel: $(VENV)/dev-installed ## Build the wheel and the source archive in dist/
	$(BIN)/pyproject-build

.PHONY: clean
clean: ## Remove the virtual environment, caches and build products
	rm -rf $(VENV) .editable build dist docs/_build *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# esutil has no wheel: it needs a C++ compiler and Python's headers, which Debian packages separately, as it does venv.
.PHONY: system-packages
system-packages:
	@set -e; python=$(notdir $(PYTHON)); missing=; \
	has() { command -v "$$1" > /dev/null; }; \
	has $(PYTHON) || missing="$$missing $$python"; \
	$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || missing="$$missing $$python-venv"; \
	$(PYTHON) -c 'import sysconfig; open(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null \
	    || missing="$$missing $$python-dev"; \
	has c++ || has g++ || missing="$$missing g++"; \
	if [ -z "$$missing" ]; then \
	    exit 0; \
	elif has apt-get && [ "$$(id -u)" = 0 ]; then \
	    apt-get -qq update; \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing; \
	else \
	    echo "goodpix needs$$missing: install them, then try again" >&2; \
	    exit 1; \
	fi

$(VENV)/made: | system-packages
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"goodpix needs Python 3.11\
	 or newer, $(PYTHON) is {v[0]}.{v[1]}: try make PYTHON=python3.12")'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --upgrade 'pip>=25.3' # older versions lack dependency groups or build constraints
	@touch $@

$(VENV)/demo-installed: pyproject.toml constraints.txt | $(VENV)/made
	@echo "Installing goodpix there; the first time takes two or three minutes"
	@($(subst --quiet,,$(INSTALL)) --editable '.[plot]' 2> $(VENV)/install.log || echo failed) | { $(STEPS); }
	@touch $@

$(VENV)/dev-installed: pyproject.toml constraints.txt | $(VENV)/made
	$(INSTALL) --editable '.[dashboard,dask,maps,plot,postgres,s3,segment]' --group dev --group docs
	touch $@ $(VENV)/demo-installed
