# `make app` starts the dashboard, `make test` runs every check; both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: app test check lint javascript bench clean

app: $(READY)
	$(BIN)/tltk app

# Files side by side, then the browser alone: it waits for pages, and a busy machine would only make it wait longer.
test: $(READY) lint
	$(BIN)/python -m pytest -m "not browser" -n logical --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m browser

check: lint

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
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

# uv installs in a fifth of pip's time; where it cannot be had, pip does the same.
# The pins are those of Linux and Windows; for macOS the resolver finds its own.
PINS := $(if $(filter Darwin,$(shell uname -s)),,-c constraints.txt)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'tltk needs Python 3.11 or newer; set PYTHON=python3.12 or so.')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if $(BIN)/python -m pip install --quiet uv; then \
		$(BIN)/uv pip install --compile-bytecode --quiet --python $(BIN)/python $(PINS) -e ".[test]"; \
	else \
		$(BIN)/python -m pip install --quiet $(PINS) -e ".[test]"; \
	fi
	touch $(READY)

clean:
	rm -rf $(VENV)
