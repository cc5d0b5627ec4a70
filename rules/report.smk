"""Reporting: tables, figures and the report, all of them views of the rows."""

from workflow_scripts.reporting.papers import list_files
from workflow_scripts.reporting.places import SCORECARD
from workflow_scripts.reporting.targets import (
    keep_read_settings,
    list_figure_files,
    list_summaries,
    list_table_files,
)

ATTACKS = "results/attack.json"  # of `make attack`, if someone ran it
REPORT = f"{REPORTS}/index.html"
META = [get_meta(source) for source in list_sources(config)]
IMAGES = [source for source in list_sources(config) if is_of_images(source)]  # tables have no resolution

try:
    # Everything that is wrong with a paper is said here.
    DATASETS = keep_read_settings(PAPERS, DATASETS)
    TABLES = [f"{REPORTS}/tables/{file}" for file in list_table_files(PAPERS, DATASETS)]
    FIGURES = [f"{REPORTS}/figures/{file}" for file in list_figure_files(PAPERS, DATASETS, IMAGES)]
    SUMMARIES = [f"{REPORTS}/tables/{file}" for file in list_summaries(PAPERS, DATASETS)]
except UserError as error:
    sys.exit(f"error: {error}")

PAPER_FILES = list(map(str, list_files(PAPERS)))
RUN_FOLDERS = [run.folder for run in RUNS]

try:
    write_facts(
        {
            "config": config,
            "report": REPORT,
            "scorecards": [table for table in TABLES if table.endswith(f".{SCORECARD}.json")],
            "summaries": SUMMARIES,
            "data": META,
            "runs": RUN_FOLDERS,
        }
    )
except UserError as error:
    sys.exit(f"error: {error}")


rule tables:
    input:
        rows=ROWS,
        papers=PAPER_FILES,
        meta=META,
        code=list_code("tables.py", "rows.py", "reporting"),
    output:
        [show_in_report(table, "tables") for table in TABLES],
    log:
        f"{REPORTS}/tables/tables.log",
    conda:
        "../envs/environment.yaml"
    params:
        folder=lambda w: f"{REPORTS}/tables",
        papers=PAPERS,
        datasets=as_json(DATASETS),
        runs=RUN_FOLDERS,
    shell:
        "python -m workflow_scripts.tables --rows {input.rows:q} --papers {params.papers:q} --sources {input.meta:q}"
        " --datasets {params.datasets:q} --runs {params.runs:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule figures:
    input:
        rows=ROWS,
        papers=PAPER_FILES,
        meta=META,
        code=list_code("figures.py", "rows.py", "reporting"),
    output:
        [show_in_report(figure, "figures") for figure in FIGURES],
    log:
        f"{REPORTS}/figures/figures.log",
    conda:
        "../envs/environment.yaml"
    params:
        folder=lambda w: f"{REPORTS}/figures",
        papers=PAPERS,
        datasets=as_json(DATASETS),
        # No inputs: figures are made again from what is left where runs were deleted.
        runs=RUN_FOLDERS,
        images=IMAGES,
    shell:
        "python -m workflow_scripts.figures --rows {input.rows:q} --papers {params.papers:q} --sources {input.meta:q}"
        " --datasets {params.datasets:q} --runs {params.runs:q} --images {params.images:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule report:
    input:
        rows=ROWS,
        papers=PAPER_FILES,
        meta=META,
        tables=[table for table in TABLES if table.endswith((".json", ".csv", ".tex"))],
        figures=[figure for figure in FIGURES if figure.endswith((".json", ".png", ".svg"))],
        # All of it, and all experiments: the report says which results are older, and what else could be run.
        code=list_code("."),
        experiments=[os.path.relpath(path) for path in [BASE / "config.yaml", *sorted(BASE.glob("papers/*/*.yaml"))]],
        attacks=[path for path in [ATTACKS] if os.path.exists(path)],
        page=[
            os.path.relpath(path)
            for folder in ("templates", "libraries")
            for path in sorted((BASE / "workflow_scripts/reporting" / folder).iterdir())
        ],
    output:
        show_in_report(REPORT, "report"),
    log:
        f"{REPORTS}/report.log",
    conda:
        "../envs/environment.yaml"
    params:
        experiment=config["experiment"],
        papers=PAPERS,
        datasets=as_json(DATASETS),
        runs=RUN_FOLDERS,
        evaluators=EVALUATORS,
        tables=lambda w: f"{REPORTS}/tables",
        figures=lambda w: f"{REPORTS}/figures",
        attacks=ATTACKS,
    shell:
        "python -m workflow_scripts.report --experiment {params.experiment:q} --rows {input.rows:q}"
        " --papers {params.papers:q} --sources {input.meta:q} --datasets {params.datasets:q} --runs {params.runs:q}"
        " --evaluators {params.evaluators:q} --tables {params.tables:q} --figures {params.figures:q}"
        " --attacks {params.attacks:q} --output {output:q} 2>&1 | tee {log:q}"
