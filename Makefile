# `make` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist

.DEFAULT_GOAL := help
.PHONY: help setup demo review test test-slow lint format bench screenshots bench-gpu clean
TREC ?= ../shared/data/trec
AG_NEWS ?= ../shared/data/ag_news_10k

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## create .venv and install cal with everything it is tested with

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit(f"cal needs Python 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}; give another: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	UV_FIND_LINKS="$$PIP_FIND_LINKS" UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode -c constraints.txt -e '.[test]'
	@touch $(READY)

demo: $(READY) ## simulate active learning on the docstrings of installed libraries; ends in a report
	$(BIN)/cal simulate experiment=demo

review: $(READY) ## open the labelling page in a browser, with a few hundred wrong labels to find
	$(BIN)/cal annotate demo

test: $(READY) ## run the tests, on all cores
	$(TEST) worksteal -m "not slow"

test-slow: $(READY) ## run the tests that take long, which `make test` leaves out; SHARE=2/8 runs a part of them
	$(TEST) loadfile -m slow $(if $(SHARE),--share $(SHARE))

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed beside peers, about two hours; TREC=FOLDER holds train.csv and test.csv (id, text, label)
	$(BIN)/python experiments/benchmarks/peers_env.py
	$(BIN)/cal benchmark everything --data $(TREC) --output experiments/benchmarks/results

screenshots: $(READY) ## take pictures of each view of the labelling page, into runs/screenshots
	$(BIN)/python experiments/screenshots.py runs/screenshots

bench-gpu: $(READY) ## measure whole grids on a GPU; AG_NEWS=FOLDER like TREC
	$(BIN)/cal benchmark gpu --trec $(TREC) --ag-news $(AG_NEWS)

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
