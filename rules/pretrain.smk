"""Weights: one training a run, or one import. A training's resume state lives in <run>/state and is no output."""


rule pretrain:
    input:
        # Newer data do not retrain: Snakemake would delete the weights before the run is refused. Newer code is no input
        # either: the weights record the code they were made with, and the report says so.
        packed=ancient(get_packed),
        start=get_start,
    output:
        weights="results/{dataset}/{name}/seed{seed}/weights.safetensors",
    log:
        "results/{dataset}/{name}/seed{seed}/pretrain.log",
    benchmark:
        "results/{dataset}/{name}/seed{seed}/pretrain.time.tsv"
    wildcard_constraints:
        name="[a-z0-9_.+@~-]+" + "".join(f"(?<!~{re.escape(variant)})" for variant in IMPORTED),
    priority: get_priority
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=1,
        engine=get_engine("device", "log_every", "checkpoint_seconds"),
    params:
        run=lambda w, output: os.path.dirname(output.weights),
        data=lambda w, input: os.path.dirname(input.packed[0]),
        settings=lambda w: as_json(get_settings(config, get_run(w))),
        start=lambda w, input: ["--start", input.start] if input.get("start") else [],
    shell:
        "python -m workflow_scripts.pretrain --run {params.run} --data {params.data} --settings {params.settings:q}"
        " {params.start:q} --threads {threads} {resources.engine} 2>&1 | tee {log}"


rule import_checkpoint:
    input:
        packed=ancient(get_packed),
        checkpoint=get_checkpoint,
        code=get_code("import_checkpoint.py", "models/released.py"),
    output:
        weights="results/{dataset}/{name}/seed{seed}/weights.safetensors",
    log:
        "results/{dataset}/{name}/seed{seed}/import_checkpoint.log",
    benchmark:
        "results/{dataset}/{name}/seed{seed}/import_checkpoint.time.tsv"
    wildcard_constraints:
        name=f"[a-z0-9_.+@-]+~({one_of(map(re.escape, IMPORTED))})",
    conda:
        "../envs/environment.yaml"
    params:
        run=lambda w, output: os.path.dirname(output.weights),
        data=lambda w, input: os.path.dirname(input.packed[0]),
        settings=lambda w: as_json(get_settings(config, get_run(w))),
    shell:
        "python -m workflow_scripts.import_checkpoint {input.checkpoint:q} --run {params.run} --data {params.data}"
        " --settings {params.settings:q} 2>&1 | tee {log}"
