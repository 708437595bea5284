# Muster. `make` or `make help` lists the targets; each sets up what it needs on first use.

PYTHON ?= python3
VENV ?= .venv
BIN ?= $(VENV)/bin
PIP ?= $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
PYTEST ?= $(BIN)/python -m pytest -q
RUFF ?= $(BIN)/ruff
MYPY ?= $(BIN)/mypy
MUSTER ?= $(BIN)/muster
PYTHON_OLDEST ?= python3.10
BOARD ?=
PORT ?=
ARGS ?=

SETUP := build/.setup
EMULATOR := build/.emulator

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(SETUP) ## virtual environment, pinned packages, MicroPython (every target does it by itself)
	@echo "ready: $(MUSTER)"

# Debian and Ubuntu split `ensurepip` off into python3-venv; a pip of the system's can stand in for it.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	    echo "Muster needs Python 3.10 or newer as $(PYTHON); choose one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setting up $(VENV) (once) ..."
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	    $(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -m pip --python $(PYTHON) --version >/dev/null 2>&1; then \
	    $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --disable-pip-version-check -qq --python $(VENV)/bin/python install pip; \
	else \
	    echo "This Python cannot make virtual environments: install the package python3-venv" \
	        "(sudo apt-get install python3-venv), then give the same command again." >&2; exit 1; \
	fi

$(SETUP): requirements.lock pyproject.toml $(VENV)/bin/python
	@echo "installing the pinned packages (once) ..."
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m muster.umqtt --fetch
	@$(BIN)/python -m muster.interpreter --fetch || $(BIN)/python -m muster.interpreter
	@mkdir -p $(@D) && touch $@

.PHONY: demo
demo: $(SETUP) ## a virtual board provisions itself against the local twin and says that it has booted
	@$(MUSTER) demo $(ARGS)

.PHONY: test
test: $(SETUP) ## all tests (ARGS="-k name" chooses)
	@MUSTER_UF2= $(PYTEST) $(ARGS)

.PHONY: test-firmware
test-firmware: $(SETUP) $(if $(MUSTER_UF2),$(EMULATOR)) ## the image on real Pico W firmware in an emulator: MUSTER_UF2=/path/RPI_PICO_W-....uf2
	@$(PYTEST) tests/firmware $(ARGS)

# A pre-release; pip takes it because pyproject.toml pins it exactly.
$(EMULATOR): $(SETUP)
	@echo "installing the emulator (once) ..."
	@$(PIP) install --no-build-isolation -e ".[firmware]"
	@touch $@

.PHONY: check
check: lint types test-core size ## lint, types, core on both interpreters, mpy-cross of every device file, size budget

.PHONY: lint
lint: $(SETUP) ## ruff: rules and format; links and commands in the documents
	@$(RUFF) check -q --output-format concise . && $(RUFF) format --check -q --output-format concise . && echo "lint: good"
	@$(BIN)/python -m muster.checks.docs
	@$(BIN)/python -m muster.checks.messages

.PHONY: docs
docs: $(SETUP) ## write docs/messages.md from the table of messages
	@$(BIN)/python -m muster.checks.messages --write

.PHONY: pictures
pictures: $(SETUP) ## draw docs/pictures (ARGS="demo" chooses)
	@$(BIN)/python -m pictures $(ARGS)

.PHONY: types
types: $(SETUP) ## mypy over tools/
	@$(MYPY) --no-error-summary && echo "types: good"

.PHONY: test-core
test-core: $(SETUP) ## tests/core on CPython and on MicroPython, 64 and 32 bits
	@$(PYTEST) tests/core $(ARGS)

.PHONY: size
size: $(SETUP) ## compile every device file and compare with firmware/size_budget.csv (ARGS=--update writes it)
	@$(BIN)/python -m muster.checks.size $(ARGS)

.PHONY: sweep
sweep: $(SETUP) ## cut the power at every block operation and message, spoil every packet, both key modes
	@MUSTER_SWEEP=full $(PYTEST) -m sweep $(ARGS)

.PHONY: bench
bench: $(SETUP) ## measure, and write docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(ARGS) && $(BIN)/python -m pictures benchmarks

.PHONY: image
image: BOARD := $(or $(BOARD),virtual)
image: $(SETUP) ## flash image build/flash-BOARD.img: BOARD=esp32|pico_w|virtual (ARGS as `muster image --help` says)
	@$(MUSTER) image --board $(BOARD) --out build/flash-$(BOARD).img \
	    $(if $(filter pico_w,$(BOARD)),--uf2 build/flash-$(BOARD).uf2) $(ARGS)

.PHONY: deploy
deploy: $(SETUP) ## program files to a board: PORT=/dev/ttyACM0, BOARD=esp32|pico_w if it is to be checked
	@$(MUSTER) deploy $(if $(PORT),--port $(PORT)) $(if $(BOARD),--board $(BOARD)) $(ARGS)

.PHONY: lock
lock: ## pin the newest packages that pyproject.toml allows, resolved on the oldest Python (PYTHON_OLDEST)
	@$(PYTHON_OLDEST) tools/lock.py

.PHONY: clean
clean: ## remove what was built; `make distclean` removes the virtual environment as well
	@rm -rf build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find boot.py main.py lib tools tests firmware -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: distclean
distclean: clean
	@rm -rf $(VENV)
