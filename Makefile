# Two commands on a machine with Python 3.11 or later, git and make; nothing else is needed beforehand.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed-$(shell cksum requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
DEV_STAMP := .venv/dev-$(shell cksum requirements-dev.lock pyproject.toml | cksum | cut -d' ' -f1)
DEMO := build/demo
QUESTION := Who signed the agreement between Russia and Qatar?

# uv trusts what the machine trusts, as pip does: a company's own certificates too.
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1

.PHONY: demo test check setup clean
.DEFAULT_GOAL := demo

# Asks the article that ships with citewire one question. Weights (1.1 GB) are fetched once, with progress.
demo: $(STAMP)
	@$(BIN)/citewire models fetch all-MiniLM-L6-v2 all-MiniLM-L6-v2-tokenizer qwen2.5-coder-1.5b >/dev/null
	@test -e $(DEMO)/library.json || $(BIN)/citewire ingest --seed --library $(DEMO)
	@echo "$(QUESTION)"
	@$(BIN)/citewire ask "$(QUESTION)" --library $(DEMO) --model embedded:qwen2.5-coder-1.5b

# All tests: unit | models | live | web. Without an Ollama or a Chromium those stages are skipped, and it says so.
test: $(DEV_STAMP)
	@$(BIN)/citewire models fetch all-MiniLM-L6-v2 all-MiniLM-L6-v2-tokenizer smollm2-135m qwen2.5-coder-0.5b qwen2.5-coder-1.5b >/dev/null
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(DEV_STAMP)

# Every package by its hash; a new lock makes a new stamp, and an unchanged one costs nothing.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "citewire needs Python 3.11 or later, and $(PYTHON) is %d.%d. Run: make PYTHON=python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "Installing packages by their hashes ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@rm -f .venv/installed-*
	@touch $@

# What tests, linters and types need besides.
$(DEV_STAMP): $(STAMP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@rm -f .venv/dev-*
	@touch $@

clean:
	rm -rf .venv build/demo
