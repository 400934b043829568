# `make demo` and `make test` need nothing but Python >= 3.11: they make the environment themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= out

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-slow networks conformance conformance-all lint format bench install clean

# The main job on the bundled photos, then one 3D photo made by one of the models it exported.
demo: install
	$(BIN)/ldikit build -o $(OUT)/phone --overwrite
	$(BIN)/ldikit photo calibration/photos/astronaut_portrait.jpg -o $(OUT)/3dphoto --overwrite \
		--bundle $(OUT)/phone --backend litert --precision fp16
	@echo "report:   $(OUT)/phone/report.html"
	@echo "3D photo: $(OUT)/3dphoto/video.mp4"

test: install
	$(BIN)/python -m pytest -m "not slow"

# Minutes longer: a 12 megapixel photo's memory, the published hard rule on every development pair.
test-slow: install
	$(BIN)/python -m pytest -m "slow and not networks"

# About an hour: builds with every published depth and inpainting network, of random weights where there are no others.
networks: install
	$(BIN)/python -m pytest -m networks

# coremltools' own tests against the Core ML evaluator: a sample of about three minutes on two idle cores.
conformance: install
	$(BIN)/python tests/conformance/run.py

# One to two hours; goes on where it stopped. The records belong to one state of the evaluator: remove them after a change.
conformance-all: install
	$(BIN)/python tests/conformance/run.py --all --records $(OUT)/conformance --write

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python benchmarks/pocket.py --output $(OUT)/bench

install: $(STAMP)

# torch comes first and by itself, so that no other package's looser range decides which build of it is taken.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "torch==2.13.*"
	$(BIN)/python -m pip install --quiet --editable ".[all,dev]"
	touch $@

clean:
	rm -rf build dist *.egg-info $(OUT) .mypy_cache .ruff_cache .pytest_cache
