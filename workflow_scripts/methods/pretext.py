"""Pretext prediction: tell which value of a discrete transformation was applied to an image.

Rotation prediction is Gidaris et al. 2018; this form of it, with an online class probe, and its variants with and
without class information are those of Wang et al. 2024 (section 3 and appendix B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.data.transformations import HeldOut
from workflow_scripts.methods.base import Loss, Task
from workflow_scripts.methods.watched import SIZE, Interval, WatchedMethod, accuracy, mean_accuracy
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.support.settings import NegativeWith, Width
from workflow_scripts.support.transfer import to_device


@dataclass(frozen=True)
class Settings:
    """measure_every: steps between two points of the learning curve, an epoch of 97 in the paper. hidden: width of the
    head. Defaults: Wang et al. (2024).

    class_loss: what the loss of the linear class probe does to the encoder. "detached": nothing, the probe
    alone minimises `class_weight` times it. "joint": the encoder minimises that, too; with a negative weight neither
    does, both make the loss larger. "adversarial" (ours): the probe minimises it while the encoder makes `class_weight`
    times it larger. Where a loss is made larger it counts up to the logarithm of the number of classes, what guessing
    costs: beyond that it would have no bound.
    """

    measure_every: Interval = 97
    hidden: Width = 2048
    class_loss: Literal["detached", "joint", "adversarial"] = "detached"
    class_weight: Annotated[float, NegativeWith("class_loss", "joint")] = 1.0


class PretextPrediction(WatchedMethod):
    """Cross-entropy of the value that was applied, plus a loss of the class. The class probe, too, learns on
    transformed images; it is tested on clean ones.
    """

    Settings = Settings
    needs_group = True
    averaged = ("train_loss", "train_accuracy")
    measured = ("accuracy", "top1")

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        if settings.class_weight < 0 and settings.class_loss != "joint":
            raise UserError(
                f"class_weight is {settings.class_weight}, but below 0 it goes with class_loss joint only; for an "
                "encoder that unlearns the class take class_loss adversarial and a weight above 0"
            )
        values = self.space.values[group]
        self.head = nn.Sequential(
            nn.Linear(encoder.dim, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, values)
        )

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the losses of the value and of the class. Watched: both accuracies [percent]."""
        images = batch.views[0]
        parameters = to_device(self.draw(len(images), generator), images.device)
        features = self.encoder(self.space.apply(self.group, images, parameters))
        return self.compare(batch, features, parameters[:, 0].long(), batch.labels)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the transformations (count, P) of as many images."""
        return self.space.draw(self.group, count, generator)

    def compare(self, batch: Batch, features: Tensor, values: Tensor, labels: Tensor) -> Loss:
        """Return the losses of features (M, D) with the values (M,) that were applied and the classes (M,)."""
        scores = self.head(features).float()
        # Only the joint loss of the class reaches the encoder by way of the probe.
        classes = self.logits(features if self.settings.class_loss == "joint" else features.detach()).float()
        pretext, right = F.cross_entropy(scores, values), accuracy(scores, values)
        self.watch(batch, train_loss=pretext, train_accuracy=right)
        watched = {"pretext accuracy": right, "class accuracy": accuracy(classes, labels)}
        return Loss({"pretext": pretext, **self._class_losses(features, classes, labels)}, watched)

    def _class_losses(self, features: Tensor, classes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the parts of the loss that are about the class. classes: the probe's scores of the features."""
        weight, most = self.settings.class_weight, math.log(self.task.classes)
        loss = F.cross_entropy(classes, labels)
        if self.settings.class_loss == "adversarial":
            # The same scores, but the gradient passes the probe by: it learns, and the encoder alone works against it.
            own = F.linear(features, self.classifier.weight.detach(), self.classifier.bias.detach()).float()
            return {"class": loss, "adversary": -weight * F.cross_entropy(own, labels).clamp(max=most)}
        return {"class": weight * (loss.clamp(max=most) if weight < 0 else loss)}

    def measure(self, held_out: HeldOut) -> dict[str, float]:
        """Return top1, and the accuracy [percent] on transformed held-out images, at every point the same ones."""
        drawn = self.space.draw(self.group, len(held_out), torch_generator("held out", self.group))
        chunks = zip(held_out.iterate(SIZE), drawn.split(SIZE), strict=True)
        pairs = ((self._predict(images, parameters), parameters[:, 0].long()) for (images, _), parameters in chunks)
        return {"accuracy": mean_accuracy(pairs), **super().measure(held_out)}

    def _predict(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Return the scores (N, values) of images (N, 3, H, W) transformed by parameters (N, P)."""
        scores: Tensor = self.head(self.encoder(self.space.apply(self.group, images, parameters)))
        return scores


METHOD = PretextPrediction
