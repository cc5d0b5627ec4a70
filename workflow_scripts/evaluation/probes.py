"""Probes: small networks that read latents or classes from frozen embeddings.

A linear probe of latents is solved exactly, as least squares; networks with hidden layers, and those of classes, are
trained by Adam. All embeddings of one width (every context and length of a run) are probed by one batched model, M
independent probes side by side that see the same batches: the numbers of M separate trainings, at a
fraction of their overhead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.support.seeding import numpy_generator, torch_generator

BINS = 8  # of a latent that is made a label
PAIRS = 2**17  # of views, that a linear probe of a relative latent is solved on
CHUNK = 8192  # of them at a time


class BatchedLinear(nn.Module):
    """M independent linear layers: (M, B, in) to (M, B, out), each initialised as `nn.Linear`."""

    def __init__(self, models: int, dim_in: int, dim_out: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(dim_in)
        # One draw for all: probes of different contexts start alike and differ by their inputs only.
        weight, bias = torch.rand(dim_in, dim_out, generator=generator), torch.rand(1, dim_out, generator=generator)
        self.weight = nn.Parameter(((2 * weight - 1) * bound).repeat(models, 1, 1))
        self.bias = nn.Parameter(((2 * bias - 1) * bound).repeat(models, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer m to x[m]."""
        return torch.baddbmm(self.bias, x, self.weight)


def make_probe(models: int, widths: list[int], generator: torch.Generator) -> nn.Sequential:
    """Build M multilayer perceptrons of the given widths, ReLU between layers; two widths = a linear probe."""
    layers: list[nn.Module] = []
    for dim_in, dim_out in itertools.pairwise(widths):
        layers += [BatchedLinear(models, dim_in, dim_out, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class ProbeSettings:
    """hidden: widths of hidden layers, [] = linear. steps: of Adam at rate `lr`, on batches of `batch`; where a linear
    probe is solved exactly, it has none.
    """

    hidden: list[int]
    steps: int
    lr: float
    batch: int


Batch = tuple[Tensor, Tensor]  # inputs (M, B, D) and targets (B, K) float, or (B,) int64 classes


def fit_probe(
    batches: Callable[[int], Batch], outputs: int, settings: ProbeSettings, seed: int, purpose: str
) -> nn.Module:
    """Train M probes on `batches(step)`: mean squared error on float targets, cross-entropy on classes."""
    inputs, target = batches(0)
    classify = target.dtype == torch.int64
    generator = torch_generator(seed, "probe", purpose)
    widths = [inputs.shape[-1], *settings.hidden, outputs]
    probe = make_probe(len(inputs), widths, generator).to(inputs.device)
    optimizer = torch.optim.Adam(probe.parameters(), lr=settings.lr, fused=inputs.device.type == "cuda")
    for step in range(settings.steps):
        inputs, target = batches(step)
        predicted = probe(inputs)
        target = target.expand(len(inputs), *target.shape)
        loss = F.cross_entropy(predicted.flatten(0, 1), target.flatten()) if classify else F.mse_loss(predicted, target)
        optimizer.zero_grad(set_to_none=True)
        (len(inputs) * loss).backward()  # each probe's gradient is that of its own mean loss
        optimizer.step()
    return probe


def solve_probe(batches: Iterable[Batch]) -> nn.Module:
    """Return the M linear probes of least mean squared error on all `batches`, one after the other.

    Directions in which the inputs hardly vary, less than 1e-10 of the most, get no weight.
    """
    count, sums = 0, [torch.zeros(())] * 4
    for inputs, target in batches:
        x, y = inputs.double(), target.double().expand(len(inputs), *target.shape)
        parts = (x.sum(dim=1), y.sum(dim=1), x.mT @ x, x.mT @ y)
        sums = [total.to(part) + part for total, part in zip(sums, parts, strict=True)]
        count += x.shape[1]
    mean_x, mean_y, xx, xy = (total / count for total in sums)
    covariance = xx - mean_x[:, :, None] * mean_x[:, None]
    weight = torch.linalg.pinv(covariance, hermitian=True, rtol=1e-10) @ (xy - mean_x[:, :, None] * mean_y[:, None])
    layer = BatchedLinear(len(weight), weight.shape[1], weight.shape[2], torch.Generator()).to(weight.device)
    layer.weight.data = weight.float()
    layer.bias.data = (mean_y[:, None] - mean_x[:, None] @ weight).float()
    return layer


def predict(probe: nn.Module, inputs: Tensor, size: int = 8192) -> Tensor:
    """Return predictions (M, n, K) on the CPU for inputs (M, n, D)."""
    with torch.inference_mode():
        return torch.cat([probe(part).cpu() for part in inputs.split(size, dim=1)], dim=1)


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


def draw_pairs(objects: int, views: range, count: int, *purpose: int | str) -> tuple[Tensor, Tensor, Tensor]:
    """Draw `count` random pairs of different views: objects, first and second views, each (count,)."""
    random = numpy_generator(*purpose)
    chosen = random.integers(objects, size=count)
    first = random.integers(len(views), size=count)
    second = (first + random.integers(1, len(views), size=count)) % len(views)
    return tuple(torch.from_numpy(a) for a in (chosen, first + views.start, second + views.start))  # type: ignore


def pair_inputs(bank: Bank, pairs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return both views' L2-normalised embeddings side by side, (M, B, 2 D)."""
    chosen, first, second = pairs
    sides = [F.normalize(bank.values[:, chosen, view], dim=-1) for view in (first, second)]
    return torch.cat(sides, dim=-1)


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
    """Predict one group's entries of the action between two views: truth (n, K), predictions (M, n, K)."""

    def targets(bank: Bank, pairs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        chosen, first, second = pairs
        return relate(bank.states[chosen, first], bank.states[chosen, second])[:, entries]

    size = settings.batch if settings.hidden else CHUNK

    def batches(step: int) -> Batch:
        pairs = draw_pairs(len(train.labels), views, size, seed, "probe pairs", step)
        return pair_inputs(train, pairs), targets(train, pairs).to(train.values.device)

    drawn = {
        split: draw_pairs(len(bank.labels), views, test_pairs, seed, "test pairs") for split, bank in tests.items()
    }
    truth = {split: targets(tests[split], pairs).numpy() for split, pairs in drawn.items()}
    if train.constant:
        many = draw_pairs(len(train.labels), views, 10 * test_pairs, seed, "constant")
        mean = targets(train, many).mean(dim=0).numpy()
        return {split: (t, np.broadcast_to(mean, (len(train.values), *t.shape))) for split, t in truth.items()}
    if settings.hidden:
        probe = fit_probe(batches, entries.stop - entries.start, settings, seed, f"relative {entries.start}")
    else:
        probe = solve_probe(map(batches, range(PAIRS // CHUNK)))
    return {split: (truth[split], predict(probe, pair_inputs(tests[split], drawn[split])).numpy()) for split in tests}


def probe_flat(
    inputs: Tensor, targets: Tensor, outputs: int, settings: ProbeSettings, seed: int, purpose: str
) -> nn.Module:
    """Train M probes on embeddings (M, n, D) with targets (n, K), or classes (n,), drawn one by one."""

    def batches(step: int) -> Batch:
        drawn = numpy_generator(seed, purpose, step).integers(len(targets), size=settings.batch)
        chosen = torch.from_numpy(drawn)
        return inputs[:, chosen], targets[chosen].to(inputs.device)

    return fit_probe(batches, outputs, settings, seed, purpose)


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
        probe = solve_probe(parts)
    return {split: (truth[split], predict(probe, flat(tests[split])[0]).numpy()) for split in tests}


def probe_context_labels(
    train: tuple[Bank, Bank], tests: dict[str, tuple[Bank, Bank]], entry: int, settings: ProbeSettings, seed: int
) -> Predictions:
    """Predict a label that depends on the context: the class under the first one, a bin of a latent under the second.

    The paper's construction of context-dependent labels is not known; this is ours. One linear probe sees the same
    images under both contexts and is not told which: it can be right more than half of the time only if the
    embedding says so. train, tests: embeddings under the first and under the second context, M lengths side by side.
    entry: of the state that is cut into `BINS` bins of equal size. Returns truth (n,) and predictions (M, n).
    """
    edges = np.quantile(train[0].states[..., entry].numpy(), np.linspace(0, 1, BINS + 1)[1:-1])
    classes = int(train[0].labels.max()) + 1

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

    def batches(step: int) -> Batch:
        random = numpy_generator(seed, "class views", step)
        chosen = torch.from_numpy(random.integers(len(train.labels), size=settings.batch))
        view = torch.from_numpy(random.integers(views.start, views.stop, size=settings.batch))
        return train.values[:, chosen, view], train.labels[chosen].to(train.values.device)

    truth = {split: bank.labels.repeat_interleave(len(views)).numpy() for split, bank in tests.items()}
    if train.constant:
        frequent = int(train.labels.bincount().argmax())
        return {split: (t, np.full((len(train.values), len(t)), frequent)) for split, t in truth.items()}
    probe = fit_probe(batches, classes, settings, seed, "class")
    inputs = {split: bank.values[:, :, views.start : views.stop].flatten(1, 2) for split, bank in tests.items()}
    return {split: (truth[split], predict(probe, x).argmax(dim=-1).numpy()) for split, x in inputs.items()}
