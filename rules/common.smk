"""The run table, and helpers that turn it into targets, settings and inputs."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir).resolve()))

from snakemake.exceptions import WorkflowError

from workflow_scripts.experiment.config import check_config
from workflow_scripts.experiment.identity import EMBEDDING_CODE, PROBING_CODE, TRAINING_CODE, check_identity
from workflow_scripts.experiment.runs import get_labels, get_settings, list_runs, parse_run
from workflow_scripts.reporting.layouts import layout_names
from workflow_scripts.support.errors import UserError

# Rules call `python -m workflow_scripts.<rule>`, from whichever folder the workflow is used in.
shell.prefix(f"export PYTHONPATH={Path(workflow.basedir).resolve()}; ")

try:
    check_config(config)
    RUNS = list_runs(config)
    for run in RUNS:
        check_identity(Path(run.folder), get_settings(config, run))
except UserError as error:
    raise WorkflowError(str(error)) from None

REPORTS = config["reports"]
REPORT = f"{REPORTS}/index.html"
ROWS = f"results/metrics/{config['experiment']}.parquet"
PACKED = ["images.npy", "latents.npy", "labels.npy", "splits.npy", "objects.npy", "meta.json"]


def one_of(names):
    """A wildcard constraint: exactly these names. Of no names at all, nothing matches."""
    return "|".join(sorted(names)) or "(?!)"


def get_code(*parts):
    """Source files of workflow_scripts modules and subpackages, so that a changed method reruns what it made."""
    base = Path(workflow.basedir).resolve() / "workflow_scripts"
    files = [
        file for part in parts for file in ([base / part] if part.endswith(".py") else (base / part).rglob("*.py"))
    ]
    return sorted(os.path.relpath(file) for file in files)


def get_paper(name):
    """The file of a paper's published values and layouts."""
    return os.path.relpath(f"{workflow.basedir}/papers/{name}.yaml")


def get_run(wildcards):
    return parse_run(wildcards.dataset, wildcards.name, int(wildcards.seed))


def get_dataset(name):
    return config["dataset_settings"][name]


def get_sources():
    """Sources of the selected data sets, each once."""
    return list(dict.fromkeys(get_dataset(name)["source"] for name in config["datasets"]))


def get_packed(wildcards):
    """Files of the packed data a run sees."""
    source = get_dataset(wildcards.dataset)["source"]
    return [f"results/data/{source}/packed/{file}" for file in PACKED]


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
        f"results/data/{source}/{rule}.time.tsv" for source in get_sources() for rule in ("render", "download", "pack")
    ]
    return data + [f"{run.folder}/{rule}.time.tsv" for rule in ("pretrain", "embed", "probe") for run in RUNS]


def get_layouts(kind):
    """(data set, layout) of every table or figure that a paper wants of a selected data set."""
    return [
        (dataset, layout)
        for paper in config["papers"]
        for dataset in config["datasets"]
        for layout in layout_names(get_paper(paper), get_dataset(dataset)["benchmark"], kind)
    ]


def get_tables():
    return [f"{REPORTS}/tables/{d}.{t}.{end}" for d, t in get_layouts("table") for end in ("csv", "md", "tex", "json")]


def get_figures():
    """Figures of the papers, and every run's training curves."""
    papers = [f"{REPORTS}/figures/{d}.{f}.{end}" for d, f in get_layouts("figure") for end in ("png", "pdf")]
    return papers + [f"{REPORTS}/figures/training_curves.{end}" for end in ("png", "pdf")]


def print_summary():
    """Print the first table of each data set, and where the report is."""
    shown = dict.fromkeys(config["datasets"])
    for dataset, table in get_layouts("table"):
        path = Path(REPORTS) / "tables" / f"{dataset}.{table}.md"
        if shown[dataset] is None and path.exists():
            shown[dataset] = path.read_text()
    print("\n".join(filter(None, shown.values())))
    if Path(REPORT).exists():
        print(f"The report: {Path(REPORT).resolve()}")


wildcard_constraints:
    dataset=one_of(config["dataset_settings"]),
    name="[a-z0-9_.+@~-]+",
    seed="[0-9]+",
    source=one_of(config["sources"]),
