"""The run table, and helpers that turn it into targets, settings and inputs."""

import json
import os
import re
import sys

sys.path.insert(0, str(BASE))

from snakemake.exceptions import WorkflowError

from workflow_scripts.experiment.config import check_config, retype
from workflow_scripts.experiment.identity import check_identity, list_evaluation_code
from workflow_scripts.experiment.runs import (
    get_labels,
    get_settings,
    is_imported,
    list_names,
    list_runs,
    list_transformers,
    merge,
    parse_run,
)
from workflow_scripts.reporting.layouts import has_figure, list_all_views, list_judged, read_paper
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.lifeline import VARIABLE

# Rules call `python -m workflow_scripts.<rule>`, from whichever folder the workflow is used in, and end with Snakemake.
# A cluster's signals reach every process of a job; a trainer must be able to say through `tee` how far it came.
shell.prefix(f"set -euo pipefail; trap '' TERM USR1; export PYTHONPATH={BASE} {VARIABLE}=$PPID; ")

try:
    config.update(merge(config, retype(dict(workflow.config_settings.config))))
    check_config(config)
    RUNS = list_runs(config)
    for run in RUNS:
        check_identity(Path(run.folder), get_settings(config, run))
    # What reporting needs to know of the selected data sets.
    DATASETS = {
        name: {key: config["dataset_settings"][name][key] for key in ("source", "benchmark", "groups")}
        | {"methods": list_names(config, name), "transformers": list_transformers(config, name)}
        for name in config["datasets"]
    }
    # The files of the papers' published values, claims and layouts, and (paper, scope, name) of every view of them.
    PAPERS = [os.path.relpath(BASE / "papers" / f"{name}.yaml") for name in config["papers"]]
    VIEWS = list_all_views(PAPERS, DATASETS)
except UserError as error:
    raise WorkflowError(str(error)) from None

# Variants whose weights are read from a checkpoint, not trained.
IMPORTED = [name for name, variant in config["variants"].items() if is_imported(variant)]
REPORTS = config["reports"]
REPORT = f"{REPORTS}/index.html"
ROWS = f"results/metrics/{config['experiment']}.parquet"
SHOWN = (".csv", ".png", ".html")  # of each view, in the report that Snakemake itself can make
PACKED = ["inputs.npy", "latents.npy", "labels.npy", "splits.npy", "objects.npy", "meta.json"]


def one_of(names):
    """A wildcard constraint: exactly these names. Of no names at all, nothing matches."""
    return "|".join(sorted(names)) or "(?!)"


def get_code(*parts):
    """Source files of workflow_scripts modules and subpackages, so that a changed method reruns what it made."""
    base = BASE / "workflow_scripts"
    files = [
        file for part in parts for file in ([base / part] if part.endswith(".py") else (base / part).rglob("*.py"))
    ]
    return sorted(os.path.relpath(file) for file in files)


def get_run(wildcards):
    return parse_run(wildcards.dataset, wildcards.name, int(wildcards.seed))


def get_priority(wildcards):
    """Long jobs first, so that no core waits for one at the end: transformers, then what trains, then controls."""
    settings = get_settings(config, get_run(wildcards))["method_settings"]
    return 2 if "block_tokens" in settings else 1 if settings else 0


def get_start(wildcards):
    """Weights of the run whose encoder a run starts from, if any."""
    name = get_settings(config, get_run(wildcards))["training"].get("warm_start")
    return [f"results/{wildcards.dataset}/{name}/seed{wildcards.seed}/weights.safetensors"] if name else []


def get_checkpoint(wildcards):
    """The checkpoint that an imported run is made from."""
    return get_settings(config, get_run(wildcards))["training"]["import"]


def get_dataset(name):
    return config["dataset_settings"][name]


def get_sources():
    """Sources of the selected data sets, each once."""
    return list(dict.fromkeys(get_dataset(name)["source"] for name in config["datasets"]))


def get_image_sources():
    """Selected sources that hold images; tables have no resolution."""
    return [source for source in get_sources() if "resolution" in config["sources"][source]]


def get_packed(wildcards):
    """Files of the packed data a run sees."""
    source = get_dataset(wildcards.dataset)["source"]
    return [f"results/data/{source}/packed/{file}" for file in PACKED]


def get_resolution(source):
    """The option of pack that says how large images are; tables have none."""
    side = config["sources"][source].get("resolution")
    return f"--resolution {side}" if side else ""


def get_packers(wildcards):
    """Processes that pack: images are decoded by several, a table is read once, by one."""
    return config["engine"]["workers"] if get_resolution(wildcards.source) else 1


def get_per_class(source):
    """Options of pack that keep only some images of each class."""
    share = config["sources"][source].get("per_class")
    return f"--per-class-train {share['train']} --per-class-test {share['val']}" if share else ""


def as_json(value):
    """A value as a command-line argument that any change of its content changes, and nothing else."""
    return json.dumps(value, sort_keys=True)


def get_engine(*knobs):
    """Options that change how a job runs but not its result: a resource, since no change of one triggers a rerun."""
    return " ".join(f"--{knob.replace('_', '-')} {config['engine'][knob]}" for knob in knobs)


def get_times():
    """Where Snakemake writes the wall-clock time of every job, in the order of the DAG."""
    data = [
        f"results/data/{source}/{rule}.time.tsv"
        for source in get_sources()
        for rule in ("render", "synthesize", "download", "pack")
    ]
    made = [(run, "import_checkpoint" if run.variant in IMPORTED else "pretrain") for run in RUNS]
    made += [(run, "evaluate") for run in RUNS]
    return data + [f"{run.folder}/{rule}.time.tsv" for run, rule in made]


def get_rows(run):
    """The rows that the evaluation of a run writes."""
    return f"{run.folder}/rows/evaluation.parquet"


def get_tables():
    """Scorecards, then tables."""
    names = [f"{dataset}.scorecard" for dataset in list_judged(PAPERS, DATASETS)]
    names += [f"{scope}.{name}" for _, scope, name in VIEWS]
    return [f"{REPORTS}/tables/{name}.{end}" for name in names for end in ("csv", "md", "tex", "json")]


def get_neighbours():
    """What the first seed's runs retrieve, by data set: those of stored views whose benchmark a paper shows it on."""
    papers = [read_paper(paper)["tables"] for paper in PAPERS]
    shown = {tables["nearest_neighbours"]["benchmark"] for tables in papers if "nearest_neighbours" in tables}
    stored = [name for name in config["datasets"] if get_dataset(name)["views"] == "stored"]
    drawn = [name for name in stored if get_dataset(name)["benchmark"] in shown]
    first = [run for run in RUNS if run.seed == config["seeds"][0]]
    return {name: [f"{run.folder}/rows/neighbours.json" for run in first if run.dataset == name] for name in drawn}


def get_figures():
    """Figures of the papers, neighbours, contact sheets, and every run's training curves; as JSON, those of lines."""
    lines = [f"{scope}.{name}" for paper, scope, name in VIEWS if has_figure(paper, name)]
    lines += ["training_curves"]
    drawn = [*lines, *(f"{dataset}.neighbours" for dataset in get_neighbours())]
    drawn += [f"{source}.samples" for source in get_image_sources()]
    files = [f"{name}.{end}" for name in drawn for end in ("png", "pdf")] + [f"{name}.json" for name in lines]
    return [f"{REPORTS}/figures/{file}" for file in files]


def get_summary():
    """The first table of each scope, as Markdown."""
    first = {scope: name for _, scope, name in reversed(VIEWS)}
    return [f"{REPORTS}/tables/{scope}.{name}.md" for scope, name in first.items()]


def describe(path, kind):
    """An output as Snakemake's own report shows it: by data set and kind, under the view's name.

    One that does not exist is left out, so that there is a report of partial results, too.
    """
    stem, end = os.path.splitext(path)
    if end not in SHOWN or not os.path.exists(path):
        return path
    scope, _, view = os.path.basename(stem).rpartition(".")
    return report(
        path,
        caption=BASE / "workflow_scripts/reporting/templates/caption.rst",
        category=scope or "all runs",
        subcategory=kind,
        labels={"view": view.replace("_", " "), "as": end.removeprefix(".")},
    )


wildcard_constraints:
    dataset=one_of(config["dataset_settings"]),
    name="[a-z0-9_.+@~-]+",
    seed="[0-9]+",
    source=one_of(config["sources"]),
