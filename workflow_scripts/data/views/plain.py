"""Plain views: the stored images, or rows, as they are, or changed alike: for evaluations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.data.views.base import NO_ATTRIBUTES, ImageInputs, Views, check_sharing, draw_different
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.transfer import to_device


class PlainViews(Views):
    """Stored views without groups: states and actions have no entries.

    change: what is done to images (B, 3, H, W) in [0, 1] before they are normalised, if anything: by who looks at them
    turned or corrupted.
    """

    reads_rows = None
    change: Callable[[Tensor], Tensor] | None = None

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        self.space = ActionSpace({}, difference)
        self.objects = objects
        self.labels, self.classes = np.asarray(packed.labels[objects]), len(packed.meta["classes"])
        self.attributes = NO_ATTRIBUTES
        self.views = packed.inputs.shape[1]
        self.class_views = self.pair_views = range(self.views)
        self._stored, self._device = packed.inputs, device
        self._encode = RowEncoder(packed.meta["columns"]) if packed.meta["columns"] else None
        self._images = None if self._encode else ImageInputs(packed.meta, device)

    def _read(self, stored: np.ndarray) -> Tensor:
        """Return inputs of networks of stored images (..., H, W, 3) or rows (..., C)."""
        if self._encode:
            return to_device(self._encode(torch.from_numpy(np.ascontiguousarray(stored))), self._device)
        assert self._images is not None
        images = self._images.upload(stored)
        if self.change:
            images = self.change(images.flatten(0, -4)).unflatten(0, images.shape[:-3])
        return self._images.normalise(images)

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return different stored views of each of `objects` (N,)."""
        check_sharing(sharing, self.space.groups)
        chosen = draw_different(self.views, len(sharing), len(objects), numpy_generator(*purpose, "views"))
        views = self._read(self._stored[self.objects[objects][None], chosen])
        labels = to_device(torch.from_numpy(self.labels[objects]), self._device)
        return Batch(views, torch.zeros(*chosen.shape, 0, device=self._device), labels, self.space)

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every stored view."""
        for start in range(0, len(self), size):
            inputs = self._read(self._stored[self.objects[start : start + size]])
            yield inputs, torch.zeros(*inputs.shape[:2], 0)


VIEWS = PlainViews
