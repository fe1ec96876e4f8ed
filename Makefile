# Every target but help and clean first sees to .venv: see bootstrap.sh.
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help ready demo test test-next test-engine unit e2e promises fuzz lint format docs bench bench-ingest bench-read bench-fit lock audit clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

ready: ## make .venv, or find it up to date
	@./bootstrap.sh

demo: ready ## write the demo catalogue and run the whole pipeline on it
	$(BIN)/diptych demo

# A file's tests share a process and what it has made; each process imports TensorFlow, which takes memory and time.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
test: ready ## every test (ARGS="-k words" for some)
	$(PYTEST) $(ARGS)

test-next: ## every test on TFX 1.21, in a Debian 13 root that it makes in build/ (as root; ARGS as above)
	@tools/test_next.sh

unit: ready ## the tests that run no pipeline
	$(PYTEST) -m "not e2e"

e2e: ready ## the tests that run the whole pipeline
	$(PYTEST) -m e2e

test-engine: ready ## ingestion and the pipeline on Beam's job servers of Flink and Spark (FLINK_JAR=, SPARK_JAR=, MAVEN=URL)
	@$(BIN)/python -m tools.test_engine --flink "$(FLINK_JAR)" --spark "$(SPARK_JAR)" --maven "$(MAVEN)"

promises: ready ## the tests behind docs/promises.md, and its table from what they report
	$(PYTEST) -m promise --junit-xml build/promises.xml
	$(BIN)/python -m tests.promises build/promises.xml

SECONDS ?= 60
fuzz: ready ## fuzz each target for SECONDS=60, or those of ARGS="csv png"
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

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
lock: ready ## write requirements/ anew from pyproject.toml, and say what changed (ARGS=--upgrade for newer versions)
	$(COMPILE) --universal --python-version 3.11 -o requirements/tfx-1.21.txt
	$(COMPILE) --python-version 3.10 --python-platform x86_64-manylinux_2_28 -o requirements/tfx-1.16.txt
	$(LOCK) benchmarks/ingest_peers/requirements.in --universal --python-version 3.10 \
		-o benchmarks/ingest_peers/requirements.txt
	$(LOCK) tests/first_contact/tools/requirements.in --universal --python-version 3.10 \
		-o tests/first_contact/tools/requirements.txt
	$(LOCK) tests/fuzz/requirements.in --universal --python-version 3.10 -o tests/fuzz/requirements.txt
	@$(BIN)/python -m tools.lock_changes

audit: ready ## known vulnerabilities of what requirements/ pins (ADVISORIES=COPY of OSV's or PyPA's where no network is)
	@$(BIN)/python -m tools.audit $(ADVISORIES)

clean: ## remove the environments and every cache
	rm -rf .venv .*_cache .hypothesis build *.egg-info
	rm -rf .venv-bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
