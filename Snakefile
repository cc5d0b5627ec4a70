"""Reproduction of "In-Context Symmetries" (ContextSSL, NeurIPS 2024): data to report in one DAG."""

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


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
    summary,
    costs,


rule all:
    """Everything: the report, and with it all tables and figures."""
    default_target: True
    input:
        REPORT,
        # Named, so that the rows of a run that were deleted are made again although the report exists.
        [get_rows(run) for run in RUNS],


rule data:
    """Packed data of every selected data set."""
    input:
        [f"results/data/{source}/packed/meta.json" for source in get_sources()],


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
        get_tables(),
        get_figures(),
        REPORT,
