# Two environments: .venv for the package, .venv-server for a CPU-only Xinference.
PYTHON ?= python3
VENV := .venv
SERVER_VENV := .venv-server
BIN := $(VENV)/bin
XINFERENCE := 4.1.0
NOTEBOOK ?= quickstart
# Tests run in processes side by side: what shares a server or a browser in one, see tests/conftest.py.
JOBS ?= 3
LANES := -n $(JOBS) --dist loadgroup --no-loadscope-reorder
export PATH := $(PATH):$(CURDIR)/$(SERVER_VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-all bench quick coverage versions lint format docs docs-serve docs-reference pictures \
  package engines standard browser faults-long fuzz fuzz-guided older-servers clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.installed $(SERVER_VENV)/.installed  ## Run a notebook on a private local Xinference: NOTEBOOK=quickstart, chat, reasoning, rag, agent or cluster
	$(BIN)/python examples/demo.py run $(NOTEBOOK)

lab: $(VENV)/.installed $(SERVER_VENV)/.installed  ## Open these notebooks in JupyterLab
	$(BIN)/python examples/demo.py lab

test: $(VENV)/.installed $(SERVER_VENV)/.installed browser  ## Run the tests for a change, on a real Xinference and in a real browser (20 minutes)
	$(BIN)/python -m pytest $(LANES) -m "not long"

test-all: $(VENV)/.installed $(SERVER_VENV)/.installed browser  ## Run all tests (an hour)
	$(BIN)/python -m pytest $(LANES)

quick: $(VENV)/.installed  ## Run the tests that need neither a server nor a browser
	$(BIN)/python -m pytest $(LANES) -m "not server and not browser"

coverage: $(VENV)/.installed $(SERVER_VENV)/.installed browser  ## Run all tests and report which branches they miss
	$(BIN)/python -m pytest $(LANES) --cov --cov-report=term --cov-report=html

versions: $(VENV)/.installed  ## Run the quick tests on each Python, the oldest dependencies, and earlier kernels
	$(BIN)/nox --sessions tests lowest ipykernel

faults-long: $(VENV)/.installed $(SERVER_VENV)/.installed  ## Run tests/faults exhaustively: 200 interrupts, a cut at each byte
	FAULTS_LONG=1 $(BIN)/python -m pytest --timeout 0 tests/faults

fuzz: $(VENV)/.installed  ## Run each property test on 100,000 cases (hours), or CASES=1000
	FUZZ_CASES=$(CASES) $(BIN)/python -m pytest --timeout 0 --hypothesis-profile=fuzz tests/fuzz tests/display/test_markdown.py

fuzz-guided: $(VENV)/.installed  ## Let libFuzzer look for cases that reach new branches: SECONDS=60 for each test
	@$(call pip_install,$(BIN),--group guided)
	$(BIN)/python tests/fuzz/guided.py $(or $(SECONDS),60)

older-servers: $(VENV)/.installed $(SERVER_VENV)/.installed  ## Test with servers of each major version since 1.17 (6 GB, an hour): VERSIONS="1.17.1 2.12.0"
	XINFERENCE_VERSIONS="$(VERSIONS)" $(BIN)/python -m pytest --timeout 0 tests/older_servers

bench: $(VENV)/.installed $(SERVER_VENV)/.installed browser  ## Compare with other tools (an hour or less): ONLY="load page", QUICK=1
	$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

engines: $(VENV)/.installed  ## See what engines make of requests: ENDPOINT=URL UIDS="a b", or MODEL=NAME ENGINES="llama.cpp vLLM"; KEEP=1 writes the pages
	$(BIN)/python benchmarks/engines/run.py $(UIDS) $(if $(ENDPOINT),--endpoint $(ENDPOINT)) \
	  $(if $(MODEL),--model $(MODEL)) $(if $(ENGINES),--engines $(ENGINES)) \
	  $(if $(ONLY),--only $(ONLY)) $(if $(LIBRARY),--library "$(LIBRARY)") $(if $(MODEL_NAME),--name "$(MODEL_NAME)") \
	  $(if $(KEEP),--keep)

standard: $(VENV)/.installed  ## Run LangChain's standard tests on a running model: ENDPOINT=URL UID=qwen3
	ENDPOINT="$(ENDPOINT)" MODEL_UID="$(UID)" $(BIN)/python -m pytest tests/chat_models/test_standard_real.py -k Running --timeout 0

lint: $(VENV)/.installed  ## Check style, types, spelling, and what imports what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/sp-repo-review . --format=rich --show=err

format: $(VENV)/.installed  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed  ## Build the documentation into site/
	$(BIN)/mkdocs build --strict --quiet

docs-serve: $(VENV)/.installed  ## Serve the documentation at http://127.0.0.1:8000, reloading on changes
	$(BIN)/mkdocs serve --strict

docs-reference: $(VENV)/.installed  ## Regenerate docs/commands.md from the declarations
	$(BIN)/python docs/reference.py

pictures: $(VENV)/.installed $(SERVER_VENV)/.installed browser  ## Retake the README's pictures of chat cells
	$(BIN)/python docs/pictures.py

package: $(VENV)/.installed  ## Build the sdist and the wheel into dist/
	$(BIN)/python -m build

browser: $(VENV)/.installed  # A Chromium for the browser tests
	@$(BIN)/python tests/find_browser.py --install

clean:  ## Remove the environments, and the files of demo and benchmarks
	rm -rf $(VENV) $(SERVER_VENV) .demo .nox site dist benchmarks/.cache tests/older_servers/.cache

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing the package into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(call pip_install,$(BIN),'pip>=25.1')
	@$(call pip_install,$(BIN),--editable . --group dev)
	@touch $@

$(SERVER_VENV)/.installed: pyproject.toml
	@echo "Installing a CPU-only Xinference $(XINFERENCE) into $(SERVER_VENV) (about 3 GB, some minutes) ..."
	@$(PYTHON) -m venv $(SERVER_VENV)
	@$(call pip_install,$(SERVER_VENV)/bin,'pip>=25.1')
	@$(call pip_install,$(SERVER_VENV)/bin,--group server)
	@$(call pip_install,$(SERVER_VENV)/bin,--no-deps xinference==$(XINFERENCE))
	@ln -sf "$$($(SERVER_VENV)/bin/python -c 'import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())')" $(SERVER_VENV)/bin/ffmpeg
	@$(SERVER_VENV)/bin/python tests/remember_absent.py
	@$(SERVER_VENV)/bin/python tests/remember_catalog.py
	@touch $@

define pip_install
$(1)/python -m pip install --quiet --disable-pip-version-check $(2) \
  || { echo "pip could not install $(2). Check the network, then run make again."; exit 1; }
endef
