"""Reproductions of papers on self-supervised learning and symmetry: from data to report in one DAG."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


# This folder, also where another workflow uses this one as a module.
BASE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve()


configfile: BASE / "config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/pretrain.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


localrules:
    all,
    data,
    weights,
    rows,
    views,


rule all:
    """Everything: the report, and with it all tables and figures."""
    default_target: True
    input:
        REPORT,
        # Named, so that rows that were deleted are made again although the report exists.
        ROWS,
        [f"{run.folder}/rows/evaluation.parquet" for run in RUNS],


rule data:
    """Packed data of every selected data set."""
    input:
        META,


rule weights:
    """Weights of every run."""
    input:
        [f"{run.folder}/weights.safetensors" for run in RUNS],


rule rows:
    """Every number, as one table of rows."""
    input:
        ROWS,


rule views:
    """Tables, figures and the report, from the rows."""
    input:
        TABLES,
        FIGURES,
        REPORT,
