"""Contexts to evaluate under: the true ones of every group, and controls with false actions.

A control keeps the images of the context and changes its actions, so that it tells what of the
context a model uses: which group is present, or what the actions say about the images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.batch import PAIR, Batch
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.experiment.kinds import CONTROLS, INVARIANT, NO_ACTIONS, ZERO
from workflow_scripts.methods.base import ContextMethod, Method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator

DrawnContexts = dict[str, tuple[Tensor, Tensor]]  # by name to features (c, D) and actions (c, A)
REDRAWN = "~"  # in a context's name, before the number of a draw that is not the first


def name_context(kind: str, length: int, draw: int = 0) -> str:
    """Return the name of a context of `length` tokens: "<kind>-<length>", and of a later draw "~<draw>" after it."""
    return f"{kind}-{length}" + (f"{REDRAWN}{draw}" if draw else "")


def parse_context(name: str) -> tuple[str, int]:
    """Return kind and length of a context's name, whichever draw it is of."""
    kind, _, length = name.partition(REDRAWN)[0].rpartition("-")
    return kind, int(length)


def draw_pairs(method: Method, train: Views, settings: Contexts, seed: int, draw: int = 0) -> tuple[Tensor, Tensor]:
    """Return pairs of the training split that contexts are made of: features (P, 2, D) and actions (P, A).

    `settings.pairs` at a time, as often as the longest context needs: the first c tokens, which are the context of
    length c (Gupta et al. 2024, section 4), do not depend on what other lengths are asked for.
    """
    longest = max([*settings.lengths, *settings.control_lengths, *settings.draw_lengths])
    blocks = max(1, -(-longest // (2 * settings.pairs)))
    if settings.draw == "released" and draw == 0:
        batches = _draw_as_released(train, settings.pairs, blocks)
    else:
        batches = (_draw_seeded(train, settings.pairs, seed, draw, block) for block in range(blocks))
    features, actions = zip(*((method.encode(batch), batch.action()) for batch in batches), strict=True)
    return torch.cat(features, dim=1).transpose(0, 1), torch.cat(actions)


def _draw_seeded(train: Views, pairs: int, seed: int, draw: int, block: int) -> Batch:
    """Draw pairs by the evaluation's seed, of different objects as far as there are as many."""
    which = (draw, block) if draw or block else ()
    random = numpy_generator(seed, "context objects", *which)
    objects = random.choice(len(train), size=pairs, replace=len(train) < pairs)
    return train.sample(objects, PAIR, seed, "context", *which)


def _draw_as_released(train: Views, pairs: int, blocks: int) -> Iterator[Batch]:
    """Draw as the released code of Gupta et al. 2024 does for its checkpoint: an object may come twice.

    Objects are drawn from all training objects, in the order in which they are packed, by torch's generator seeded with
    0; two different stored views of each object in turn by numpy's old generator seeded with 42.
    """
    if train.views < 2:
        raise UserError(
            "the released draw takes two stored views of an object, but there is one; set contexts.draw: seeded"
        )
    torch_random, numpy_random = torch.Generator().manual_seed(0), np.random.RandomState(42)
    for _ in range(blocks):
        objects = torch.randint(0, len(train), (pairs,), generator=torch_random).numpy()
        chosen = [numpy_random.choice(train.views, 2, replace=False) for _ in objects]
        yield train.gather(objects, np.stack(chosen, axis=1))


def list_actions(
    actions: Tensor, space: ActionSpace, controls: Sequence[str], seed: int, together: int
) -> dict[str, Tensor]:
    """Return the actions (P, A) of every kind of context. together: pairs among which actions are shuffled.

    `<group>`: the true actions, other groups hidden. `zero-action`: every action hidden.
    `<group>+shuffled`: each pair has the action of another pair. `<group>+foreign`: the group's
    entries hold the other groups' values, which fit neither the images nor the group.
    `<group>+decoys`: the true actions, and other groups hold another pair's: all groups are present, one is true.
    """
    unknown = set(controls) - set(CONTROLS)
    if unknown:
        raise UserError(f"there is no context control {min(unknown)!r}; choose from {', '.join(CONTROLS)}")
    kinds = {group: space.show(actions, (group,)) for group in space.groups}
    source = _draw_others(len(actions), together, seed)
    result = dict(kinds)
    for group, shown in kinds.items():
        if "shuffled" in controls:
            result[f"{group}+shuffled"] = shown[source.to(shown.device)]
        if "foreign" in controls and len(kinds) > 1:
            result[f"{group}+foreign"] = _swap_values(actions, space, group)
        if "decoys" in controls and len(kinds) > 1:
            result[f"{group}+decoys"] = space.show(actions, (group,), actions[source.to(actions.device)])
    if ZERO in controls:
        result[ZERO] = torch.zeros_like(actions)
    return result


def _draw_others(count: int, together: int, seed: int) -> Tensor:
    """Return for each pair another one, (count,): of the `together` pairs that it was drawn with."""
    source = torch.empty(count, dtype=torch.int64)
    for block, part in enumerate(torch.arange(count).split(together)):
        random = numpy_generator(seed, "shuffled actions", *([block] if block else []))
        # A random order shifted by one: every pair gets another pair's action, never its own.
        order = part[torch.from_numpy(random.permutation(len(part)))]
        source[order] = order.roll(1)
    return source


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
    """Return every context of the first draw by name, from its features (P, 2, D) and actions (P, A).

    A method that does not use actions has one kind, `none`: pairs without actions. One with an invariant environment
    has `invariant` beside its groups; `zero-action`, which would be the same, is no control of it.
    """
    contexts: DrawnContexts = {}
    kinds = {NO_ACTIONS: torch.zeros_like(actions)}
    if method.uses_actions:
        controls = [name for name in settings.controls if not (method.hides_actions and name == ZERO)]
        kinds = list_actions(actions, method.space, controls, seed, settings.pairs)
        kinds |= {INVARIANT: torch.zeros_like(actions)} if method.hides_actions else {}
    for kind, shown in kinds.items():
        true = kind in (*method.space.groups, NO_ACTIONS, INVARIANT)
        for length in settings.lengths if true else settings.control_lengths:
            contexts[name_context(kind, length)] = _make_tokens(features, shown, length)
    return contexts


def _make_tokens(features: Tensor, actions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the first `length` tokens of pairs, (c, D) and (c, A): an action is shown with the first of two views."""
    hidden_second = torch.stack([actions, torch.zeros_like(actions)], dim=1).flatten(0, 1)
    return features.flatten(0, 1)[:length], hidden_second[:length]


def draw_contexts(method: ContextMethod, train: Views, settings: Contexts, seed: int) -> DrawnContexts:
    """Return every context of the first draw by name, of pairs drawn from the training split."""
    return make_contexts(method, *draw_pairs(method, train, settings, seed), settings, seed)


def redraw_contexts(method: ContextMethod, train: Views, settings: Contexts, seed: int) -> DrawnContexts:
    """Return the contexts of every later draw by name: of each group, of those `draw_lengths` that are evaluated."""
    contexts: DrawnContexts = {}
    groups = method.space.groups if method.uses_actions else ()
    lengths = [length for length in settings.draw_lengths if length in settings.lengths and length]
    for draw in range(1, settings.draws if groups and lengths else 1):
        features, actions = draw_pairs(method, train, settings, seed, draw)
        for group in groups:
            shown = method.space.show(actions, (group,))
            for length in lengths:
                contexts[name_context(group, length, draw)] = _make_tokens(features, shown, length)
    return contexts
