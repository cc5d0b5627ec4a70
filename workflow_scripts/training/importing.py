"""From a released checkpoint to the method of a run: its tensors in the place of trained ones, if all of them fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.methods.released.base import Released
from workflow_scripts.models.released import compare_tensors, read_state_dict
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins, load_plugin
from workflow_scripts.training.run import build_method

PLUGINS = ("methods.released", "RELEASED")


def check_source(checkpoint: Path, settings: dict[str, Any]) -> None:
    """Raise `UserError` where a run's method has no known checkpoint, or the run does not name this very file."""
    method, known = settings["method"], list_plugins(*PLUGINS)
    if method not in known:
        raise UserError(f"no released checkpoint of {method} is known, only of {', '.join(known)}; train the run")
    named = settings["training"].get("checkpoint") or None
    if named is None or Path(named) != checkpoint:
        raise UserError(
            f"the run's settings have the training.checkpoint {named!r}, but the checkpoint is {checkpoint}; "
            "name it there, so that an imported run never passes for a trained one"
        )


def compare(
    released: Released, tensors: dict[str, Tensor], settings: dict[str, Any], task: Task, data: Path
) -> list[str]:
    """Say in what a checkpoint and a run's settings differ."""
    shown = released.infer(tensors)
    differences = released.compare_settings(shown, settings["settings"])
    encoder, action_dim = shown.encoder or settings["encoder"], shown.action_dim or task.space.dim
    for name, found, wanted in (
        ("encoder", encoder, settings["encoder"]),
        ("number of entries of an action", action_dim, task.space.dim),
    ):
        if found != wanted:
            differences.append(f"{name} is {found} in the checkpoint, {wanted} in the run")
    # Tensors are compared with the model that the checkpoint itself shows: a width that differs from the run's is one
    # difference of settings, not one of every tensor.
    own = {**settings, "encoder": encoder, "settings": {**settings["settings"], **shown.settings}, "group": ""}
    space = ActionSpace({"all": slice(0, action_dim)}, difference)
    with torch.device("meta"):
        state = build_method(own, Task(space, task.classes), data).state_dict()
    expected = {released.translate(name): tensor for name, tensor in state.items()}
    found_in_tensors = compare_tensors(tensors, expected, released.may_lack, released.is_unused)
    return [*differences, *released.examine(tensors), *found_in_tensors]


def load_released(checkpoint: Path, settings: dict[str, Any], task: Task, data: Path) -> tuple[Method, str]:
    """Return the method of a run with the tensors of a checkpoint, and a sentence on these.

    Raises `UserError`, with every difference between the checkpoint and the run's settings, where there is one.
    """
    released: Released = load_plugin(PLUGINS[0], settings["method"], PLUGINS[1])
    tensors = read_state_dict(checkpoint)
    if differences := compare(released, tensors, settings, task, data):
        raise UserError(
            f"{checkpoint} does not fit the run: {'; '.join(differences)}; "
            "mend the run's settings, or give a checkpoint that was trained with them"
        )
    method = build_method(settings, task, data)
    state = method.state_dict()
    names = {name: released.translate(name) for name in state}
    state.update({name: tensors[theirs] for name, theirs in names.items() if theirs in tensors})
    method.load_state_dict(state)
    unused = sum(released.is_unused(name) for name in tensors)
    return method, f"{len(tensors)} tensors, {unused} of them unused"
