# The commands of this project. `make help` lists them.

EXPERIMENT ?=
PROFILE ?= default
SEEDS ?=
PYTHON ?=
VENV ?= .venv
TORCH ?=
HUB ?=
ARGS ?=

# What a user gives reaches the shell as variables, in quotes, and is expanded by nobody; only ARGS are words of a shell.
# Paths are relative, or the shell's: make itself cannot tell a space in a path from one between two paths.
override EXPERIMENT := $(value EXPERIMENT)
override PROFILE := $(value PROFILE)
override SEEDS := $(value SEEDS)
override PYTHON := $(value PYTHON)
override VENV := $(value VENV)
override TORCH := $(value TORCH)
override HUB := $(value HUB)
override ARGS := $(value ARGS)
export EXPERIMENT PROFILE SEEDS PYTHON VENV TORCH HUB
# Every job is a new process: without cached bytecode it would compile torch, scipy and pandas anew.
unexport PYTHONDONTWRITEBYTECODE

# Not the environment's commands: their first lines name it by its path, which may hold what a shell would expand.
RUN := "$$VENV/bin/python" -m
comma := ,
VISIBLE := $(subst $(comma), ,$(value CUDA_VISIBLE_DEVICES))
GPUS := $(if $(VISIBLE),$(words $(VISIBLE)),$(shell command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -c ^GPU))
# In percent of one: jobs say which share they need. On a cluster, the cluster counts them.
LIMITS := $(if $(filter-out 0,$(GPUS)),$(if $(filter default,$(PROFILE)),--resources gpu_share=$(GPUS)00))
# With the environment's commands, which the jobs of the workflow call, first on the PATH; and ending when make ends.
LIFELINE = WORKFLOW_PID="$${WORKFLOW_PID:-$$PPID}"
START = PATH="$$(cd "$$VENV/bin" && pwd):$$PATH" $(LIFELINE) exec $(RUN)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev reproduce status tensorboard tables plan experiments ablations paper push pull crate \
	test test-slurm attack bench gpu-check scaling readme sample docs api schemas check format lock

help: ## list what you can ask for
	@echo "make <target> [EXPERIMENT=<paper>/<name>] [SEEDS=3] [PROFILE=slurm] [ARGS='snakemake options']"
	@echo "Experiments: $$(ls papers/*/*.yaml | grep -vE '/(published|views|claims)\.yaml$$' | sed 's,papers/\(.*\)\.yaml,\1,' | tr '\n' ' ')"
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

reproduce: setup ## run an experiment from data to report; ends with the verdicts and where the report is
	@$(START) workflow_scripts.reproduce $(LIMITS) $(ARGS)

status: setup ## say how far each training is, while they run
	@$(RUN) workflow_scripts.status

tensorboard: setup-dev ## show the losses of all trainings in TensorBoard, while they run
	@$(RUN) workflow_scripts.tensorboard $(ARGS)

tables: setup ## make tables, figures and report again from stored rows, without training
	@$(START) workflow_scripts.reproduce $(LIMITS) --allowed-rules tables figures report views \
	  --forcerun tables figures report $(ARGS) -- views

plan: setup ## say what would run and what it would cost, and run nothing
	@$(START) workflow_scripts.plan $(ARGS)

experiments: setup ## list the experiments, and what each costs: time, disk, device
	@$(RUN) workflow_scripts.experiments

# Of the same paper as EXPERIMENT, or as the default experiment.
ablations paper:
	@name="$${EXPERIMENT:-$$(sed -n 's/^experiment: *//p' config.yaml)}"; \
	$(LIFELINE) exec $(MAKE) --no-print-directory reproduce EXPERIMENT="$${name%%/*}/$@"

ablations: ## run the paper's ablations on small data
paper: ## run the paper's experiment at its own budget (a GPU; first see make plan EXPERIMENT=<paper>/paper)

push: setup ## push weights, rows and data of an experiment to HUB=<owner>/<name> on the Hugging Face Hub (private)
	@$(RUN) workflow_scripts.hub push "$$HUB" $(ARGS)

pull: setup ## pull them from there, verified; then make reproduce makes tables and report, and trains nothing
	@$(RUN) workflow_scripts.hub pull "$$HUB" $(ARGS)

crate: setup ## make an archive of a finished experiment that says what ran, a Workflow Run RO-Crate
	@$(RUN) workflow_scripts.crate $(ARGS)

# Two tests at a time, of files of their own: more where there are more processors, with ARGS='-n 8'; -n 0 for a debugger.
test: setup-dev check ## run all checks and tests
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slurm: setup-dev ## run the smallest DAG on a real one-node Slurm, and interrupt it (installs Slurm; root)
	@$(RUN) pytest -s --override-ini addopts="-q --strict-markers -ra" tests/slurm $(ARGS)

attack: setup-dev ## give it hostile input, kills, full disks and damage, and say what became of each (ARGS='--minutes 30')
	@$(RUN) tests.attack $(ARGS)

bench: setup ## say how fast this machine does each part of the work (about 15 minutes; ARGS='--only training')
	@$(RUN) workflow_scripts.bench $(ARGS)

# For a borrowed machine, too: where there is no environment none is installed, and the Python is the machine's.
gpu-check: ## say what only a GPU shows, within 8 minutes (ARGS=--cpu-rehearsal: all of it at toy size)
	@python="$$VENV/bin/python"; test -x "$$python" || python="$${PYTHON:-python3}"; \
	"$$python" -m workflow_scripts.gpu_check $(ARGS)

scaling: setup ## write docs/scaling.md from docs/bench.csv, rows of make bench
	@$(RUN) workflow_scripts.benchmarks.document

readme: setup ## put results, costs and figures of a report into README.md and docs/ (ARGS='--report reports/<paper>/<name>')
	@$(RUN) workflow_scripts.readme $(ARGS)

sample: setup ## keep a report as the sample that README.md links to (ARGS='--report reports/<paper>/<name>')
	@$(RUN) workflow_scripts.sample $(ARGS)

docs: setup-dev ## make a site of README.md and docs/ in site/, and check its links
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet $(ARGS) && echo "The site: site/index.html"

api: setup-dev ## write pages of the code's docstrings to docs/api
	@$(RUN) pdoc --output-directory docs/api --docformat markdown workflow_scripts

schemas: setup ## write the schemas of settings from the dataclasses that declare them
	@$(RUN) workflow_scripts.schemas

check: setup-dev ## check formatting, types, lint of code and workflow, and that the schemas are up to date
	@$(RUN) ruff check && $(RUN) ruff format --check
	@$(RUN) snakefmt --check Snakefile rules
	@$(RUN) mypy
	@$(RUN) workflow_scripts.schemas --check
	@$(START) workflow_scripts.start --beside --profile profiles/default --lint

format: setup-dev ## format all code
	@$(RUN) ruff check --fix && $(RUN) ruff format && $(RUN) snakefmt Snakefile rules

setup: ## install what the workflow needs into .venv (TORCH=gpu|cpu|<index>: see docs/operations.md)
	@sh envs/setup.sh runtime envs/requirements.txt

setup-dev: ## install what tests need on top
	@sh envs/setup.sh development envs/requirements-dev.txt runtime

# One list for all Pythons and machines: lines say where they do not hold. Versions stay where nothing asks for others.
lock: setup ## resolve envs/*.in into locked, hashed requirements
	@for name in requirements requirements-dev; do \
	  $(RUN) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock, for Python 3.11 and newer" envs/$$name.in --output-file envs/$$name.txt \
	    || exit 1; done
