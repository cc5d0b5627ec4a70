# The doors of this project. `make help` lists them.

EXPERIMENT ?= embedded
PROFILE ?= default
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
ARGS ?=

# Every job is a new process: without cached bytecode it would compile torch, scipy and pandas anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
OVERLAY := $(if $(filter embedded,$(EXPERIMENT)),,--configfile experiments/$(EXPERIMENT).yaml)
empty :=
comma := ,
CONFIG := $(if $(SEEDS),--config "seeds=[$(shell seq -s $(comma) 0 $$(($(SEEDS) - 1)))]")
VISIBLE := $(subst $(comma), ,$(CUDA_VISIBLE_DEVICES))
GPUS := $(if $(VISIBLE),$(words $(VISIBLE)),$(shell command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -c ^GPU))
# On a cluster, the cluster counts them.
LIMITS := $(if $(filter-out 0,$(GPUS)),$(if $(filter default,$(PROFILE)),--resources gpu=$(GPUS)))
WITH_PATH := PATH="$(abspath $(BIN)):$$PATH"
OPTIONS := --profile profiles/$(PROFILE) $(OVERLAY) $(LIMITS)
START := $(WITH_PATH) $(BIN)/python -m workflow_scripts.start $(OPTIONS)
# Beside a run that is at work: plans, and what is printed.
BESIDE := $(WITH_PATH) $(BIN)/python -m workflow_scripts.start --beside --profile profiles/default $(OVERLAY)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev reproduce status tensorboard tables plan ablations paper test test-slurm faults bench scaling readme api check format lock

help: ## list what you can ask for
	@echo "make <target> [EXPERIMENT=embedded|cifar10|...] [SEEDS=3] [PROFILE=slurm] [ARGS='snakemake options']"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

reproduce: setup ## run an experiment from data to report, and say where the report is
	@$(START) --quiet rules $(ARGS) $(CONFIG)
	@$(BESIDE) --quiet all $(ARGS) $(CONFIG) -- summary 2>/dev/null

status: setup ## say how far each training is, while they run
	@$(BIN)/python -m workflow_scripts.status

tensorboard: setup-dev ## show the losses of all trainings in TensorBoard, while they run
	@$(BIN)/python -m workflow_scripts.tensorboard $(ARGS)

tables: setup ## make tables, figures and report again from stored rows, without training
	@$(START) --quiet rules --allowed-rules tables figures report views --forcerun tables figures report $(ARGS) $(CONFIG) -- views

plan: setup ## say what would run and what it would cost, and run nothing
	@$(BESIDE) --dry-run --quiet rules $(ARGS) $(CONFIG)
	@$(BESIDE) --quiet all $(ARGS) $(CONFIG) -- costs 2>/dev/null

ablations: ## run the paper's ablations on the embedded data
	@$(MAKE) --no-print-directory reproduce EXPERIMENT=embedded-ablations

paper: ## run the paper's full 3DIEBench experiment (one GPU; first see make plan EXPERIMENT=paper)
	@$(MAKE) --no-print-directory reproduce EXPERIMENT=paper

test: setup-dev check ## run all checks and tests
	@$(BIN)/python -m pytest $(ARGS)

test-slurm: setup-dev ## run the smallest DAG on a real one-node Slurm, and interrupt it (installs Slurm; root)
	@$(BIN)/python -m pytest -s --override-ini addopts="-q --strict-markers -ra" tests/slurm $(ARGS)

faults: setup-dev ## harm the smallest DAG in every way we know, and say what became of it (about an hour)
	@$(BIN)/python -m tests.faults $(ARGS)

bench: setup ## say how fast this machine does each part of the work (about 15 minutes; ARGS='--only training')
	@$(BIN)/python -m workflow_scripts.bench $(ARGS)

scaling: setup ## write docs/scaling.md from docs/bench.csv, rows of make bench
	@$(BIN)/python -m workflow_scripts.benchmarks.document

readme: setup ## put the figure and the verdicts of the report into README.md
	@$(BIN)/python -m workflow_scripts.readme $(ARGS)

api: setup-dev ## write pages of the code's docstrings to docs/api
	@$(BIN)/pdoc --output-directory docs/api --docformat markdown workflow_scripts

check: setup-dev ## check formatting, types, lint of code and workflow
	@$(BIN)/ruff check && $(BIN)/ruff format --check
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/mypy
	@$(BESIDE) --lint

format: setup-dev ## format all code
	@$(BIN)/ruff check --fix && $(BIN)/ruff format && $(BIN)/snakefmt Snakefile rules

setup: $(VENV)/runtime.installed ## install what the workflow needs into .venv
setup-dev: $(VENV)/development.installed ## install what tests need on top

$(VENV)/runtime.installed: envs/requirements.txt
	$(call install,envs/requirements.txt)

$(VENV)/development.installed: envs/requirements-dev.txt
	$(call install,envs/requirements-dev.txt)
	@touch $(VENV)/runtime.installed

# The marker is touched last, so a broken installation is taken up again.
define install
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else f"error: this needs Python 3.11, not {sys.version.split()[0]}; say make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing $(1) into $(VENV) (a few minutes, 6 GB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement $(1)
	-@$(BIN)/python -m workflow_scripts.fetch_packages
	@touch $@
endef

lock: ## resolve envs/*.in into locked, hashed requirements
	@$(PYTHON) -m venv .lock && .lock/bin/pip install --quiet uv
	@for name in requirements requirements-dev; do \
	  .lock/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    --python-platform x86_64-manylinux_2_28 envs/$$name.in --output-file envs/$$name.txt || exit 1; done
	@rm -rf .lock
