# Two commands on a fresh machine: `make demo` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
export UV_NO_PROGRESS := 1
export UV_SYSTEM_CERTS := 1

# Seconds for each fuzz target.
FUZZ_SECONDS := 120

.PHONY: help demo test lint types unit fuzz soak bench lock clean

help:
	@echo "make demo    the main job on a small local market (no network needed)"
	@echo "make test    ruff, mypy, every test"
	@echo "make fuzz    random pages and answers, FUZZ_SECONDS=$(FUZZ_SECONDS) each; a crash is kept in .fuzz"
	@echo "make soak    200,000 requests to 50 hosts that misbehave; 15 minutes at most"
	@echo "make bench   speed beside the peers, and ingest; half an hour (needs nginx)"
	@echo "make lock    resolve the dependencies again"

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.run: $(BIN)/uv requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.service: $(VENV)/.run requirements-service.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-service.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev requirements-fuzz.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-fuzz.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements-bench.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.txt
	@touch $@

demo: $(VENV)/.run
	$(BIN)/canter demo

test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/python -m pytest

fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz.extraction --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.answers --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.partial --seconds $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.scan --seconds $(FUZZ_SECONDS)

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak.run

bench: $(VENV)/.bench
	$(BIN)/canter bench speed
	$(BIN)/canter bench ingest

lock: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:build pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:build --group pyproject.toml:dev pyproject.toml -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:fuzz -o requirements-fuzz.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:build --group pyproject.toml:dev --group pyproject.toml:bench pyproject.toml -c requirements-dev.txt -o requirements-bench.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra service --extra parquet --extra tracing pyproject.toml -c requirements-dev.txt -o requirements-service.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:build -c requirements-dev.txt -o requirements-build.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
