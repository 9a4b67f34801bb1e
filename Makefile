# Everything runs inside .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A worker for each core, eight at most, of one thread, as more threads would only wait for one another. Workers are
# given whole files, in the order of tests/conftest.py.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# Where no bytecode may be kept, every process that a test starts compiles all of backproof once more.
export PYTHONDONTWRITEBYTECODE :=
ALL := src tests benchmarks assignment_1 docs

.PHONY: help demo test quick lint format bench check-study proofs results docs clean

help:
	@echo "make demo   train every network on the embedded images and write the report (three minutes, once installed)"
	@echo "make test   run every test (those on CIFAR-10 need BACKPROOF_DATA=FOLDER)"
	@echo "make quick  run those that take a moment each (a minute in all)"
	@echo "make lint   formatting, lint, types, import rules, spelling"
	@echo "make bench  re-measure every speed in docs/speed.md (needs CIFAR-10)"
	@echo "make check-study  let backproof check judge a catalogue of mistakes and of correct submissions"
	@echo "make proofs  count in docs/proofs.md what is proven and which mistakes are noticed"
	@echo "make results  rebuild the tables of trainings in README and docs from the records in results/"
	@echo "make docs   build the pages for readers into docs/_build/html"

.venv/.installed: pyproject.toml constraints.txt
	@echo "installing backproof into .venv, PyTorch among what it needs"
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable '.[torch]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "installing the tools for development into .venv"
	@$(PIP) --editable '.[torch,dev]'
	@touch $@

demo: .venv/.installed
	@$(BIN)/backproof reproduce --data digits

test: .venv/.installed-dev
	@$(PYTEST)

quick: .venv/.installed-dev
	@$(PYTEST) -m "not slow"

lint: .venv/.installed-dev
	@$(BIN)/ruff format --check $(ALL)
	@$(BIN)/ruff check $(ALL)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell $(ALL) .ci *.md *.toml *.cff Makefile

format: .venv/.installed-dev
	@$(BIN)/ruff format $(ALL)
	@$(BIN)/ruff check --fix $(ALL)

bench: .venv/.installed-dev
	@$(BIN)/python benchmarks/bench.py

check-study: .venv/.installed-dev
	@$(BIN)/python benchmarks/check_study.py

proofs: .venv/.installed-dev
	@$(BIN)/python benchmarks/proofs.py

results: .venv/.installed-dev
	@$(BIN)/python benchmarks/results.py

docs: .venv/.installed-dev
	@$(BIN)/sphinx-build --quiet --fail-on-warning --builder html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis docs/_build
