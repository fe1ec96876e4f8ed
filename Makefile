# Every target but help and clean first sees to .venv: see bootstrap.sh.
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help ready demo test unit e2e lint format docs bench bench-ingest bench-read bench-fit lock clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

ready: ## make .venv, or find it up to date
	@./bootstrap.sh

demo: ready ## write the demo catalogue and run the whole pipeline on it
	$(BIN)/diptych demo

test: ready ## every test
	$(BIN)/python -m pytest

unit: ready ## the tests that run no pipeline
	$(BIN)/python -m pytest -m "not e2e"

e2e: ready ## the tests that run the whole pipeline
	$(BIN)/python -m pytest -m e2e

lint: ready ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: ready ## put the code in style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: ready ## the documentation, in build/docs; a dead link or a missing anchor fails
	$(BIN)/mkdocs build --strict --site-dir build/docs

bench: ready ## the tables of benchmarks/
	$(BIN)/python -m benchmarks

bench-ingest: ready ## ingestion against the blog's loop and other tools
	$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-read: ready ## reading by tf.data against the blog and other tools
	$(BIN)/python -m benchmarks.read $(ARGS)

bench-fit: ready ## training fed by tf.data against training fed from memory
	$(BIN)/python -m benchmarks.fit $(ARGS)

# The header of a lock names this target, and neither a registry nor a place on some disk.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --generate-hashes \
	--no-emit-index-url $(ARGS)
COMPILE = $(LOCK) pyproject.toml --extra dev
lock: ready ## write requirements/ anew from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) --universal --python-version 3.11 -o requirements/tfx-1.21.txt
	$(COMPILE) --python-version 3.10 --python-platform x86_64-manylinux_2_28 -o requirements/tfx-1.16.txt
	$(LOCK) benchmarks/ingest_peers/requirements.in --universal --python-version 3.10 \
		-o benchmarks/ingest_peers/requirements.txt

clean: ## remove the environments and every cache
	rm -rf .venv .*_cache .hypothesis build *.egg-info
	rm -rf .venv-bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
