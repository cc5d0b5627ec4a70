# The commands of this project. `make help` lists them.

EXPERIMENT ?=
PROFILE ?= default
SEEDS ?=
PYTHON ?=
VENV ?= .venv
ARGS ?=

# What a user gives reaches the shell as variables, in quotes, and is expanded by nobody; only ARGS are words of a shell.
# Paths are relative, or the shell's: make itself cannot tell a space in a path from one between two paths.
override EXPERIMENT := $(value EXPERIMENT)
override PROFILE := $(value PROFILE)
override SEEDS := $(value SEEDS)
override PYTHON := $(value PYTHON)
override VENV := $(value VENV)
override ARGS := $(value ARGS)
export EXPERIMENT PROFILE SEEDS PYTHON VENV
# Every job is a new process: without cached bytecode it would compile torch, scipy and pandas anew.
unexport PYTHONDONTWRITEBYTECODE

# Not the environment's commands: their first lines name it by its path, which may hold what a shell would expand.
RUN := "$$VENV/bin/python" -m
comma := ,
VISIBLE := $(subst $(comma), ,$(value CUDA_VISIBLE_DEVICES))
GPUS := $(if $(VISIBLE),$(words $(VISIBLE)),$(shell command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -c ^GPU))
# In percent of one: jobs say which share they need. On a cluster, the cluster counts them.
LIMITS := $(if $(filter-out 0,$(GPUS)),$(if $(filter default,$(PROFILE)),--resources gpu_share=$(GPUS)00))
# Seeds 0 to SEEDS - 1; what is no number is passed on, for the config's check to refuse.
LIST_SEEDS := awk 'BEGIN { n = ENVIRON["SEEDS"]; if (n !~ /^[0-9]+$$/) { print n; exit } \
	for (i = 0; i < n + 0; i++) s = s (i ? "," : "") i; print "[" s "]" }'
SELECTED = $(if $(EXPERIMENT),--config "experiment=$$EXPERIMENT")
CONFIG = $(if $(SEEDS),--config "seeds=$$($(LIST_SEEDS))")
START = PATH="$$(cd "$$VENV/bin" && pwd):$$PATH" $(RUN) workflow_scripts.start
OPTIONS = --profile "profiles/$$PROFILE" $(SELECTED) $(LIMITS)
# Beside a run that is at work: plans, and what is printed.
BESIDE = $(START) --beside --profile profiles/default $(SELECTED)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev reproduce status tensorboard tables plan ablations paper test test-slurm faults bench \
	gpu-check scaling readme api schemas check format lock

help: ## list what you can ask for
	@echo "make <target> [EXPERIMENT=<paper>/<name>] [SEEDS=3] [PROFILE=slurm] [ARGS='snakemake options']"
	@echo "Experiments: $$(ls papers/*/*.yaml | grep -vE '/(published|views|claims)\.yaml$$' | sed 's,papers/\(.*\)\.yaml,\1,' | tr '\n' ' ')"
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

reproduce: setup ## run an experiment from data to report, and say where the report is
	@$(START) $(OPTIONS) --quiet rules $(ARGS) $(CONFIG)
	@$(BESIDE) --quiet all $(ARGS) $(CONFIG) -- summary 2>/dev/null

status: setup ## say how far each training is, while they run
	@$(RUN) workflow_scripts.status

tensorboard: setup-dev ## show the losses of all trainings in TensorBoard, while they run
	@$(RUN) workflow_scripts.tensorboard $(ARGS)

tables: setup ## make tables, figures and report again from stored rows, without training
	@$(START) $(OPTIONS) --quiet rules --allowed-rules tables figures report views --forcerun tables figures report $(ARGS) $(CONFIG) -- views

plan: setup ## say what would run and what it would cost, and run nothing
	@$(BESIDE) --dry-run --quiet rules $(ARGS) $(CONFIG)
	@$(BESIDE) --quiet all $(ARGS) $(CONFIG) -- costs 2>/dev/null

# Of the same paper as EXPERIMENT, or as the default experiment.
ablations paper:
	@name="$${EXPERIMENT:-$$(sed -n 's/^experiment: *//p' config.yaml)}"; \
	$(MAKE) --no-print-directory reproduce EXPERIMENT="$${name%%/*}/$@"

ablations: ## run the paper's ablations on small data
paper: ## run the paper's experiment at its own budget (a GPU; first see make plan EXPERIMENT=<paper>/paper)

# Two tests at a time, of files of their own: more where there are more processors, with ARGS='-n 8'; -n 0 for a debugger.
test: setup-dev check ## run all checks and tests
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slurm: setup-dev ## run the smallest DAG on a real one-node Slurm, and interrupt it (installs Slurm; root)
	@$(RUN) pytest -s --override-ini addopts="-q --strict-markers -ra" tests/slurm $(ARGS)

faults: setup-dev ## harm the smallest DAG in every way we know, and say what became of it (about an hour)
	@$(RUN) tests.faults $(ARGS)

bench: setup ## say how fast this machine does each part of the work (about 15 minutes; ARGS='--only training')
	@$(RUN) workflow_scripts.bench $(ARGS)

# For a borrowed machine, too: where there is no environment none is installed, and the Python is the machine's.
gpu-check: ## say what only a GPU shows, within 8 minutes (ARGS=--cpu-rehearsal: all of it at toy size)
	@python="$$VENV/bin/python"; test -x "$$python" || python="$${PYTHON:-python3}"; \
	"$$python" -m workflow_scripts.gpu_check $(ARGS)

scaling: setup ## write docs/scaling.md from docs/bench.csv, rows of make bench
	@$(RUN) workflow_scripts.benchmarks.document

readme: setup ## put the figure and the verdicts of the report into README.md
	@$(RUN) workflow_scripts.readme $(ARGS)

api: setup-dev ## write pages of the code's docstrings to docs/api
	@$(RUN) pdoc --output-directory docs/api --docformat markdown workflow_scripts

schemas: setup ## write the schemas of settings from the dataclasses that declare them
	@$(RUN) workflow_scripts.schemas

check: setup-dev ## check formatting, types, lint of code and workflow, and that the schemas are up to date
	@$(RUN) ruff check && $(RUN) ruff format --check
	@$(RUN) snakefmt --check Snakefile rules
	@$(RUN) mypy
	@$(RUN) workflow_scripts.schemas --check
	@$(BESIDE) --lint

format: setup-dev ## format all code
	@$(RUN) ruff check --fix && $(RUN) ruff format && $(RUN) snakefmt Snakefile rules

setup: ## install what the workflow needs into .venv
	$(call install,runtime,envs/requirements.txt)

setup-dev: ## install what tests need on top
	$(call install,development,envs/requirements-dev.txt,"$$VENV/runtime.installed")

# Again where the list of packages is newer than the marker, which is touched last: a broken installation is taken up.
define install
	@marker="$$VENV/$(1).installed"; test -e "$$marker" && ! test $(2) -nt "$$marker" || { set -e; \
	  python="$${PYTHON:-$$(command -v python3.11 || command -v python3)}"; \
	  "$$python" -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else f"error: this needs Python 3.11, not {sys.version.split()[0]}; say make PYTHON=/path/to/python3.11")'; \
	  test -x "$$VENV/bin/python" || "$$python" -m venv "$$VENV"; \
	  echo "installing $(2) into $$VENV (a few minutes, 6 GB)"; \
	  $(RUN) pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement $(2); \
	  $(RUN) workflow_scripts.fetch_packages || true; \
	  touch $(3) "$$marker"; }
endef

lock: ## resolve envs/*.in into locked, hashed requirements
	@"$${PYTHON:-$$(command -v python3.11 || command -v python3)}" -m venv .lock && .lock/bin/python -m pip install --quiet uv
	@for name in requirements requirements-dev; do \
	  .lock/bin/python -m uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    --python-platform x86_64-manylinux_2_28 envs/$$name.in --output-file envs/$$name.txt || exit 1; done
	@rm -rf .lock
