"""Rules of the house: generic code knows no method, data set, table or paper; files and names stay small and apart."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from workflow_scripts.experiment.config import list_experiments, list_papers, load_experiment
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.support.plugins import list_plugins

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
CODE = ROOT / "workflow_scripts"
# Rooms whose modules are about one method, one data set, one kind of something, each.
ROOMS = (
    *("methods/", "models/encoders/", "models/released.py", "data/views/", "data/augmentations/", "data/readers/"),
    *("data/rendering/", "data/mimic3/", "data/synthesizers/", "data/sources/", "data/latents.py"),
    *("evaluation/evaluators/", "reporting/findings/", "reporting/figures/", "benchmarks/loops/"),
)
# Mean other things, too.
WORDS = {"random", "constant", "raw", "supervised", "embedded", "rendered", "hard", "main", "smoke"}
WORDS |= {"across", "images", "tabular"}


def list_generic():
    own = [file for file in CODE.rglob("*") if file.suffix in (".py", ".j2", ".rst", ".js")]
    own = [file for file in own if not str(file.relative_to(CODE)).startswith(ROOMS)]
    return [
        *own,
        *(ROOT / "rules").glob("*.smk"),
        ROOT / "Snakefile",
        ROOT / "Makefile",
        ROOT / "schemas" / "config.schema.yaml",
    ]


def list_names():
    configs = [load_experiment(name) for name in list_experiments()]
    datasets = {name for config in configs for name in (*config["dataset_settings"], *config["sources"])}
    benchmarks = {
        b for config in configs for d in config["dataset_settings"].values() for b in d["benchmarks"].values()
    }
    return {*list_plugins("methods", "METHOD"), *datasets, *benchmarks, *list_papers()} - WORDS


def test_generic_code_names_no_method_data_set_or_paper():
    names = sorted(list_names(), key=len, reverse=True)
    assert {"contextssl", "3diebench"} <= set(names)
    # Code, not prose: a comment or docstring may give its source.
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])", re.IGNORECASE)
    found = {
        f"{file.relative_to(ROOT)}: {match}" for file in list_generic() for match in pattern.findall(file.read_text())
    }
    assert not found


def test_generic_code_names_no_table():
    tables = {name for paper in (ROOT / "papers").glob("*/views.yaml") for name in read_yaml(paper)["tables"]}
    quoted = re.compile(rf"[\"']({'|'.join(map(re.escape, tables - {'main'}))})[\"']")
    found = {
        f"{file.relative_to(ROOT)}: {match}" for file in list_generic() for match in quoted.findall(file.read_text())
    }
    assert not found


def test_no_file_is_longer_than_300_lines():
    files = [*CODE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "rules").glob("*.smk")]
    assert not {str(file.relative_to(ROOT)): n for file in files if (n := len(file.read_text().splitlines())) > 300}


def test_no_two_classes_have_one_name():
    """But for `Settings`, which each plug-in has, and private ones."""
    places = defaultdict(list)
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Settings":
                places[node.name].append(str(file.relative_to(CODE)))
    assert not {name: files for name, files in places.items() if len(files) > 1}


def test_packages_import_in_one_direction():
    """No two packages, the commands at the top apart, import each other."""
    uses = defaultdict(set)
    for file in CODE.rglob("*.py"):
        own = file.relative_to(CODE).parts[0]
        for module in re.findall(r"^\s*from workflow_scripts\.(\w+)", file.read_text(), re.MULTILINE):
            uses[own].add(module)
    packages = {path.name for path in CODE.iterdir() if path.is_dir()}
    both = {(a, b) for a in packages for b in uses[a] & packages if a < b and a in uses[b]}
    assert not both
