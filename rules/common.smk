"""The run table, and what turns it into targets, settings and inputs."""

import json
import os
import re
import shlex
import sys

sys.path.insert(0, str(BASE))

from workflow_scripts.data.standing import check_sources, check_times
from workflow_scripts.experiment.code import hash_code, list_evaluation_code, list_training_code
from workflow_scripts.experiment.config import load_experiment
from workflow_scripts.experiment.checking import merge
from workflow_scripts.experiment.facts import write_facts
from workflow_scripts.experiment.gpu_shares import get_gpu_share
from workflow_scripts.experiment.identity import check_identity
from workflow_scripts.experiment.plain import read_yaml, retype
from workflow_scripts.experiment.runs import (
    get_labels,
    get_settings,
    get_space,
    is_imported,
    list_groups,
    list_names,
    list_other_sources,
    list_runs,
    list_sources,
    parse_run,
)
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.kept import keep
from workflow_scripts.support.lifeline import VARIABLE, end_with_parent

if workflow.is_main_process:
    end_with_parent(grace=0)  # at SIGTERM Snakemake would wait for its jobs, which end with it
os.environ.pop(VARIABLE, None)  # jobs may be on other machines

# Rules call `python -m workflow_scripts.<rule>`, from whichever folder the workflow is used in, and end with Snakemake.
# A cluster's signals reach every process of a job; a trainer must be able to say through `tee` how far it came.
HOME = shlex.quote(str(BASE)).replace("{", "{{").replace("}", "}}")
shell.prefix(f"set -euo pipefail; trap '' TERM USR1; export PYTHONPATH={HOME} {VARIABLE}=$PPID; ")

try:
    for file in workflow.config_settings.configfiles:
        read_yaml(Path(file))  # Snakemake has read it, too, and is less strict
    given = merge(config, retype(dict(workflow.config_settings.config)))
    if "experiment" not in given:
        raise UserError(f"{BASE / 'config.yaml'} names no experiment; write `experiment: <paper>/<name>` in it")
    config.update(load_experiment(given["experiment"], given, BASE))
    RUNS = list_runs(config)
    for run in RUNS:
        check_identity(Path(run.folder), get_settings(config, run))
except UserError as error:
    sys.exit(f"error: {error}")  # one sentence: a WorkflowError would come with lines of this file

# Experiments of one folder of papers/ share data and runs.
SPACE, EXPERIMENT = config["experiment"].split("/")
DATA = f"results/{SPACE}/data"
RUN = f"results/{SPACE}/{{dataset}}/{{name}}/seed{{seed}}"
ROWS = f"results/{SPACE}/metrics/{EXPERIMENT}.parquet"
REPORTS = f"reports/{SPACE}/{EXPERIMENT}"
PAPERS = [os.path.relpath(BASE / "papers" / name) for name in config["papers"]]
NAME = "[a-z0-9_.+@~-]+"  # of a run
USES_GPU = int(config["engine"]["device"] != "cpu")  # whether runs ask for one; which share of it, get_gpu_share says
FIRST = 1000  # priority of data, which runs wait for
SHOWN = (".csv", ".png", ".html")  # of each view, in the report that Snakemake itself can make

# Variants whose weights are read from a checkpoint, not trained.
IMPORTED = [name for name, variant in config["variants"].items() if is_imported(variant)]
EVALUATORS = list(config["evaluation"]["evaluators"])
OTHERS = list_other_sources(config)  # that evaluators look at beside a run's own data
PACKED = ["inputs.npy", "latents.npy", "labels.npy", "splits.npy", "objects.npy", "meta.json"]

try:
    if workflow.is_main_process:  # once, before all jobs, whose clocks are not to decide
        check_sources({name: config["sources"][name] for name in list_sources(config)}, Path(DATA))
        check_times(
            [
                *(Path(DATA, source, "packed", "meta.json") for source in list_sources(config)),
                *(Path(run.folder, "weights.safetensors") for run in RUNS),
            ],
            [Path(run.folder, "rows", "evaluation.parquet") for run in RUNS],
            Path("results", SPACE),
        )
except UserError as error:
    sys.exit(f"error: {error}")

# What reporting needs to know of the selected data sets.
DATASETS = {
    name: {
        **{key: config["dataset_settings"][name][key] for key in ("source", "benchmarks")},
        "groups": list_groups(config["dataset_settings"][name]),
        "views": config["dataset_settings"][name]["views"]["kind"],
        "methods": list_names(config, name),
        "settings": {run.name: get_settings(config, run)["settings"] for run in RUNS if run.dataset == name},
    }
    for name in config["datasets"]
}


def one_of(names):
    """A wildcard constraint: exactly these names. Of no names at all, nothing matches."""
    return "|".join(sorted(names)) or "(?!)"


def list_code(*parts):
    """Source files of workflow_scripts modules and subpackages, so that a changed method reruns what it made."""
    base = BASE / "workflow_scripts"
    files = [
        file for part in parts for file in ([base / part] if part.endswith(".py") else (base / part).rglob("*.py"))
    ]
    return sorted(os.path.relpath(file) for file in files)


def get_run(wildcards):
    return parse_run(SPACE, wildcards.dataset, wildcards.name, int(wildcards.seed))


def get_priority(wildcards):
    """Runs start in the order of `methods`: list long ones first, so that none is left at the end."""
    names = list_names(config, wildcards.dataset)
    return len(names) - names.index(wildcards.name) if wildcards.name in names else 0


def get_start(wildcards):
    """Weights of the run whose encoder a run starts from, if any."""
    name = get_settings(config, get_run(wildcards))["training"]["warm_start"]
    return (
        [f"{RUN.format(dataset=wildcards.dataset, name=name, seed=wildcards.seed)}/weights.safetensors"] if name else []
    )


def is_of_images(source):
    """Tables have no resolution."""
    return "resolution" in config["sources"][source]


def draws(step, source):
    """Whether a step, render or pack, draws the images of a source: without image files in between, they are packed as
    they are drawn."""
    settings = config["sources"][source].get("render")
    return settings is not None and (settings["jpeg_quality"] is None) == (step == "pack")


def get_drawing_share(step, source):
    """Which share of a GPU a step takes to draw [%]: it fills one, for a short time."""
    return 100 if draws(step, source) and config["engine"]["device"] != "cpu" else 0


def get_drawing_options(step, source):
    """The device of a step that may draw: a resource, see `list_engine_options`."""
    return list_engine_options("device") if draws(step, source) else "--device cpu"


def list_packed(source):
    """Files of a packed source."""
    return [keep(f"{DATA}/{source}/packed/{file}") for file in PACKED]


def get_meta(source):
    """The description of a packed source: written last, and with the digests of all other files."""
    return f"{DATA}/{source}/packed/meta.json"


def get_packed(wildcards):
    """The description of the packed data a run sees."""
    return get_meta(config["dataset_settings"][wildcards.dataset]["source"])


def list_option(name, value):
    """An option of a command line and its value, or nothing without one."""
    return [name, str(value)] if value else []


def list_packing_options(source):
    """Options of pack: how large images are, and which of them are kept; what is not set is no option."""
    share = source.get("per_class") or {}
    limits = [list_option(f"--per-class-{split}", share.get(split)) for split in ("train", "test")]
    further = [list_option(f"--{key}", source.get(key)) for key in ("classes", "average")]
    return [*list_option("--resolution", source.get("resolution")), *limits[0], *limits[1], *further[0], *further[1]]


def as_json(value):
    """A value as a command-line argument that any change of its content changes, and nothing else."""
    return json.dumps(value, sort_keys=True)


def list_engine_options(*knobs):
    """Options that change how a job runs but not its result: a resource, since no change of one triggers a rerun."""
    return " ".join(f"--{knob.replace('_', '-')} {shlex.quote(str(config['engine'][knob]))}" for knob in knobs)


def show_in_report(path, kind):
    """An output as Snakemake's own report shows it: by data set and kind, under the view's name.

    One that does not exist is left out, so that there is a report of partial results, too.
    """
    stem, end = os.path.splitext(path)
    if end not in SHOWN or not os.path.exists(path):
        return path
    folder, name = os.path.split(stem)
    scope, _, view = name.rpartition(".")
    paper = os.path.basename(folder) if os.path.basename(folder) in config["papers"] else ""
    return report(
        path,
        caption=BASE / "workflow_scripts/reporting/templates/caption.rst",
        category=" ".join(filter(None, [paper, scope])) or "all runs",
        subcategory=kind,
        labels={"view": view.replace("_", " "), "as": end.removeprefix(".")},
    )


TRAINED = "".join([NAME, *(f"(?<!~{re.escape(variant)})" for variant in IMPORTED)])  # names of runs by what makes them
TAKEN = f"[a-z0-9_.+@-]+~({one_of(map(re.escape, IMPORTED))})"


wildcard_constraints:
    dataset=one_of(config["dataset_settings"]),
    name=NAME,
    seed="[0-9]+",
    source=one_of(config["sources"]),
