"""Data: download, render or synthesize the raw data, and pack them once for every run."""


rule render:
    output:
        manifest=keep(f"{DATA}/{{source}}/raw.json"),
        contact_sheet=keep(f"{DATA}/{{source}}/contact_sheet.png"),
    log:
        f"{DATA}/{{source}}/render.log",
    benchmark:
        f"{DATA}/{{source}}/render.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "render" in source),
    priority: FIRST
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["workers"]
    resources:
        gpu=lambda w: int(get_drawing_share("render", w.source) > 0),
        gpu_share=lambda w: get_drawing_share("render", w.source),
        engine=lambda w: get_drawing_options("render", w.source),
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        settings=lambda w: as_json(config["sources"][w.source]["render"]),
    shell:
        "python -m workflow_scripts.render --source {wildcards.source:q} --raw {params.raw:q}"
        " --manifest {output.manifest:q} --contact-sheet {output.contact_sheet:q} --settings {params.settings:q}"
        " --workers {threads} {resources.engine} 2>&1 | tee {log:q}"


rule synthesize:
    output:
        manifest=keep(f"{DATA}/{{source}}/raw.json"),
    log:
        f"{DATA}/{{source}}/synthesize.log",
    benchmark:
        f"{DATA}/{{source}}/synthesize.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "synthesize" in source),
    priority: FIRST
    conda:
        "../envs/environment.yaml"
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        settings=lambda w: as_json(config["sources"][w.source]["synthesize"]),
    shell:
        "python -m workflow_scripts.synthesize --source {wildcards.source:q} --raw {params.raw:q}"
        " --manifest {output.manifest:q} --settings {params.settings:q} 2>&1 | tee {log:q}"


rule download:
    output:
        manifest=keep(f"{DATA}/{{source}}/raw.json"),
    log:
        f"{DATA}/{{source}}/download.log",
    benchmark:
        f"{DATA}/{{source}}/download.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "download" in source),
    priority: FIRST
    conda:
        "../envs/environment.yaml"
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        entry=lambda w: config["sources"][w.source]["download"],
        local=lambda w: list_option("--local", config["sources"][w.source].get("path")),
    shell:
        "python -m workflow_scripts.download --source {params.entry:q} --raw {params.raw:q}"
        " --manifest {output.manifest:q} {params.local:q} 2>&1 | tee {log:q}"


rule pack:
    input:
        manifest=f"{DATA}/{{source}}/raw.json",
    output:
        list_packed("{source}"),
    log:
        f"{DATA}/{{source}}/pack.log",
    benchmark:
        f"{DATA}/{{source}}/pack.time.tsv"
    priority: FIRST
    conda:
        "../envs/environment.yaml"
    # Images are decoded, or drawn, by several processes; a table is read once, by one.
    threads: lambda w: config["engine"]["workers"] if is_of_images(w.source) else 1
    resources:
        gpu=lambda w: int(get_drawing_share("pack", w.source) > 0),
        gpu_share=lambda w: get_drawing_share("pack", w.source),
        engine=lambda w: get_drawing_options("pack", w.source),
    params:
        folder=lambda w, output: os.path.dirname(output[0]),
        layout=lambda w: config["sources"][w.source]["layout"],
        form=lambda w: list_packing_options(config["sources"][w.source]),
    shell:
        "python -m workflow_scripts.pack --manifest {input.manifest:q} --output {params.folder:q}"
        " --layout {params.layout:q} {params.form:q} --workers {threads} {resources.engine} 2>&1 | tee {log:q}"
