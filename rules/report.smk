"""Reporting: tables, figures and the report, all of them views of the rows."""

VIEW_CODE = get_code("reporting")
FAULTS = "results/faults.json"  # of `make faults`, if someone ran it


rule tables:
    input:
        rows=ROWS,
        papers=PAPERS,
        meta=[f"results/data/{source}/packed/meta.json" for source in get_sources()],
        code=get_code("tables.py") + VIEW_CODE,
    output:
        [describe(table, "tables") for table in get_tables()],
    log:
        f"{REPORTS}/tables/tables.log",
    conda:
        "../envs/environment.yaml"
    params:
        folder=lambda w, output: os.path.dirname(output[0]),
        datasets=as_json(DATASETS),
        histories=[f"{run.folder}/state/history.jsonl" for run in RUNS],
    shell:
        "python -m workflow_scripts.tables --rows {input.rows} --papers {input.papers} --sources {input.meta}"
        " --datasets {params.datasets:q} --histories {params.histories:q} --output {params.folder} 2>&1 | tee {log}"


rule figures:
    input:
        rows=ROWS,
        papers=PAPERS,
        meta=[f"results/data/{source}/packed/meta.json" for source in get_sources()],
        code=get_code("figures.py") + VIEW_CODE,
    output:
        [describe(figure, "figures") for figure in get_figures()],
    log:
        f"{REPORTS}/figures/figures.log",
    conda:
        "../envs/environment.yaml"
    params:
        folder=lambda w, output: os.path.dirname(output[0]),
        datasets=as_json(DATASETS),
        histories=[f"{run.folder}/state/history.jsonl" for run in RUNS],
        # No inputs: figures are made again from what is left where runs were deleted.
        neighbours=as_json(get_neighbours()),
        images=get_image_sources(),
    shell:
        "python -m workflow_scripts.figures --rows {input.rows} --papers {input.papers} --sources {input.meta}"
        " --datasets {params.datasets:q} --histories {params.histories:q} --neighbours {params.neighbours:q}"
        " --images {params.images:q} --output {params.folder} 2>&1 | tee {log}"


rule report:
    input:
        rows=ROWS,
        papers=PAPERS,
        meta=[f"results/data/{source}/packed/meta.json" for source in get_sources()],
        tables=[table for table in get_tables() if table.endswith((".json", ".csv", ".tex"))],
        figures=[figure for figure in get_figures() if figure.endswith((".json", ".png"))],
        # All of it, and all experiments: the report says which results are older, and what else could be run.
        code=get_code("."),
        experiments=[os.path.relpath(path) for path in [BASE / "config.yaml", *sorted(BASE.glob("experiments/*.yaml"))]],
        faults=[path for path in [FAULTS] if os.path.exists(path)],
        templates=[
            os.path.relpath(BASE / "workflow_scripts/reporting/templates" / name)
            for name in ("report.html.j2", "interact.js")
        ],
    output:
        describe(REPORT, "report"),
    log:
        f"{REPORTS}/report.log",
    conda:
        "../envs/environment.yaml"
    params:
        experiment=config["experiment"],
        datasets=as_json(DATASETS),
        times=get_times(),
        runs=[run.folder for run in RUNS],
        faults=FAULTS,
    shell:
        "python -m workflow_scripts.report --experiment {params.experiment} --rows {input.rows} --papers {input.papers}"
        " --sources {input.meta} --tables {input.tables} --figures {input.figures} --times {params.times:q}"
        " --faults {params.faults} --runs {params.runs:q}"
        " --datasets {params.datasets:q} --output {output} 2>&1 | tee {log}"


rule summary:
    """Print the first table of each data set, and where the report is."""
    input:
        report=REPORT,
        tables=get_summary(),
    log:
        f"{REPORTS}/summary.log",
    conda:
        "../envs/environment.yaml"
    shell:
        "(cat {input.tables}; echo; echo The report: $(realpath {input.report})) | tee {log}"


rule costs:
    """Print what the experiment will cost."""
    log:
        f"{REPORTS}/costs.log",
    conda:
        "../envs/environment.yaml"
    params:
        config=as_json(config),
    shell:
        "python -m workflow_scripts.costs --config {params.config:q} | tee {log}"
