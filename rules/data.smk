"""Data: download, render or synthesize the raw data, and pack them once for every run."""


rule render:
    output:
        manifest="results/data/{source}/raw.json",
        contact_sheet="results/data/{source}/contact_sheet.png",
    log:
        "results/data/{source}/render.log",
    benchmark:
        "results/data/{source}/render.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "render" in source),
    priority: 3
    conda:
        "../envs/environment.yaml"
    threads: config["engine"]["workers"]
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        settings=lambda w: as_json(config["sources"][w.source]["render"]),
    shell:
        "python -m workflow_scripts.render --source {wildcards.source} --raw {params.raw} --manifest {output.manifest}"
        " --contact-sheet {output.contact_sheet} --settings {params.settings:q} --workers {threads}"
        " 2>&1 | tee {log}"


rule synthesize:
    output:
        manifest="results/data/{source}/raw.json",
    log:
        "results/data/{source}/synthesize.log",
    benchmark:
        "results/data/{source}/synthesize.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "synthesize" in source),
    conda:
        "../envs/environment.yaml"
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        settings=lambda w: as_json(config["sources"][w.source]["synthesize"]),
    shell:
        "python -m workflow_scripts.synthesize --source {wildcards.source} --raw {params.raw}"
        " --manifest {output.manifest} --settings {params.settings:q} 2>&1 | tee {log}"


rule download:
    output:
        manifest="results/data/{source}/raw.json",
    log:
        "results/data/{source}/download.log",
    benchmark:
        "results/data/{source}/download.time.tsv"
    wildcard_constraints:
        source=one_of(name for name, source in config["sources"].items() if "download" in source),
    priority: 3
    conda:
        "../envs/environment.yaml"
    params:
        raw=lambda w, output: os.path.splitext(output.manifest)[0],
        entry=lambda w: config["sources"][w.source]["download"],
        local=lambda w: (
            ["--local", config["sources"][w.source]["path"]] if config["sources"][w.source].get("path") else []
        ),
    shell:
        "python -m workflow_scripts.download --source {params.entry} --raw {params.raw} --manifest {output.manifest}"
        " {params.local:q} 2>&1 | tee {log}"


rule pack:
    input:
        manifest="results/data/{source}/raw.json",
    output:
        [f"results/data/{{source}}/packed/{file}" for file in PACKED],
    log:
        "results/data/{source}/pack.log",
    benchmark:
        "results/data/{source}/pack.time.tsv"
    priority: 3
    conda:
        "../envs/environment.yaml"
    threads: get_packers
    params:
        folder=lambda w, output: os.path.dirname(output[0]),
        layout=lambda w: config["sources"][w.source]["layout"],
        resolution=lambda w: get_resolution(w.source),
        per_class=lambda w: get_per_class(w.source),
    shell:
        "python -m workflow_scripts.pack --manifest {input.manifest} --output {params.folder} --layout {params.layout}"
        " {params.resolution} {params.per_class} --workers {threads} 2>&1 | tee {log}"
