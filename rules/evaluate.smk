"""Evaluation: embed every image once, probe the embeddings, collect the rows."""


rule evaluate:
    input:
        weights="results/{dataset}/{name}/seed{seed}/weights.safetensors",
        packed=get_packed,
        code=lambda w: get_code(*list_evaluation_code(get_run(w).method)),
    output:
        rows="results/{dataset}/{name}/seed{seed}/rows/evaluation.parquet",
        neighbours="results/{dataset}/{name}/seed{seed}/rows/neighbours.json",
        card="results/{dataset}/{name}/seed{seed}/MODEL_CARD.md",
    log:
        "results/{dataset}/{name}/seed{seed}/evaluate.log",
    benchmark:
        "results/{dataset}/{name}/seed{seed}/evaluate.time.tsv"
    priority: get_priority
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=1,
        engine=get_engine("device"),
    params:
        run=lambda w, input: os.path.dirname(input.weights),
        data=lambda w, input: os.path.dirname(input.packed[0]),
        evaluation=as_json(config["evaluation"]),
        labels=lambda w: as_json(get_labels(config, get_run(w))),
    shell:
        "python -m workflow_scripts.evaluate --run {params.run} --data {params.data} --output {output.rows}"
        " --neighbours {output.neighbours} --card {output.card} --evaluation {params.evaluation:q} --labels {params.labels:q}"
        " --threads {threads} {resources.engine} 2>&1 | tee {log}"


rule collect:
    input:
        rows=[get_rows(run) for run in RUNS],
        code=get_code("collect.py", "reporting/rows.py"),
    output:
        rows=ROWS,
        csv=f"results/metrics/{config['experiment']}.csv",
    log:
        f"results/metrics/{config['experiment']}.log",
    conda:
        "../envs/environment.yaml"
    shell:
        "python -m workflow_scripts.collect --inputs {input.rows} --output {output.rows} 2>&1 | tee {log}"
