"""What an evaluator is: something that measures a trained run, or says why it does not.

To add one, add a module here whose `EVALUATOR` is a subclass of `Evaluator`, and name it in a config's
`evaluation.evaluators`. A setting that names other data than the run's own is called `source`, or `sources` if it is a
list: the packed data of those are then there for `run.features`.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.settings import NoSettings

if TYPE_CHECKING:
    from workflow_scripts.evaluation.run import EvaluatedRun
    from workflow_scripts.rows import Row


class Evaluator:
    """Base of all evaluators. settings: an instance of `Settings`.

    conditions: those that its rows may name, each with a level, beside none at all and contexts: "shots", for example.
    """

    Settings: ClassVar[type] = NoSettings
    conditions: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def skip(self, run: EvaluatedRun) -> str:
        """Return "", or why this run is not measured: a short sentence without a full stop, for the report."""
        return ""

    def leaves_out(self, run: EvaluatedRun) -> str:
        """Return "", or what is left out of a run that is measured, and why; as `skip`."""
        return ""

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield what is measured: representation, condition, level, split, task, metric, value, n."""
        return iter(())

    def exhibit(self, run: EvaluatedRun) -> Any:
        """Return something to show, made of lists, maps, numbers and text; None for nothing."""
        return None


def make_evaluator(name: str, settings: dict[str, Any]) -> Evaluator:
    """Return an evaluator by its name. Raises `UserError` for one that is not there or has no such setting."""
    cls: type[Evaluator] = load_plugin("evaluation.evaluators", name, "EVALUATOR")
    return cls(_fill(cls.Settings(), settings, f"evaluator {name}"))


def _fill(defaults: Any, values: dict[str, Any], where: str) -> Any:
    """Return a dataclass with other values, whose fields, and whose maps' values, may be dataclasses themselves."""
    types = typing.get_type_hints(type(defaults))
    if unknown := sorted(set(values) - set(types)):
        raise UserError(f"{where} has no setting {unknown[0]!r}; it takes {', '.join(types) or 'none'}")
    filled = {}
    for key, value in values.items():
        default, inner = getattr(defaults, key), typing.get_args(types[key])
        if dataclasses.is_dataclass(default):
            value = _fill(default, value, f"{where}, {key}")
        elif inner and dataclasses.is_dataclass(inner[-1]):
            value = {name: _fill(inner[-1](), one, f"{where}, {key}.{name}") for name, one in value.items()}  # type: ignore[operator]
        filled[key] = value
    return dataclasses.replace(defaults, **filled)
