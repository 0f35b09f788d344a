# `make app` starts the dashboard, `make check` runs what takes minutes, `make test` everything; each makes the environment
# first. `make app TORCH=cpu` makes it without CUDA, for a machine without a GPU.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: app check test lint javascript docs bench clean

app: $(READY)
	$(BIN)/tltk app

# Files side by side, then the browser alone: it waits for pages, and a busy machine would only make it wait longer.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile

# The fast tier: what tests/tiers.py does not call slow, and nothing that needs a browser.
check: $(READY) lint
	$(BIN)/python -m pytest -m "not slow and not browser" $(SIDE_BY_SIDE)

test: $(READY) lint
	$(BIN)/python -m pytest -m "not browser" $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest -m browser

# JavaScript by node itself and by eslint, each where it is installed; nothing is downloaded.
javascript:
	@if ! command -v node > /dev/null; then echo "node is not installed: the JavaScript is not checked."; else \
		for file in $$(find assets/components tests/js eslint.config.js -name '*.js'); do node --check $$file || exit 1; done; \
		node --test --test-reporter=dot tests/js/*.test.js; \
	fi
	@if PATH="node_modules/.bin:$$PATH" command -v eslint > /dev/null; then PATH="node_modules/.bin:$$PATH" eslint .; \
		else echo "eslint is not installed: its rules are not checked."; fi

lint: $(READY) javascript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# The reference of the public names, from their docstrings, as pages in build/docs.
docs: $(READY)
	$(BIN)/python docs/reference.py build/docs

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

# uv installs in a fifth of pip's time; where it cannot be had, pip does the same.
# The pins are those of Linux and Windows; for macOS the resolver finds its own.
# TORCH is uv's name for a build of torch (cpu, cu130, xpu, …); without it, the one that the platform gets by default.
BUILD := $(if $(TORCH),--torch-backend $(TORCH))
PINS := $(if $(filter Darwin,$(shell uname -s)),,-c constraints.txt)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'tltk needs Python 3.11 or newer; set PYTHON=python3.12 or so.')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if $(BIN)/python -m pip install --quiet uv; then \
		$(BIN)/uv pip install --compile-bytecode --quiet --python $(BIN)/python $(BUILD) $(PINS) -e ".[test,docs]"; \
	else \
		$(if $(TORCH),echo "TORCH=$(TORCH) needs uv; it cannot be had here and pip takes the default build of torch.";) \
		$(BIN)/python -m pip install --quiet $(PINS) -e ".[test,docs]"; \
	fi
	touch $(READY)

clean:
	rm -rf $(VENV)
