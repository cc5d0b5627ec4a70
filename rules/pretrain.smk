"""Weights: one training a run, or one import. A training's resume state lives in <run>/state and is no output."""


rule pretrain:
    input:
        # Newer data do not retrain: weights of other data are refused. Newer code is no input either: the weights
        # record the code they were made with, and the report says so.
        packed=ancient(get_packed),
        start=get_start,
    output:
        weights=keep(f"{RUN}/weights.safetensors"),
    log:
        f"{RUN}/pretrain.log",
    benchmark:
        f"{RUN}/pretrain.time.tsv"
    wildcard_constraints:
        name=TRAINED,
    priority: get_priority
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=USES_GPU,
        gpu_share=lambda w: get_gpu_share(config, get_run(w), "training"),
        engine=list_engine_options("device", "log_every", "checkpoint_seconds", "compile"),
    params:
        settings=lambda w: as_json(get_settings(config, get_run(w))),
        start=lambda w, input: list_option("--start", input.get("start")),
    shell:
        'python -m workflow_scripts.pretrain --run "$(dirname {output.weights:q})" --data "$(dirname {input.packed:q})"'
        " --settings {params.settings:q} {params.start:q}"
        " --threads {threads} --gpu-share {resources.gpu_share} {resources.engine} 2>&1 | tee {log:q}"


rule import_checkpoint:
    input:
        packed=ancient(get_packed),
        checkpoint=lambda w: get_settings(config, get_run(w))["training"]["checkpoint"],
        code=lambda w: list_code(*list_training_code(get_settings(config, get_run(w)))),
    output:
        weights=keep(f"{RUN}/weights.safetensors"),
    log:
        f"{RUN}/import_checkpoint.log",
    benchmark:
        f"{RUN}/import_checkpoint.time.tsv"
    wildcard_constraints:
        name=TAKEN,
    conda:
        "../envs/environment.yaml"
    params:
        settings=lambda w: as_json(get_settings(config, get_run(w))),
    shell:
        'python -m workflow_scripts.import_checkpoint {input.checkpoint:q} --run "$(dirname {output.weights:q})"'
        ' --data "$(dirname {input.packed:q})"'
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
