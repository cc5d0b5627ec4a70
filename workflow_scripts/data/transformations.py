"""Named discrete transformations of images, which methods apply themselves, and held-out images to watch them on.

A network can learn by telling which value of a transformation an image was changed by (Wang et al. 2024, section 3).
Methods draw the values themselves, so that they may also share them between some images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.data.batch import Batch
from workflow_scripts.support.transfer import to_device


@dataclass(frozen=True)
class TransformationSpace(ActionSpace):
    """Groups that are transformations of images, each with `values` of which 0 is the identity.

    transformations: by group. Parameters of one are (count, P) floats: its value in column 0, then what is drawn beside
    it and is no part of the value, such as the strength of a blur.
    """

    transformations: dict[str, Augmentation] = field(default_factory=dict)

    def draw(self, group: str, count: int, generator: torch.Generator) -> Tensor:
        """Draw parameters (count, P) of a group's transformation, on the generator's device; all values alike."""
        parameters = self.transformations[group].draw(count, generator)
        # A transformation that is applied or not has a probability of its own, which is not to count here.
        values = torch.randint(self.values[group], (count,), generator=generator, device=generator.device)
        return torch.cat([values.to(parameters.dtype)[:, None], parameters[:, 1:]], dim=1)

    def apply(self, group: str, images: Tensor, parameters: Tensor) -> Tensor:
        """Transform images (B, 3, H, W) in [0, 1] by parameters (B, P), of any device; pixels stay in full precision.

        The images themselves are left as they are.
        """
        if parameters.device != images.device:
            parameters = to_device(parameters, images.device)
        with torch.autocast(images.device.type, enabled=False):
            return self.transformations[group].apply(images, parameters)


class HeldOut:
    """Clean images that a method is not trained on, to measure it on while it trains.

    stored: (N, V, H, W, 3) uint8, of which the first view of `objects` (n,) is meant. labels: (n,) int64, on the CPU.
    upload: makes float images (b, 3, H, W) in [0, 1], on the device, of stored ones (b, H, W, 3).
    """

    def __init__(
        self, stored: np.ndarray, objects: np.ndarray, labels: np.ndarray, upload: Callable[[np.ndarray], Tensor]
    ) -> None:
        self.labels = torch.from_numpy(np.ascontiguousarray(labels))
        self._stored, self._objects, self._upload = stored, objects, upload

    def __len__(self) -> int:
        return len(self._objects)

    def iterate(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (b, 3, H, W) in [0, 1] and their labels (b,), both on the device, at most `size` at a time."""
        for start in range(0, len(self), size):
            images = self._upload(self._stored[self._objects[start : start + size], 0])
            yield images, to_device(self.labels[start : start + size], images.device)


@dataclass
class WatchableBatch(Batch):
    """A batch that comes with held-out images."""

    held_out: HeldOut
