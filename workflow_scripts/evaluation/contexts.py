"""Contexts to evaluate under: the true ones of every group, and controls with false actions.

A control keeps the images of the context and changes its actions, so that it tells what of the
context a model uses: which group is present, or what the actions say about the images.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.batch import PAIR
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.experiment.kinds import CONTROLS, INVARIANT, NO_ACTIONS, ZERO
from workflow_scripts.methods.base import ContextMethod, Method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

DrawnContexts = dict[str, tuple[Tensor, Tensor]]  # "<kind>-<length>" to features (c, D) and actions (c, A)


def name_context(kind: str, length: int) -> str:
    """Return the name of a context of `length` tokens."""
    return f"{kind}-{length}"


def parse_context(name: str) -> tuple[str, int]:
    """Return kind and length of a context's name."""
    kind, _, length = name.rpartition("-")
    return kind, int(length)


def draw_pairs(method: Method, train: Views, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the fixed pairs that contexts are made of: features (count, 2, D) and actions (count, A).

    One draw from the training split, whose first c tokens are the context of length c (Gupta et al. 2024,
    section 4).
    """
    objects = numpy_generator(seed, "context objects").choice(len(train), size=count, replace=len(train) < count)
    batch = train.sample(objects, PAIR, seed, "context")
    return method.encode(batch).transpose(0, 1), batch.action()


def list_actions(actions: Tensor, space: ActionSpace, controls: Sequence[str], seed: int) -> dict[str, Tensor]:
    """Return the actions (pairs, A) of every kind of context.

    `<group>`: the true actions, other groups hidden. `zero-action`: every action hidden.
    `<group>+shuffled`: each pair has the action of another pair. `<group>+foreign`: the group's
    entries hold the other groups' values, which fit neither the images nor the group.
    """
    unknown = set(controls) - set(CONTROLS)
    if unknown:
        raise UserError(f"there is no context control {min(unknown)!r}; choose from {', '.join(CONTROLS)}")
    kinds = {group: space.show(actions, (group,)) for group in space.groups}
    # A random order shifted by one: every pair gets another pair's action, never its own.
    order = torch.from_numpy(numpy_generator(seed, "shuffled actions").permutation(len(actions)))
    source = torch.empty_like(order)
    source[order] = order.roll(1)
    result = dict(kinds)
    for group, shown in kinds.items():
        if "shuffled" in controls:
            result[f"{group}+shuffled"] = shown[source.to(shown.device)]
        if "foreign" in controls and len(kinds) > 1:
            result[f"{group}+foreign"] = _swap_values(actions, space, group)
    if ZERO in controls:
        result[ZERO] = torch.zeros_like(actions)
    return result


def _swap_values(actions: Tensor, space: ActionSpace, group: str) -> Tensor:
    """Fill one group's entries with the values of the others, repeated as often as needed, and hide the rest."""
    entries = space.groups[group]
    others = torch.cat([actions[:, e] for name, e in space.groups.items() if name != group], dim=1)
    width = entries.stop - entries.start
    swapped = torch.zeros_like(actions)
    swapped[:, entries] = others.repeat(1, -(-width // others.shape[1]))[:, :width]
    return swapped


def make_contexts(
    method: ContextMethod, features: Tensor, actions: Tensor, settings: Contexts, seed: int
) -> DrawnContexts:
    """Return every context by name, from features (pairs, 2, D) and actions (pairs, A) of the fixed draw.

    A method that does not use actions has one kind, `none`: pairs without actions. One with an invariant environment
    has `invariant` beside its groups; `zero-action`, which would be the same, is no control of it.
    """
    tokens = features.flatten(0, 1)
    contexts: DrawnContexts = {}
    kinds = {NO_ACTIONS: torch.zeros_like(actions)}
    if method.uses_actions:
        controls = [name for name in settings.controls if not (method.hides_actions and name == ZERO)]
        kinds = list_actions(actions, method.space, controls, seed)
        kinds |= {INVARIANT: torch.zeros_like(actions)} if method.hides_actions else {}
    for kind, shown in kinds.items():
        hidden_second = torch.stack([shown, torch.zeros_like(shown)], dim=1).flatten(0, 1)
        true = kind in (*method.space.groups, NO_ACTIONS, INVARIANT)
        for length in settings.lengths if true else settings.control_lengths:
            contexts[name_context(kind, length)] = (tokens[:length], hidden_second[:length])
    return contexts


def draw_contexts(method: ContextMethod, train: Views, settings: Contexts, seed: int) -> DrawnContexts:
    """Return every context by name, of pairs drawn from the training split."""
    longest = max([*settings.lengths, *settings.control_lengths])
    return make_contexts(method, *draw_pairs(method, train, longest // 2, seed), settings, seed)
