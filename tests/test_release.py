"""What a release rests on: the citation, the container, the catalogue's entry, and what CI does with a tag."""

import json
import re
from datetime import date

import pytest
import yaml
from dockerfile_parse import DockerfileParser
from jsonschema import validate
from project import ROOT

from workflow_scripts.experiment.plain import read_yaml

pytestmark = pytest.mark.unit
TEXT = {"type": "string", "minLength": 1}
PERSON = {"type": "object", "required": ["family-names", "given-names"]}
ENTITY = {"type": "object", "required": ["name"], "properties": {"name": TEXT}}
AUTHORS = {"type": "array", "minItems": 1, "items": {"anyOf": [PERSON, ENTITY]}}
# What version 1.2.0 of the format requires, and what indexes of software ask for on top.
CITATION = {
    "type": "object",
    "required": [
        "cff-version",
        "message",
        "title",
        "authors",
        "version",
        "date-released",
        "license",
        "abstract",
        "type",
    ],
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "type": {"enum": ["software", "dataset"]},
        "authors": AUTHORS,
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "date-released": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "references": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "title", "authors", "year", "url"],
                "properties": {"authors": AUTHORS, "year": {"type": "integer"}},
            },
        },
    },
}


def test_the_citation_is_complete_and_names_every_paper():
    citation = read_yaml(ROOT / "CITATION.cff")
    validate(citation, CITATION)
    date.fromisoformat(citation["date-released"])
    assert (ROOT / "LICENSE").read_text().startswith(f"{citation['license']} License")
    # The other folders of papers/ are tables over several papers.
    published = [read_yaml(file) for file in sorted((ROOT / "papers").glob("*/published.yaml"))]
    arxiv = {paper["title"]: re.search(r"arXiv ([\d.]+\d)", paper["citation"]) for paper in published}
    papers = {title: f"https://arxiv.org/abs/{found[1]}" for title, found in arxiv.items() if found}
    assert len(papers) >= 3
    assert {reference["title"]: reference["url"] for reference in citation["references"]} == papers


def read_stages():
    """The instructions of each stage of the container, by its name; those of the stage it is built on come first."""
    stages = {}
    for step in DockerfileParser(path=str(ROOT / "Dockerfile"), cache_content=True).structure:
        if step["instruction"] == "FROM":
            base, _, name = step["value"].partition(" AS ")
            stages[name] = list(stages.get(base, [("FROM", base)]))
        elif step["instruction"] != "COMMENT":
            stages[name].append((step["instruction"], step["value"]))
    return stages


def test_the_container_runs_the_two_commands_of_the_readme():
    stages = read_stages()
    readme = (ROOT / "README.md").read_text()
    for name in ("reproduce", "test"):
        *_, (last, command) = stages[name]
        assert last == "CMD"
        assert json.loads(command) == ["make", name]
        assert re.search(rf"^    make {name}( |$)", readme, re.MULTILINE)
    assert list(stages)[-1] == "reproduce", "the last stage is built where none is named"


def test_the_container_has_a_python_that_is_supported_and_what_make_needs():
    steps = read_stages()["test"]
    image = dict(steps)["FROM"]
    versions = re.search(r'^VERSIONS="([\d. ]+)"', (ROOT / "envs" / "setup.sh").read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:(\d+\.\d+)-slim", image)[1] in versions[1].split()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    ran = [value for instruction, value in steps if instruction == "RUN"]
    assert any("apt-get install" in value and " make " in value for value in ran)
    assert [value for value in ran if value.startswith("make ")] == ["make setup", "make setup-dev"]
    assert {"setup", "setup-dev"} <= targets


def test_what_is_large_or_private_does_not_come_into_the_container():
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".snakemake", "results", "reports"} <= set(left_out)
    tracked = {"Makefile", "Snakefile", "envs", "rules", "tests", "workflow_scripts", "papers", "docs", "README.md"}
    assert not tracked & set(left_out)


def test_the_catalogue_is_told_what_holds():
    usage = read_yaml(ROOT / ".snakemake-workflow-catalog.yml")["usage"]
    assert usage["report"] is True  # tests/test_workflow.py makes one
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": False, "apptainer+conda": False}
    rules = "".join(file.read_text() for file in (ROOT / "rules").glob("*.smk"))
    assert rules.count("conda:") == rules.count("    shell:")


def test_a_tag_is_tested_and_tried_in_the_container():
    # GitHub's `on:` is a boolean to YAML, which configs here may not hold as a key.
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yaml").read_text())["jobs"]
    assert jobs["draft"]["needs"] == ["test", "container"]
    ran = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert ".ci/run" in ran
    assert any("--target test" in line for line in ran)
    assert any("CITATION.cff" in line for line in ran)


def test_the_checklist_names_targets_that_exist():
    text = (ROOT / "docs" / "release.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", text))
    assert named <= targets
    assert {"test", "crate", "push", "pull"} <= named
