"""From the files of an experiment to its config: what it extends merged, checked, and with all defaults filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.experiment.checking import check_schema, fill, merge
from workflow_scripts.experiment.contents import is_table
from workflow_scripts.experiment.evaluation_settings import check_evaluation
from workflow_scripts.experiment.plain import check_plain, read_yaml
from workflow_scripts.experiment.rooms import DOWNLOADS, ROOT, SCHEMAS, list_kinds, read_schema, suggest
from workflow_scripts.experiment.runs import check_runs, is_given, list_runs, name_other_sources
from workflow_scripts.experiment.spare import check_spare
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins

SCHEMA = SCHEMAS / "config.schema.yaml"
ALIKE = 0.8  # of two names, from where on one may be a slip of the other
PAPER_FILES = ("published", "views", "claims")  # of a paper's folder; the others are experiments


def list_papers(root: Path = ROOT) -> list[str]:
    """Return the names of the folders of papers/."""
    return sorted(path.name for path in (root / "papers").iterdir() if path.is_dir())


def list_experiments(root: Path = ROOT) -> list[str]:
    """Return the names of all experiments, <paper>/<name>."""
    files = (root / "papers").glob("*/*.yaml")
    return sorted(f"{path.parent.name}/{path.stem}" for path in files if path.stem not in PAPER_FILES)


def find_experiment(name: str, root: Path = ROOT) -> str:
    """Return the whole name of an experiment; its last part is enough where only one paper has an experiment so named.

    Raises `UserError`, which lists what could be meant, where there is none or more than one.
    """
    known = list_experiments(root)
    if name in known:
        return name
    own = [whole for whole in known if whole.partition("/")[2] == name]
    if len(own) == 1:
        return own[0]
    if own:
        raise UserError(f"several papers have an experiment {name!r}; write {' or '.join(own)}")
    raise UserError(f"there is no experiment {name!r}; the experiments are {', '.join(known)}")


def load_experiment(name: str, given: dict[str, Any] | None = None, root: Path = ROOT) -> dict[str, Any]:
    """Return the config of an experiment, checked and complete. given: departures from it, which win.

    Raises `UserError`, one sentence, for every mistake in its files and in `given`.
    """
    config: dict[str, Any] = {"training": fill({}, read_schema("training", "training"))}
    name = find_experiment(name, root)
    strays: dict[str, str] = {}
    for layer in (*_read_chain(name, root), {**(given or {}), "experiment": name}):
        strays |= _find_strays(config, layer)
        config = merge(config, layer)
    completed = complete_config(_drop_evaluators(config), root)
    for stray in strays.keys() - {run.variant for run in list_runs(completed)}:
        raise UserError(
            f"config: variants.{stray} is new, no run has it, and {strays[stray]!r} is there; did you mean "
            f"{strays[stray]!r}?"
        )
    return completed


def _find_strays(config: dict[str, Any], layer: dict[str, Any]) -> dict[str, str]:
    """Return the variants of a layer that are not among those below, but all but called like one: by name that one."""
    below, own = (of.get("variants") for of in (config, layer))
    if not isinstance(below, dict) or not isinstance(own, dict):
        return {}
    near = {name: get_close_matches(str(name), below, 1, ALIKE) for name in own if name not in below}
    return {name: close[0] for name, close in near.items() if close}


def _drop_evaluators(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config without the evaluators that are null: an experiment below has them, this one does not."""
    evaluation = config.get("evaluation")
    named = evaluation.get("evaluators") if isinstance(evaluation, dict) else None
    if not isinstance(evaluation, dict) or not isinstance(named, dict):
        return config  # which is refused, or has none
    wanted = {name: settings for name, settings in named.items() if settings is not None}
    if unknown := sorted(set(named) - set(wanted) - set(list_kinds("evaluators"))):
        raise UserError(
            f"config: evaluation.evaluators names {unknown[0]!r}; {suggest(unknown[0], list_kinds('evaluators'))}"
        )
    return {**config, "evaluation": {**evaluation, "evaluators": wanted}}


def complete_config(config: dict[str, Any], root: Path = ROOT) -> dict[str, Any]:
    """Check a config and return it with all defaults filled in. Raises `UserError` for the first mistake."""
    check_plain(config, "config")
    check_schema(config, _read_skeleton(), "config")
    for where, name, known in _list_names(config, root):
        if name not in known:
            raise UserError(f"config: {where} names {name!r}; {suggest(name, known)}")
    completed: dict[str, Any] = fill(config, _read_skeleton())
    _check_layouts(completed)
    _check_classes(completed)
    _check_given(completed)
    check_evaluation(completed)
    check_runs(completed)
    check_spare(completed)
    return completed


def _read_chain(name: str, root: Path) -> list[dict[str, Any]]:
    """Return what the files of an experiment hold, without `extends`, the one that all others extend first."""
    known, passed = list_experiments(root), [name]
    chain: list[dict[str, Any]] = []
    while True:
        if passed[-1] not in known:
            raise UserError(
                f"there is no experiment {passed[-1]!r}, which {passed[-2]} extends; the experiments are "
                f"{', '.join(known)}"
            )
        path = root / "papers" / f"{passed[-1]}.yaml"
        layer = read_yaml(path)
        if not isinstance(layer, dict):
            raise UserError(f"{path} holds no map; write keys such as `methods:` in it")
        above = layer.pop("extends", None)
        if "experiment" in layer:
            raise UserError(f"{path}: an experiment's name is that of its file; remove the key `experiment`")
        chain.insert(0, layer)
        if above is None:
            return chain
        if above in passed:
            circle = " -> ".join([*passed, str(above)])
            raise UserError(f"{path}: the experiments {circle} extend each other in a circle")
        passed.append(above)


@cache
def _read_skeleton() -> dict[str, Any]:
    schema: dict[str, Any] = read_yaml(SCHEMA)
    return schema


@cache
def _read_benchmarks(path: Path) -> list[str]:
    """Return the names of a paper's benchmarks; none where there is no such list."""
    found = read_yaml(path) if path.exists() else None
    names = found.get("benchmarks") if isinstance(found, dict) else None
    return names if isinstance(names, list) else []


def _list_names(config: dict[str, Any], root: Path) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield every name that stands for something defined elsewhere: its place, itself, and what there is."""
    papers, encoders, datasets = list_papers(root), config["encoders"], config["dataset_settings"]
    known = {paper: _read_benchmarks(root / "papers" / paper / "views.yaml") for paper in config["papers"]}
    yield from (("papers", paper, papers) for paper in config["papers"])
    yield from (("datasets", dataset, datasets) for dataset in config["datasets"])
    yield from (("throughput.of_encoders", name, encoders) for name in config["throughput"].get("of_encoders", {}))
    for place, layer in _list_layers(config):
        yield from ((f"{place}encoder", name, encoders) for name in [layer.get("encoder")] if name is not None)
    for dataset, entry in datasets.items():
        yield f"dataset_settings.{dataset}.source", entry["source"], config["sources"]
        for paper, benchmark in entry.get("benchmarks", {}).items():
            yield f"dataset_settings.{dataset}.benchmarks", paper, papers
            yield f"dataset_settings.{dataset}.benchmarks.{paper}", benchmark, known.get(paper) or [benchmark]
    downloads = sorted(path.stem for path in DOWNLOADS.glob("*.yaml"))
    for source, entry in config["sources"].items():
        yield f"sources.{source}.layout", entry["layout"], list_plugins("data.readers", "open_reader")
        if "download" in entry:
            yield f"sources.{source}.download", entry["download"], downloads
    for place, name in name_other_sources(config.get("evaluation", {}).get("evaluators", {})):
        yield f"evaluation.evaluators.{place}", name, config["sources"]


def _check_layouts(config: dict[str, Any]) -> None:
    """Raise `UserError` where a layout does not go with the rest of its source, such as whether it has image files."""
    draws = list_plugins("data.readers", "DRAWS")
    for source, entry in config["sources"].items():
        place, made = f"config: sources.{source}", [key for key in ("resolution", "classes", "average") if key in entry]
        if is_table(entry) and made:
            raise UserError(f"{place} is a table, but {made[0]} is a setting of images; remove it")
        if not is_table(entry) and "resolution" not in entry:
            raise UserError(f"{place} holds images; give the side that they are packed with, {place[8:]}.resolution")
    for source, entry in config["sources"].items():
        layout, without = entry["layout"], "render" in entry and entry["render"]["jpeg_quality"] is None
        if without and layout not in draws:
            raise UserError(
                f"config: sources.{source} has no image files, since its render.jpeg_quality is null, and its layout "
                f"{layout!r} reads such files; write layout: {' or '.join(draws)}, or give a jpeg_quality"
            )
        if layout in draws and not without:
            raise UserError(
                f"config: sources.{source}.layout is {layout!r}, which draws images instead of reading files; give the "
                "source `render: {jpeg_quality: null}`, or the layout of its files"
            )


def _check_classes(config: dict[str, Any]) -> None:
    """Raise `UserError` where more classes of a data set are to be kept than it has."""
    for source, entry in config["sources"].items():
        wanted = entry.get("classes")
        known = read_yaml(DOWNLOADS / f"{entry['download']}.yaml").get("classes") if wanted else None
        if known and wanted > known:
            raise UserError(
                f"config: sources.{source}.classes is {wanted}, but {entry['download']} has {known}; give {known} or "
                "less, or leave it out"
            )


def _check_given(config: dict[str, Any]) -> None:
    """Raise `UserError` where a data set is of an optional source that is not there."""
    for dataset in config["datasets"]:
        source = config["dataset_settings"][dataset]["source"]
        if not is_given(config["sources"][source]):
            raise UserError(
                f"config: the data set {dataset} is of the optional source {source}, which is not given; set "
                f"sources.{source}.path, or leave {dataset} out of datasets"
            )


def _list_layers(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every map of a config that may name an encoder, with its place."""
    yield "", config
    yield from ((f"method_settings.{name}.", own) for name, own in config.get("method_settings", {}).items())
    for dataset, entry in config["dataset_settings"].items():
        yield f"dataset_settings.{dataset}.", entry
        inner = entry.get("method_settings", {})
        yield from ((f"dataset_settings.{dataset}.method_settings.{name}.", own) for name, own in inner.items())
    yield from ((f"variants.{name}.", own) for name, own in config.get("variants", {}).items())
