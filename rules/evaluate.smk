"""Evaluation: embed every image once, probe the embeddings, collect the rows."""


rule embed:
    input:
        weights="results/{dataset}/{name}/seed{seed}/weights.safetensors",
        packed=get_packed,
        code=lambda w: get_code(*list_embedding_code(get_run(w).method)),
    output:
        # Large, and made again from the weights: deleted when the rows exist (--notemp keeps them).
        embeddings=temp(directory("results/{dataset}/{name}/seed{seed}/embeddings")),
    log:
        "results/{dataset}/{name}/seed{seed}/embed.log",
    benchmark:
        "results/{dataset}/{name}/seed{seed}/embed.time.tsv"
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=1,
        engine=get_engine("device"),
    params:
        run=lambda w, input: os.path.dirname(input.weights),
        data=lambda w, input: os.path.dirname(input.packed[0]),
        evaluation=as_json({k: v for k, v in config["evaluation"].items() if k not in ("probes", "test_pairs")}),
    shell:
        "python -m workflow_scripts.embed --run {params.run} --data {params.data} --output {output.embeddings}"
        " --evaluation {params.evaluation:q} --threads {threads}"
        " {resources.engine} 2>&1 | tee {log}"


rule probe:
    input:
        embeddings="results/{dataset}/{name}/seed{seed}/embeddings",
        code=get_code(*PROBING_CODE),
    output:
        rows="results/{dataset}/{name}/seed{seed}/rows/probe.parquet",
        neighbours="results/{dataset}/{name}/seed{seed}/rows/neighbours.json",
    log:
        "results/{dataset}/{name}/seed{seed}/probe.log",
    benchmark:
        "results/{dataset}/{name}/seed{seed}/probe.time.tsv"
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=1,
        engine=get_engine("device"),
    params:
        run=lambda w, input: os.path.dirname(input.embeddings),
        evaluation=as_json(config["evaluation"]),
        labels=lambda w: as_json(get_labels(config, get_run(w))),
    shell:
        "python -m workflow_scripts.probe --run {params.run} --embeddings {input.embeddings} --output {output.rows}"
        " --neighbours {output.neighbours} --evaluation {params.evaluation:q} --labels {params.labels:q}"
        " --threads {threads} {resources.engine} 2>&1 | tee {log}"


rule collect:
    input:
        rows=[f"{run.folder}/rows/probe.parquet" for run in RUNS],
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
