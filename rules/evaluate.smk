"""Evaluation: embed every image once, measure the embeddings, collect the rows."""


rule evaluate:
    input:
        weights=f"{RUN}/weights.safetensors",
        packed=get_packed,
        others=[get_meta(source) for source in OTHERS],
    output:
        rows=f"{RUN}/rows/evaluation.parquet",
        summary=f"{RUN}/rows/evaluation.json",
        card=f"{RUN}/MODEL_CARD.md",
    log:
        f"{RUN}/evaluate.log",
    benchmark:
        f"{RUN}/evaluate.time.tsv"
    priority: get_priority
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=USES_GPU,
        gpu_share=lambda w: get_gpu_share(config, get_run(w), "evaluation"),
        engine=list_engine_options("device"),
    params:
        others=as_json({source: os.path.dirname(get_meta(source)) for source in OTHERS}),
        evaluation=as_json(config["evaluation"]),
        labels=lambda w: as_json(get_labels(get_run(w))),
        # Newer code evaluates again: a parameter, since dozens of files as inputs of every run make planning slow.
        code=lambda w: hash_code(list_evaluation_code(get_settings(config, get_run(w)), EVALUATORS)),
    shell:
        'python -m workflow_scripts.evaluate --run "$(dirname {input.weights:q})" --data "$(dirname {input.packed:q})"'
        " --others {params.others:q}"
        " --output {output.rows:q} --summary {output.summary:q} --card {output.card:q}"
        " --evaluation {params.evaluation:q} --labels {params.labels:q}"
        " --threads {threads} --gpu-share {resources.gpu_share} {resources.engine} 2>&1 | tee {log:q}"


rule collect:
    input:
        rows=[f"{run.folder}/rows/evaluation.parquet" for run in RUNS],
        code=list_code("collect.py", "rows.py"),
    output:
        rows=ROWS,
        csv=ROWS.replace(".parquet", ".csv"),
    log:
        ROWS.replace(".parquet", ".log"),
    conda:
        "../envs/environment.yaml"
    shell:
        "python -m workflow_scripts.collect --inputs {input.rows:q} --output {output.rows:q} 2>&1 | tee {log:q}"
