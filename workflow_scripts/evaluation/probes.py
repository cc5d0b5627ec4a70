"""Probes: small networks that read latents or classes from frozen embeddings.

All embeddings of one width (every context and length of a run) are probed side by side. A linear probe of latents is
solved exactly, as least squares, unless its settings ask for Adam; networks with hidden layers, and probes of classes,
are trained by Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    """Embeddings of one split: `values` (M, n, V, D), `states` (n, V, A) and `labels` (n,).

    Values may be in half precision. unit: they are read at length 1.
    """

    values: Tensor
    states: Tensor
    labels: Tensor
    unit: bool = False

    @property
    def constant(self) -> bool:
        """Whether the embeddings carry no information at all, as the constant control's do."""
        return all(bool((part == values[0, 0]).all()) for values in self.values for part in values.split(CHUNK))

    def prepare(self, values: Tensor) -> Tensor:
        """Return some of the values as probes read them. A few at a time: whole banks are large."""
        return F.normalize(values.float(), dim=-1) if self.unit else values.float()


ViewPairs = tuple[Tensor, Tensor, Tensor]  # objects, first views and second views, each (B,)


def draw_view_pairs(objects: int, views: range, count: int | None, *purpose: int | str) -> ViewPairs:
    """Draw `count` random pairs of different views of one object; None: one pair of each object in turn."""
    random = numpy_generator(*purpose)
    chosen = np.arange(objects) if count is None else random.integers(objects, size=count)
    count = len(chosen)
    first = random.integers(len(views), size=count)
    second = (first + random.integers(1, len(views), size=count)) % len(views)
    return tuple(torch.from_numpy(a) for a in (chosen, first + views.start, second + views.start))  # type: ignore


def pair_inputs(bank: Bank, pairs: ViewPairs) -> Tensor:
    """Return both views' embeddings side by side, (M, B, 2 D)."""
    chosen, first, second = pairs
    return torch.cat([bank.prepare(bank.values[:, chosen, view]) for view in (first, second)], dim=-1)


def _split_inputs(bank: Bank, pairs: ViewPairs) -> Iterator[Tensor]:
    """Yield the inputs of pairs, some at a time."""
    for chosen, first, second in zip(*(column.split(CHUNK) for column in pairs), strict=True):
        yield pair_inputs(bank, (chosen, first, second))


Predictions = dict[str, tuple[np.ndarray, np.ndarray]]  # by split: truth (n, ...), predictions (M, n, ...)


def probe_relative(
    train: Bank,
    tests: dict[str, Bank],
    relate: Callable[[Tensor, Tensor], Tensor],
    entries: slice,
    views: range,
    settings: ProbeSettings,
    test_pairs: int | None,
    seed: int,
) -> Predictions:
    """Predict one group's entries of the action between two views: truth (n, K), predictions (M, n, K).

    A linear probe that is solved exactly is so on all ordered pairs of views of an object; others see `settings.steps`
    random batches. test_pairs: None for one pair of each object.
    """

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
        tested = max(len(pairs[0]) for pairs in drawn.values()) if drawn else 1
        many = draw_view_pairs(len(train.labels), views, 10 * tested, seed, "constant")
        mean = targets(train, many).mean(dim=0).numpy()
        return {split: (t, np.broadcast_to(mean, (len(train.values), *t.shape))) for split, t in truth.items()}
    probe: nn.Module
    if is_learnt(settings):
        probe = fit_probe(batches(), entries.stop - entries.start, settings, seed, f"relative {entries.start}")
    else:
        probe = solve_probe(_sum_pairs(train, relate, entries, views))
    return {split: (truth[split], predict(probe, _split_inputs(tests[split], drawn[split]))) for split in tests}


def is_learnt(settings: ProbeSettings) -> bool:
    """Tell whether a probe of latents is learnt by Adam, and not solved exactly."""
    return bool(settings.hidden) or settings.solver == "adam"


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
        states = states.to(values.device)
        shape = (*states.shape[:2], *states.shape[1:])
        first, second = states[:, :, None].expand(shape), states[:, None].expand(shape)
        yield Moments.of_pairs(bank.prepare(values), relate(first, second)[..., entries])


class Flat:
    """Embeddings one by one, with what is to be read from each: `targets` (n, K), or classes (n,).

    They are some views of every object of one bank after another, all of one size: read where they are, since a copy
    of a bank may not fit into a GPU's memory.
    """

    def __init__(self, banks: Sequence[Bank], views: range, targets: Tensor) -> None:
        self._banks, self._views, self.targets = banks, views, targets
        self.device = banks[0].values.device

    def take(self, chosen: Tensor) -> Tensor:
        """Return the inputs (M, B, D) of some of them (B,), on their device."""
        count = len(self._views)
        which, place = chosen // (len(self._banks[0].labels) * count), chosen // count % len(self._banks[0].labels)
        view = chosen % count + self._views.start
        values = self._banks[0].values[:, place, view]
        for number, bank in enumerate(self._banks[1:], 1):
            values = torch.where((which == number)[:, None], bank.values[:, place, view], values)
        return self._banks[0].prepare(values)

    def parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets of all, some at a time."""
        for chosen in torch.arange(len(self.targets), device=self.device).split(CHUNK):
            yield self.take(chosen), self.targets[chosen.to(self.targets.device)].to(self.device)


def probe_flat(train: Flat, outputs: int, settings: ProbeSettings, seed: int, purpose: str) -> nn.Module:
    """Train M probes on embeddings drawn one by one."""
    device = train.device
    targets = train.targets.to(device)

    def batches() -> Iterator[ProbeBatch]:
        for size, block in _blocks(settings):
            drawn = numpy_generator(seed, purpose, block).integers(len(targets), size=size * settings.batch)
            for chosen in torch.from_numpy(drawn).to(device).split(settings.batch):
                yield train.take(chosen), targets[chosen]

    return fit_probe(batches(), outputs, settings, seed, purpose)


def predict_flat(probe: nn.Module, test: Flat) -> np.ndarray:
    """Return predictions (M, n, K)."""
    return predict(probe, (inputs for inputs, _ in test.parts()))


def probe_individual(
    train: Bank, tests: dict[str, Bank], entries: slice, views: range, settings: ProbeSettings, seed: int
) -> Predictions:
    """Predict one group's entries of a view's own state from its embedding: truth (n, K), predictions (M, n, K)."""
    kept = slice(views.start, views.stop)

    def flat(bank: Bank) -> Flat:
        return Flat([bank], views, bank.states[:, kept, entries].flatten(0, 1))

    learnt, found = flat(train), {split: flat(bank) for split, bank in tests.items()}
    if train.constant:
        mean = learnt.targets.mean(dim=0).numpy()
        truths = {split: test.targets.numpy() for split, test in found.items()}
        return {split: (t, np.broadcast_to(mean, (len(train.values), *t.shape))) for split, t in truths.items()}
    if is_learnt(settings):
        width = entries.stop - entries.start
        probe = probe_flat(learnt, width, settings, seed, f"individual {entries.start}")
    else:
        probe = solve_probe(Moments.of(*part) for part in learnt.parts())
    return {split: (test.targets.numpy(), predict_flat(probe, test)) for split, test in found.items()}


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

    def flat(banks: tuple[Bank, Bank]) -> Flat:
        views = banks[0].states.shape[1]
        bins = torch.from_numpy(np.digitize(banks[0].states[..., entry].numpy(), edges)).flatten()
        labels = torch.cat([banks[0].labels.repeat_interleave(views), classes + bins])
        return Flat(banks, range(views), labels)

    probe = probe_flat(flat(train), classes + BINS, settings, seed, "context labels")
    found = {split: flat(banks) for split, banks in tests.items()}
    return {split: (test.targets.numpy(), predict_flat(probe, test).argmax(axis=-1)) for split, test in found.items()}


def probe_class(
    train: Bank, tests: dict[str, Bank], views: range, classes: int, settings: ProbeSettings, seed: int
) -> Predictions:
    """Predict the class of every view: truth (n,), predictions (M, n)."""

    def flat(bank: Bank) -> Flat:
        return Flat([bank], views, bank.labels.repeat_interleave(len(views)))

    found = {split: flat(bank) for split, bank in tests.items()}
    if train.constant:
        frequent = int(train.labels.bincount().argmax())
        truths = {split: test.targets.numpy() for split, test in found.items()}
        return {split: (t, np.full((len(train.values), len(t)), frequent)) for split, t in truths.items()}
    probe = probe_flat(flat(train), classes, settings, seed, "class")
    return {split: (test.targets.numpy(), predict_flat(probe, test).argmax(axis=-1)) for split, test in found.items()}
