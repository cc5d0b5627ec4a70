"""Probes: small networks that read latents or classes from frozen embeddings.

All embeddings of one width (every context and length of a run) are probed side by side. A linear probe of latents is
solved exactly, as least squares; networks with hidden layers, and those of classes, are trained by Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.evaluation.fitting import CHUNK, Moments, ProbeBatch, fit_probe, predict, solve_probe
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.support.seeding import numpy_generator

BINS = 8  # of a latent that is made a label
BLOCK = 64  # steps whose batches are drawn together: a draw costs more than what it draws


@dataclass(frozen=True)
class Bank:
    """Embeddings of one split: `values` (M, n, V, D), `states` (n, V, A) and `labels` (n,)."""

    values: Tensor
    states: Tensor
    labels: Tensor

    @property
    def constant(self) -> bool:
        """Whether the embeddings carry no information at all, as the constant control's do."""
        return bool((self.values == self.values[:, :1, :1]).all())

    def normalise(self) -> Bank:
        """Return the same with embeddings of length 1."""
        return Bank(F.normalize(self.values, dim=-1), self.states, self.labels)


ViewPairs = tuple[Tensor, Tensor, Tensor]  # objects, first views and second views, each (B,)


def draw_view_pairs(objects: int, views: range, count: int, *purpose: int | str) -> ViewPairs:
    """Draw `count` random pairs of different views of one object."""
    random = numpy_generator(*purpose)
    chosen = random.integers(objects, size=count)
    first = random.integers(len(views), size=count)
    second = (first + random.integers(1, len(views), size=count)) % len(views)
    return tuple(torch.from_numpy(a) for a in (chosen, first + views.start, second + views.start))  # type: ignore


def pair_inputs(bank: Bank, pairs: ViewPairs) -> Tensor:
    """Return both views' embeddings side by side, (M, B, 2 D)."""
    chosen, first, second = pairs
    return torch.cat([bank.values[:, chosen, view] for view in (first, second)], dim=-1)


Predictions = dict[str, tuple[np.ndarray, np.ndarray]]  # by split: truth (n, ...), predictions (M, n, ...)


def probe_relative(
    train: Bank,
    tests: dict[str, Bank],
    relate: Callable[[Tensor, Tensor], Tensor],
    entries: slice,
    views: range,
    settings: ProbeSettings,
    test_pairs: int,
    seed: int,
) -> Predictions:
    """Predict one group's entries of the action between two views: truth (n, K), predictions (M, n, K).

    A linear probe is solved on all ordered pairs of views of an object; others see `settings.steps` random batches.
    """
    train, tests = train.normalise(), {split: bank.normalise() for split, bank in tests.items()}

    def targets(bank: Bank, pairs: ViewPairs) -> Tensor:
        chosen, first, second = pairs
        return relate(bank.states[chosen, first], bank.states[chosen, second])[:, entries]

    def batches() -> Iterator[ProbeBatch]:
        for size, block in _blocks(settings):
            pairs = draw_view_pairs(len(train.labels), views, size * settings.batch, seed, "probe pairs", block)
            target = targets(train, pairs).to(train.values.device)
            columns = (column.to(train.values.device).split(settings.batch) for column in pairs)
            for batch, expected in zip(zip(*columns, strict=True), target.split(settings.batch), strict=True):
                yield pair_inputs(train, batch), expected

    drawn = {
        split: draw_view_pairs(len(bank.labels), views, test_pairs, seed, "test pairs") for split, bank in tests.items()
    }
    truth = {split: targets(tests[split], pairs).numpy() for split, pairs in drawn.items()}
    if train.constant:
        many = draw_view_pairs(len(train.labels), views, 10 * test_pairs, seed, "constant")
        mean = targets(train, many).mean(dim=0).numpy()
        return {split: (t, np.broadcast_to(mean, (len(train.values), *t.shape))) for split, t in truth.items()}
    probe: nn.Module
    if settings.hidden:
        probe = fit_probe(batches(), entries.stop - entries.start, settings, seed, f"relative {entries.start}")
    else:
        probe = solve_probe(_sum_pairs(train, relate, entries, views))
    return {split: (truth[split], predict(probe, pair_inputs(tests[split], drawn[split])).numpy()) for split in tests}


def _blocks(settings: ProbeSettings) -> Iterator[tuple[int, int]]:
    """Yield sizes [steps] and numbers of the blocks of steps whose batches are drawn together."""
    for block, start in enumerate(range(0, settings.steps, BLOCK)):
        yield min(BLOCK, settings.steps - start), block


def _sum_pairs(
    bank: Bank, relate: Callable[[Tensor, Tensor], Tensor], entries: slice, views: range
) -> Iterator[Moments]:
    """Yield the moments of all pairs of views, some objects at a time."""
    size = max(1, CHUNK // len(views))
    kept = slice(views.start, views.stop)
    for values, states in zip(
        bank.values[:, :, kept].split(size, dim=1), bank.states[:, kept].split(size), strict=True
    ):
        shape = (*states.shape[:2], *states.shape[1:])
        first, second = states[:, :, None].expand(shape), states[:, None].expand(shape)
        yield Moments.of_pairs(values, relate(first, second)[..., entries].to(values.device))


def probe_flat(
    inputs: Tensor, targets: Tensor, outputs: int, settings: ProbeSettings, seed: int, purpose: str
) -> nn.Module:
    """Train M probes on embeddings (M, n, D) with targets (n, K), or classes (n,), drawn one by one."""
    targets = targets.to(inputs.device)

    def batches() -> Iterator[ProbeBatch]:
        for size, block in _blocks(settings):
            drawn = numpy_generator(seed, purpose, block).integers(len(targets), size=size * settings.batch)
            for chosen in torch.from_numpy(drawn).to(inputs.device).split(settings.batch):
                yield inputs[:, chosen], targets[chosen]

    return fit_probe(batches(), outputs, settings, seed, purpose)


def probe_individual(
    train: Bank, tests: dict[str, Bank], entries: slice, views: range, settings: ProbeSettings, seed: int
) -> Predictions:
    """Predict one group's entries of a view's own state from its embedding: truth (n, K), predictions (M, n, K)."""

    def flat(bank: Bank) -> tuple[Tensor, Tensor]:
        kept = slice(views.start, views.stop)
        return F.normalize(bank.values[:, :, kept].flatten(1, 2), dim=-1), bank.states[:, kept, entries].flatten(0, 1)

    inputs, targets = flat(train)
    truth = {split: flat(bank)[1].numpy() for split, bank in tests.items()}
    if train.constant:
        mean = targets.mean(dim=0).numpy()
        return {split: (t, np.broadcast_to(mean, (len(inputs), *t.shape))) for split, t in truth.items()}
    if settings.hidden:
        width = entries.stop - entries.start
        probe = probe_flat(inputs, targets, width, settings, seed, f"individual {entries.start}")
    else:
        parts = zip(inputs.split(CHUNK, dim=1), targets.to(inputs.device).split(CHUNK), strict=True)
        probe = solve_probe(Moments.of(*part) for part in parts)
    return {split: (truth[split], predict(probe, flat(tests[split])[0]).numpy()) for split in tests}


def probe_context_labels(
    train: tuple[Bank, Bank],
    tests: dict[str, tuple[Bank, Bank]],
    entry: int,
    classes: int,
    settings: ProbeSettings,
    seed: int,
) -> Predictions:
    """Predict a label that depends on the context: the class under the first one, a bin of a latent under the second.

    How Gupta et al. 2024 make context-dependent labels is not known; this is ours. One linear probe sees the same
    images under both contexts and is not told which: it can be right more than half of the time only if the
    embedding says so. train, tests: embeddings under the first and under the second context, M lengths side by side.
    entry: of the state that is cut into `BINS` bins of equal size. Returns truth (n,) and predictions (M, n).
    """
    edges = np.quantile(train[0].states[..., entry].numpy(), np.linspace(0, 1, BINS + 1)[1:-1])

    def flat(banks: tuple[Bank, Bank]) -> tuple[Tensor, Tensor]:
        views = banks[0].states.shape[1]
        bins = torch.from_numpy(np.digitize(banks[0].states[..., entry].numpy(), edges)).flatten()
        labels = torch.cat([banks[0].labels.repeat_interleave(views), classes + bins])
        return F.normalize(torch.cat([bank.values.flatten(1, 2) for bank in banks], dim=1), dim=-1), labels

    probe = probe_flat(*flat(train), classes + BINS, settings, seed, "context labels")
    found = {split: flat(banks) for split, banks in tests.items()}
    return {split: (labels.numpy(), predict(probe, x).argmax(dim=-1).numpy()) for split, (x, labels) in found.items()}


def probe_class(
    train: Bank, tests: dict[str, Bank], views: range, classes: int, settings: ProbeSettings, seed: int
) -> Predictions:
    """Predict the class of every view: truth (n,), predictions (M, n)."""
    kept = slice(views.start, views.stop)

    def flat(bank: Bank) -> tuple[Tensor, Tensor]:
        return bank.values[:, :, kept].flatten(1, 2), bank.labels.repeat_interleave(len(views))

    truth = {split: flat(bank)[1].numpy() for split, bank in tests.items()}
    if train.constant:
        frequent = int(train.labels.bincount().argmax())
        return {split: (t, np.full((len(train.values), len(t)), frequent)) for split, t in truth.items()}
    probe = probe_flat(*flat(train), classes, settings, seed, "class")
    return {split: (truth[split], predict(probe, flat(tests[split])[0]).argmax(dim=-1).numpy()) for split in tests}
