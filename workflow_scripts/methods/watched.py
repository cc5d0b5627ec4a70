"""Methods that measure themselves while they learn: one encoder, an online class probe and a learning curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from workflow_scripts.data.batch import Batch
from workflow_scripts.data.transformations import HeldOut, TransformationSpace, WatchableBatch
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import Count, Divides

SIZE = 500  # held-out images at a time; always the same, since kernels may round by it

# Steps between two points of a learning curve.
Interval = Annotated[Count, Divides("training.steps", "the end of training is a point")]


class WatchedMethod(Method):
    """A method with one view, a linear class probe on its features, `classifier`, and a learning curve.

    A point of the curve is measured after every `measure_every` steps, a field that its settings have. A point needs a
    whole interval. Steps after the last one have none; plans refuse a `measure_every` that does not divide the number
    of steps, so that the end of training is a point. Points and the interval under way are in the method's state, so
    they are in every checkpoint and in the weights: a resumed training ends with the curve of an unbroken one.

    averaged: measures that `loss` adds up by `watch` and that a point gives as their mean over the steps since the last
    one, in training mode. measured: by `measure`, at the point itself, on held-out images.
    """

    views = 1
    transforms: ClassVar[bool] = True  # images itself, so it takes views that are `transformable`; planning reads it
    averaged: ClassVar[tuple[str, ...]] = ()
    measured: ClassVar[tuple[str, ...]] = ("top1",)
    sums: Tensor
    space: TransformationSpace

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        if not isinstance(task.space, TransformationSpace):
            raise UserError(
                "this method transforms images itself and tests them as it learns: it takes data sets whose views.kind "
                "is transformable"
            )
        self.classifier = nn.Linear(encoder.dim, task.classes)
        self._points = torch.empty(0, 1 + len(self.averaged) + len(self.measured), dtype=torch.float64)
        self._step = 0
        # float64: the sum of an interval loses no digit that its mean shows.
        self.register_buffer("sums", torch.zeros(len(self.averaged), dtype=torch.float64), persistent=False)
        self._held_out: HeldOut | None = None

    @property
    def curves(self) -> dict[str, Tensor]:
        """Return the learning curve: "step" and one entry a measure, each (points,) float64; accuracies in percent."""
        names = ("step", *self.averaged, *self.measured)
        return dict(zip(names, self._points.unbind(dim=1), strict=True))

    def watch(self, batch: Batch, **values: Tensor) -> None:
        """Take in one step: its batch, whose held-out images a point is measured on, and the `averaged` values."""
        assert isinstance(batch, WatchableBatch)
        self._held_out = batch.held_out
        if self.averaged:
            self.sums += torch.stack([values[name].detach().double() for name in self.averaged])

    def after_step(self) -> None:
        """Count the step; after the last one of an interval, measure a point of the curve."""
        self._step += 1
        every = self.settings.measure_every
        if self._step % every == 0 and self._held_out is not None:
            measured = self._measure_held_out(self._held_out)
            point = [self._step, *(self.sums / every).tolist(), *(measured[name] for name in self.measured)]
            self._points = torch.cat([self._points, torch.tensor([point], dtype=torch.float64)])
            self.sums.zero_()

    def _measure_held_out(self, held_out: HeldOut) -> dict[str, float]:
        """Return what `measure` does, in evaluation mode and the precision of a training."""
        training, device = self.training, self.classifier.weight.device
        self.eval()
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            found = self.measure(held_out)
        self.train(training)
        return found

    def measure(self, held_out: HeldOut) -> dict[str, float]:
        """Return the `measured` of held-out images: top1, the class probe's accuracy [percent] on the clean images."""
        pairs = ((self.logits(self.encoder(images)), labels) for images, labels in held_out.iterate(SIZE))
        return {"top1": mean_accuracy(pairs)}

    def logits(self, features: Tensor) -> Tensor:
        """Return the class logits (N, classes) of features (N, D), by the online probe."""
        scores: Tensor = self.classifier(features)
        return scores

    def get_extra_state(self) -> Tensor:
        """Return the points of the curve, a row each, and in a last row the step and the sums of the interval."""
        now = torch.zeros(1, self._points.shape[1], dtype=torch.float64)
        now[0, 0] = self._step
        now[0, 1 : 1 + len(self.averaged)] = self.sums.cpu()
        return torch.cat([self._points, now])

    def set_extra_state(self, state: Tensor) -> None:
        """Take on what `get_extra_state` returned, on whichever device it is."""
        state = state.detach().cpu().clone()
        self._points, now = state[:-1], state[-1]
        self._step = int(now[0])
        self.sums.copy_(now[1 : 1 + len(self.averaged)])


def mean_accuracy(pairs: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Return the accuracy [percent] over batches of (scores (b, K), labels (b,)), each batch once."""
    correct, count = torch.zeros(()), 0
    for scores, labels in pairs:
        correct = correct.to(scores.device) + (scores.argmax(dim=1) == labels.to(scores.device)).sum()
        count += len(labels)
    return 100 * float(correct) / count


def accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the accuracy [percent] of scores (N, K) of labels (N,), as a scalar on their device."""
    return 100 * (scores.argmax(dim=1) == labels).double().mean()
