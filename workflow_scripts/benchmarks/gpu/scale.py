"""How large everything is that the check measures, and which experiments it is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workflow_scripts.benchmarks.experiments import default_experiment, find_dataset, paper_experiment
from workflow_scripts.experiment.runs import Run, get_settings, get_space, list_names, parse_run
from workflow_scripts.support.plugins import load_plugin

CONTROLS = ("supervised", "random")  # what a learning curve stands beside


@dataclass(frozen=True)
class Scale:
    """Sizes of the check. The defaults are those of a GPU.

    minutes: that the parts' shares add up to. speed: the experiment whose methods are timed, with the paper's networks.
    learning: the one whose learning curve is drawn, on rendered images. recipe: the one whose rows on a GPU are
    compared with those on a CPU, of `seeds` seeds. matrix: side of the product that is timed. steps: of training, a
    turn. repeats: turns. probe_objects, probe_steps: of the probes of a learning curve, at most; it has `points` of
    them beside the start. evaluation_steps: two numbers of steps of probes that are timed. compiles: whether encoders
    are compiled where a part asks for it.
    """

    speed: str
    learning: str
    recipe: str
    minutes: float = 8.0
    matrix: int = 8192
    steps: int = 15
    repeats: int = 3
    seeds: int = 3
    probe_objects: int = 1000
    probe_steps: int = 500
    points: int = 4
    evaluation_steps: tuple[int, int] = (100, 400)
    compiles: bool = True


def choose_scale(rehearsal: bool) -> Scale:
    """Return the sizes for a GPU, or for a rehearsal of everything on a CPU, within a minute."""
    space = default_experiment().partition("/")[0]
    if not rehearsal:
        return Scale(paper_experiment(), f"{space}/rendered", default_experiment())
    smoke = f"{space}/smoke"
    sizes: dict[str, Any] = {"matrix": 256, "steps": 1, "repeats": 1, "seeds": 2, "probe_objects": 20}
    return Scale(smoke, smoke, smoke, **sizes, probe_steps=10, points=2, evaluation_steps=(2, 4), compiles=False)


@dataclass(frozen=True)
class Check:
    """What a part knows. folder: for data and runs, of all parts. device: name for `choose_device`.

    seconds: that the part has. share: of the scale's minutes that there are.
    """

    folder: Path
    device: str
    scale: Scale
    seconds: float = 60.0
    share: float = 1.0

    def packed(self, role: Literal["learning", "recipe"]) -> Path:
        """Return the folder of the packed images of the learning curve, and of all speeds, or of the recipe."""
        return self.folder / role / "packed"


def list_timed(config: dict[str, Any]) -> list[tuple[Run, dict[str, Any]]]:
    """Return the runs that are timed, and their settings: each method that trains, once. The reference is the first.

    It is the first whose embeddings depend on a context with actions, where there is one.
    """
    from workflow_scripts.methods.base import ContextMethod

    found: dict[str, Run] = {}
    for name in list_names(config, config["datasets"][0]):
        run = parse_run(get_space(config), config["datasets"][0], name, 0)
        if not run.variant and load_plugin("methods", run.method, "METHOD").trains:
            found.setdefault(run.method, run)

    def reads_contexts(run: Run) -> bool:
        cls = load_plugin("methods", run.method, "METHOD")
        return issubclass(cls, ContextMethod) and cls.uses_actions

    runs = sorted(found.values(), key=lambda run: not reads_contexts(run))
    return [(run, get_settings(config, run)) for run in runs]


def find_render(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and entry of the source of an experiment's rendered images."""
    source = str(config["dataset_settings"][find_dataset(config)]["source"])
    return source, config["sources"][source]


def limit_evaluation(evaluation: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return a config's section on evaluation in which no probe takes more steps than so many."""
    own = evaluation["evaluators"].items()
    return {**evaluation, "evaluators": {name: limit_steps(settings, steps) for name, settings in own}}


def list_learners(config: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return name and settings of the runs whose learning is followed: the reference, and the controls there are."""
    reference, settings = list_timed(config)[0]
    names = list_names(config, reference.dataset)
    controls = [parse_run(reference.space, reference.dataset, name, 0) for name in CONTROLS if name in names]
    return [(reference.name, settings), *((run.name, get_settings(config, run)) for run in controls)]


def limit_steps(settings: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return settings of an evaluator in which no probe takes more steps than so many."""

    def limit(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {inner: limit(inner, one) for inner, one in value.items()}
        return min(value, steps) if key == "steps" and value is not None else value

    return {key: limit(key, value) for key, value in settings.items()}
