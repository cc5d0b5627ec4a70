"""What every kind of views offers, and how stored images become inputs of networks.

To add a kind, add a module here whose `VIEWS` is a subclass of `Views`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import NoSettings
from workflow_scripts.support.transfer import to_device

NO_ATTRIBUTES: dict[str, np.ndarray] = {}  # of images


class Views:
    """Views of the n objects of one split.

    labels: (n,) int64, of `classes` classes. attributes: further targets (n,) int64 of the objects, by name.
    views: number of the fixed ones of an object, for evaluation; class_views and pair_views are those of which classes,
    and actions between two, are read.
    """

    Settings: ClassVar[type] = NoSettings
    # Planning reads these. reads_rows: whether they are of a table, else of images; None = of either. needs_poses:
    # whether it reads the rotation and color that images were drawn with. sharable: of how many groups together a view
    # can copy the parameters from another one, None = of all.
    reads_rows: ClassVar[bool | None] = False
    needs_poses: ClassVar[bool] = False
    sharable: ClassVar[int | None] = None
    space: ActionSpace
    labels: np.ndarray
    classes: int
    attributes: dict[str, np.ndarray]
    views: int
    class_views: range
    pair_views: range

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return views of each of `objects` (N,), positions in this split, drawn for `purpose`.

        sharing: for each view, the groups whose parameters it copies from the first. Raises `UserError` for views that
        this kind cannot make.
        """
        raise NotImplementedError

    def gather(self, objects: np.ndarray, chosen: np.ndarray) -> Batch:
        """Return the stored views `chosen` (K, N) of each of `objects` (N,), positions in this split.

        Raises `UserError` for a kind whose views are made, so that none is there to be chosen.
        """
        raise UserError(
            "views of this data set are made anew, so that stored ones cannot be chosen; "
            "draw them anew, too (contexts.draw: seeded), or take a data set whose views are stored"
        )

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs (n, V, ...) and states (n, V, A) of `size` objects at a time, in order: the same every time."""
        raise NotImplementedError


def check_sharing(sharing: Sharing, groups: Collection[str]) -> None:
    """Raise `UserError` where a view is to share a group that there is not."""
    if unknown := set().union(*sharing) - set(groups):
        have = f"has {', '.join(groups)}" if groups else "has none"
        raise UserError(f"a view is to share the group {min(unknown)!r}, but this data set {have}")


def draw_different(views: int, wanted: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Draw `wanted` different numbers below `views` for each of `count` objects: (wanted, count)."""
    if wanted > views:
        raise UserError(f"the method needs {wanted} views of an object, but only {views} are stored")
    first = random.integers(views, size=count)
    offsets: list[np.ndarray] = []  # from the first view, all different and not 0
    for taken in range(1, wanted):
        offset = random.integers(1, views - taken + 1, size=count)
        # The r-th of what is left: one more for each smaller number that is taken.
        for other in np.sort(np.array(offsets).reshape(-1, count), axis=0):
            offset = offset + (offset >= other)
        offsets.append(offset)
    return np.stack([first, *((first + offset) % views for offset in offsets)])


class ImageInputs:
    """Move uint8 images (..., H, W, 3) to a device as normalised float images (..., 3, H, W)."""

    def __init__(self, meta: dict[str, Any], device: torch.device) -> None:
        self.device = device
        self.mean = torch.tensor(meta["mean"], device=device).view(3, 1, 1)
        self.std = torch.tensor(meta["std"], device=device).view(3, 1, 1)

    def upload(self, images: np.ndarray) -> Tensor:
        """Return floats in [0, 1], (..., 3, H, W), in channels-last memory."""
        tensor = to_device(torch.from_numpy(np.ascontiguousarray(images)), self.device)
        return tensor.movedim(-1, -3).float().div_(255)

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise images that nobody else holds, in place."""
        # Spread over one image, in the memory order of the images: three numbers broadcast over channels-last memory
        # take a CPU many times as long, since it then works on three elements at a time.
        one = images[(0,) * (images.dim() - 3)]
        mean, std = (torch.empty_like(one).copy_(value) for value in (self.mean, self.std))
        return images.sub_(mean).div_(std)
