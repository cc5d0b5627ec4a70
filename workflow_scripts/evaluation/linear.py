"""Linear classifiers on frozen features, learnt by gradient steps; and how they rank the true class.

The standard protocol of self-supervised learning (He et al. 2020, section 4.1), but for one thing: features are those
of the images as stored, encoded once, not of crops drawn anew in each epoch (ours).
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from workflow_scripts.evaluation.fitting import CHUNK, FunctionalAdam
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.storage import find_room
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator

TOP = {"top1": 1, "top5": 5}  # among how many the true class is to be, by metric
SPREAD = 0.01  # standard deviation of weights at the start (He et al. 2020); biases start at 0


class LinearClassifier:
    """weight: (classes, D), in units of the standardised features; bias: (classes,). All on one device.

    mean, scale: (D,), of the features it was learnt from where they are standardised, else 0 and 1.
    """

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor, scale: Tensor) -> None:
        self.weight, self.bias, self.mean, self.scale = weight, bias, mean, scale

    def standardise(self, features: np.ndarray | Tensor) -> Tensor:
        """Return features (n, D) in the units of the weights, float32, on the device."""
        return (_to_tensor(features).to(self.weight.device) - self.mean) / self.scale

    def scores(self, features: np.ndarray | Tensor) -> Tensor:
        """Return the scores (n, classes) of features (n, D), on the device."""
        parts = (features[start : start + CHUNK] for start in range(0, len(features), CHUNK))
        with torch.no_grad():
            return torch.cat([F.linear(self.standardise(part), self.weight, self.bias) for part in parts])


def fit_linear(
    features: np.ndarray | Tensor,
    labels: np.ndarray | Tensor,
    classes: int,
    settings: LinearSettings,
    device: torch.device,
    *purpose: int | str,
) -> LinearClassifier:
    """Learn classes from features (n, D) and labels (n,). purpose: of the random draws; the same draws the same.

    Where all features are the same, nothing is fitted: classes are scored by how frequent they are. Raises `UserError`
    where the steps are too large for the features.
    """
    inputs, truth = _to_tensor(features), torch.as_tensor(labels).long()
    if bool((inputs == inputs[:1]).all()):
        return _score_by_frequency(truth, inputs.shape[1], classes, device)
    inputs = inputs.to(find_room(inputs.nbytes, device))
    mean, scale = _measure_units(inputs, settings.standardise)
    start = torch.randn(classes, inputs.shape[1], generator=torch_generator(*purpose, "linear start"))
    weight, bias = (SPREAD * start).to(device), torch.zeros(classes, device=device)
    model = LinearClassifier(weight, bias, mean.to(device), scale.to(device))
    # Once for all epochs; without units of their own they are what they are.
    inputs = model.standardise(inputs).to(inputs.device) if settings.standardise else inputs
    step = _Descent(settings, [weight, bias])
    with torch.no_grad():
        for lr, chosen in _draw_batches(len(inputs), settings, *purpose):
            batch, target = inputs[chosen.to(inputs.device)].to(device), truth[chosen].to(device)
            # The gradient of cross-entropy, written out: a graph of it takes as long as all else.
            error = F.linear(batch, weight, bias).softmax(dim=1)
            error[torch.arange(len(target), device=device), target] -= 1
            error /= len(target)
            step(lr, (error.T @ batch, error.sum(dim=0)))
    if not bool(weight.isfinite().all()):
        raise UserError("a linear classifier diverged; lower the `lr` of its evaluator, or set `standardise: true`")
    return model


def _to_tensor(values: np.ndarray | Tensor) -> Tensor:
    """Return float32 values; an array is copied, since it may be a file that cannot be written."""
    return values.float() if isinstance(values, Tensor) else torch.from_numpy(np.array(values, dtype=np.float32))


def _score_by_frequency(labels: Tensor, width: int, classes: int, device: torch.device) -> LinearClassifier:
    counts = labels.bincount(minlength=classes).float()
    zeros = torch.zeros(width, device=device)
    return LinearClassifier(zeros.expand(classes, -1), counts.to(device), zeros, zeros + 1)


def _measure_units(inputs: Tensor, standardise: bool) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (D,) of inputs (n, D); a feature that never varies keeps its scale."""
    mean, scale = inputs.new_zeros(inputs.shape[1]), inputs.new_ones(inputs.shape[1])
    if standardise:
        scale, mean = torch.std_mean(inputs, dim=0, correction=0)
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return mean, scale


def _draw_batches(count: int, settings: LinearSettings, *purpose: int | str) -> Iterator[tuple[float, Tensor]]:
    """Yield the rate of every step, and the places (B,) of its batch: a new order of all `count` in each epoch."""
    per_epoch = -(-count // settings.batch)
    order = torch.empty(0)
    for step in range(settings.steps or settings.epochs * per_epoch):
        epoch, place = divmod(step, per_epoch)
        if not place:
            order = torch.randperm(count, generator=torch_generator(*purpose, "linear order", epoch))
        passed = sum(epoch >= milestone for milestone in settings.milestones)
        yield settings.lr * settings.factor**passed, order[place * settings.batch : (place + 1) * settings.batch]


class _Descent:
    """Steps of the optimiser of the settings on parameters, in place."""

    def __init__(self, settings: LinearSettings, parameters: list[Tensor]) -> None:
        self._parameters, self._momentum = parameters, settings.momentum
        self._velocities = [torch.zeros_like(parameter) for parameter in parameters]
        adaptive = settings.optimizer == "adam"
        self._adam = FunctionalAdam(parameters, settings.lr) if adaptive else None  # type: ignore[arg-type]

    def __call__(self, lr: float, gradients: tuple[Tensor, ...]) -> None:
        if self._adam:
            self._adam.lr = lr
            self._adam(gradients)
            return
        for parameter, velocity, gradient in zip(self._parameters, self._velocities, gradients, strict=True):
            velocity.mul_(self._momentum).add_(gradient)
            parameter.sub_(velocity, alpha=lr)


def rank_truth(scores: Tensor, labels: np.ndarray | Tensor) -> np.ndarray:
    """Return the rank (n,) of the true class among scores (n, classes), from 0 on; of equal ones the first is first."""
    truth = torch.as_tensor(labels).long().to(scores.device)[:, None]
    own = scores.gather(1, truth)
    before = torch.arange(scores.shape[1], device=scores.device) < truth
    return ((scores > own) | ((scores == own) & before)).sum(dim=1).cpu().numpy()


def share_within(ranks: np.ndarray, most: int) -> float:
    """Return how often [percent] the true class is among the first `most`: its top-1, or top-5."""
    return float(100 * np.mean(ranks < most))


def measure_top(ranks: np.ndarray, classes: int) -> Iterator[tuple[str, float]]:
    """Yield top-1 and top-5 [percent] by name; of five classes or fewer no top-5, which would be 100."""
    yield from ((metric, share_within(ranks, most)) for metric, most in TOP.items() if most < classes)


_learnt: WeakKeyDictionary[EvaluatedRun, dict[str, LinearClassifier]] = WeakKeyDictionary()


def learn_classes(run: EvaluatedRun, representation: str, settings: LinearSettings) -> LinearClassifier:
    """Return the classifier of a run's own classes, learnt from its training images; fitted once a job."""
    known = _learnt.setdefault(run, {})
    key = f"{representation} {settings}"
    if key not in known:
        features, labels = read_class_views(run, "train", representation)
        purpose = (run.seed, "classes", representation)
        known[key] = fit_linear(features, labels, run.classes, settings, run.device, *purpose)
    return known[key]


def read_class_views(run: EvaluatedRun, split: str, representation: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings (n, D) of all views of a split that classes are read of, and their classes (n,)."""
    views = run.class_views
    values = run.read(split, representation)[:, views.start : views.stop]
    return values.reshape(-1, values.shape[-1]), np.repeat(run.read(split, "labels"), len(views))
