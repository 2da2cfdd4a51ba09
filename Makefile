# make demo   set up, generate scenes, train ICPC, evaluate, leave pictures in work_dirs/demo
# make test   set up, check style, run the tests
# make test-all   the same with the slow ones: every config, all pairs of switches
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The cv2 that needs no X or GL libraries is there, and whole: opencv-python, which an older setup
# installed into the same folder, takes files of it along when it goes.
HEADLESS := $(BIN)/python -c 'from cv2 import imdecode, version; assert version.headless'
# Small tensors: one thread is faster than two that wait for each other.
RUN := OMP_NUM_THREADS=1 $(BIN)/python
DEMO := configs/icpc/icpc_tiny_fpn_1k_scenes-128.py
# make demo SCRATCH=1 pre-trains the tiny CLIP on the spot instead of taking the packaged one.
SCRATCH ?= 0
DEMO_OPTIONS := $(if $(filter 1,$(SCRATCH)),--cfg-options model.clip.model=work_dirs/scenes_clip)

# make docs   the documentation as a site, in docs/_build/html; a warning is an error
docs: setup
	$(BIN)/python -c 'import furo, myst_parser' 2>/dev/null || $(PIP) install --quiet \
		-c constraints.txt ./tools/opencv-headless -e '.[docs]'
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# make notebook   execute examples/quickstart.ipynb anew, and draw docs/notebook.png and
# docs/prediction.png of it (Chromium draws)
notebook: setup
	$(RUN) examples/execute.py

# make page   docs/page.png, the page of `icpc serve` in headless Chromium
page: setup
	$(BIN)/python -c 'import gradio, playwright' 2>/dev/null || $(PIP) install --quiet \
		-c constraints.txt ./tools/opencv-headless -e '.[browser]'
	PAGE_PICTURE=docs/page.png $(RUN) -m pytest -n 0 -m slow tests/serving/test_page_in_browser.py

.PHONY: setup demo test test-all docs notebook page lint clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt tools/opencv-headless/pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "icpc needs Python >= 3.10"'
	$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet -c constraints.txt ./tools/opencv-headless -e '.[test]'
	$(HEADLESS) 2>/dev/null || $(PIP) install --quiet --force-reinstall --no-deps \
		-c constraints.txt opencv-python-headless
	$(HEADLESS)
	touch $@

demo: setup
	$(RUN) tools/prepare_data.py scenes --out data/scenes
ifeq ($(SCRATCH),1)
	$(RUN) tools/pretrain_clip.py --out work_dirs/scenes_clip
endif
	$(RUN) tools/colour_position_baseline.py --data-root data/scenes
	$(RUN) tools/train.py $(DEMO) --work-dir work_dirs/demo $(DEMO_OPTIONS)

test: setup lint
	$(RUN) -m pytest -n 3 --dist loadgroup

test-all: setup lint
	$(RUN) -m pytest -n 2 --dist loadgroup -m ''

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) work_dirs/demo data/scenes docs/_build
