# `make demo` and `make test` install what they need into .venv and run; `make lint` checks without running tests, and
# `make cluster` kills workers, schedulers, jobs and nodes of a Dask and of a SLURM on this machine for half an hour;
# `make bench` takes ten minutes and writes docs/benchmarks; `benchmarks/gpu.py` is for a machine with a GPU.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test pytest lint static hooks docs packages oldest release bench cluster clean

demo: $(VENV)/installed-train
	$(BIN)/spatialgraph demo

# Types are checked by one process, which leaves a core to the first tests.
test: $(VENV)/installed-test $(VENV)/scripts
	@$(MAKE) --no-print-directory --jobs 2 static pytest

pytest: $(VENV)/installed-test
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: static $(VENV)/scripts
	$(BIN)/pytest --quiet tests/analyses/report/test_scripts.py

static: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

hooks: $(VENV)/installed-release
	$(BIN)/pre-commit install

# Warnings are errors; tutorials run, which takes most of the time.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -b html -W --keep-going docs build/docs

packages: $(VENV)/installed-release
	rm -rf dist build/lib
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python tests/packaging/check.py wheel dist/*.whl

oldest: $(VENV)/installed-release
	$(BIN)/python tests/packaging/check.py oldest

# What a release must show, in this order; the last step tags the commit here, and nothing is uploaded.
release: $(VENV)/installed-release
	$(BIN)/python tests/packaging/release.py --check
	$(MAKE) --no-print-directory test docs packages oldest
	$(BIN)/python tests/packaging/release.py --tag

cluster: $(VENV)/installed-test
	$(BIN)/python tests/cluster/check.py --out docs/benchmarks/cluster.json

bench: $(VENV)/installed-test
	$(BIN)/python benchmarks/training.py --repeats 3 --out docs/benchmarks/training.json
	$(BIN)/python benchmarks/masking.py --out docs/benchmarks/masking.json
	$(BIN)/python benchmarks/analysis.py --out docs/benchmarks/analysis.json
	$(BIN)/python benchmarks/spatial_cost.py --out docs/benchmarks/spatial_cost.json
	$(BIN)/python benchmarks/kinds.py --repeats 5 --out docs/benchmarks/kinds.json
	$(BIN)/python benchmarks/demo.py --out docs/benchmarks/demo.json

$(VENV)/installed-%: pyproject.toml
	@echo "installing into $(VENV), PyTorch included: this takes a few minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[train,report,$*]"
	@touch $@

# What checks the scripts of the report's page; without npm its tests are left out, and say so.
$(VENV)/scripts:
	@command -v npm > /dev/null && npm install --silent --no-save --no-package-lock --fetch-retries 0 --fetch-timeout 15000 --prefix $@ typescript eslint || \
	  echo "typescript and eslint are not installed: the page's scripts are not checked"

clean:
	rm -rf $(VENV) results runs build dist docs/generated *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
