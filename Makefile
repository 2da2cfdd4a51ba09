# make demo   set up, generate scenes, train ICPC, evaluate, leave pictures in work_dirs/demo
# make test   set up, check style, run the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCRATCH ?= 0

.PHONY: setup demo test lint clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "icpc needs Python >= 3.10"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

demo: setup
	SCRATCH=$(SCRATCH) $(BIN)/python tools/demo.py

test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) work_dirs/demo data/scenes
