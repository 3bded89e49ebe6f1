# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11 or later with venv, and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test quick lint types check simulate prove lock schemas sbom clean help

help:
	@echo "make demo    start beredd with Stockholm's profile and play a morning through it"
	@echo "make test    lint, types and every test"
	@echo "make quick   the tests that keep main green while you work (under a minute)"
	@echo "make prove   the long proofs, whole"

$(VENV)/run.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "beredd needs Python 3.11 or later, this is %d.%d" % sys.version_info[:2])'
	@echo "[1/2] making the virtual environment $(VENV) from the hashed lock (requirements.txt)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.txt
	@echo "[2/2] installing beredd itself, editable"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.txt
	@echo "[+] installing what the tests need (requirements-test.txt)"
	@$(PIP) install --require-hashes -r requirements-test.txt
	@touch $@

demo: $(VENV)/run.stamp
	@$(BIN)/beredd demo $(if $(KEEP),--keep,)

test: $(VENV)/test.stamp lint types
	$(BIN)/python -m pytest

quick: $(VENV)/test.stamp
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not browser"

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

simulate: $(VENV)/test.stamp
	$(BIN)/python -m tests.simulation.history --seeds $(or $(SEEDS),100) --from $(or $(FROM),1)

prove: $(VENV)/test.stamp
	BEREDD_PROVE=1 $(BIN)/python -m pytest -m slow -s

schemas: $(VENV)/run.stamp
	$(BIN)/python -m streams.schemas schemas

# What the lock installs, for whoever must know (CycloneDX). After every change of the lock.
sbom: $(VENV)/run.stamp
	$(BIN)/python -m streams.sbom requirements.txt sbom.cdx.json

UV_LOCK = uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q --extra build

# The test lock comes first: Faust caps click, and both locks must agree.
lock:
	$(UV_LOCK) --extra kafka --extra test -o requirements-test.txt
	$(UV_LOCK) -c requirements-test.txt -o requirements.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
