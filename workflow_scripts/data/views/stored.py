"""Stored views: several stored images an object, of which the latents are known (3DIEBench)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import MinLen
from torch import Tensor

from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.latents import ViewActions
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.views.base import NO_ATTRIBUTES, ImageInputs, Views, draw_different
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import Unique
from workflow_scripts.support.transfer import to_device


@dataclass(frozen=True)
class Settings:
    """groups: of "rotation" and "color", those that states and actions describe, in this order.

    canonical_quaternions: bring every quaternion to w >= 0. hue: "linear" or "circular"; see `ViewActions`.
    Defaults: the released code of ContextSSL (Gupta et al. 2024).
    """

    groups: Annotated[tuple[Literal["rotation", "color"], ...], MinLen(1), Unique()] = ("rotation", "color")
    canonical_quaternions: bool = False
    hue: Literal["linear", "circular"] = "linear"


class StoredViews(Views):
    """The views of an object are different stored images of it, drawn at random."""

    Settings = Settings
    needs_poses = True
    sharable = 0  # what was stored cannot

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        actions = ViewActions(settings.canonical_quaternions, settings.hue, tuple(settings.groups))
        self.space = actions.space()
        self.objects = objects
        self.labels, self.classes = np.asarray(packed.labels[objects]), len(packed.meta["classes"])
        self.attributes = NO_ATTRIBUTES
        self.views = packed.inputs.shape[1]
        self.class_views = self.pair_views = range(self.views)
        self._images = packed.inputs
        self._states = actions.states(packed.latents[objects])
        self._inputs = ImageInputs(packed.meta, device)

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return different stored views of each of `objects` (N,); they cannot share what was stored."""
        if any(sharing):
            raise UserError(
                "views of this data set are stored, so that none can share a group's parameters with another; "
                "choose a data set whose views are made (views.kind: augmented or tabular), or another method"
            )
        return self.gather(
            objects, draw_different(self.views, len(sharing), len(objects), numpy_generator(*purpose, "views"))
        )

    def gather(self, objects: np.ndarray, chosen: np.ndarray) -> Batch:
        """Return the chosen stored views; see `Views.gather`."""
        images = self._images[np.tile(self.objects[objects], len(chosen)), chosen.ravel()]
        images = self._inputs.normalise(self._inputs.upload(images))
        states = self._states[torch.from_numpy(objects)[None], torch.from_numpy(chosen)]
        device, labels = self._inputs.device, torch.from_numpy(self.labels[objects])
        views = images.unflatten(0, chosen.shape)
        return Batch(views, to_device(states, device), to_device(labels, device), self.space)

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every stored view."""
        for start in range(0, len(self), size):
            images = self._inputs.upload(self._images[self.objects[start : start + size]])
            yield self._inputs.normalise(images), self._states[start : start + size]


VIEWS = StoredViews
