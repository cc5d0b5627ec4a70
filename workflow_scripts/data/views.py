"""Views of objects: what pretraining and evaluation see of a data set.

Three kinds: `StoredViews`, several stored images an object with known latents (3DIEBench),
`AugmentedViews`, one stored image of which views are made by augmentations with known parameters
(CIFAR-10), and `TabularViews`, one row of a table of which views are made by drawing a sensitive
feature afresh (UCI Adult, MIMIC-III). All give batches of training pairs and, for evaluation, a fixed set of views.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace, difference, make_view_actions
from workflow_scripts.data.augment import AUGMENTATIONS, Augmentation
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator, torch_generator
from workflow_scripts.support.transfer import to_device

NO_ATTRIBUTES: dict[str, np.ndarray] = {}  # of images


@dataclass
class Pairs:
    """A batch of N pairs of views, on the training device.

    inputs: (2, N, 3, H, W) images or (2, N, F) rows, float, normalised; the first views, then the second views.
    action: (N, A), takes the first view to the second. state: (N, A), of the second view.
    label: (N,) int64, the object's class; for the supervised control only.
    """

    inputs: Tensor
    action: Tensor
    state: Tensor
    label: Tensor


class Views(Protocol):
    """Views of the objects of one split. attributes: further targets (n,) int64 of the objects, by name."""

    space: ActionSpace
    labels: np.ndarray
    attributes: dict[str, np.ndarray]
    views: int
    class_views: range
    pair_views: range

    def __len__(self) -> int: ...

    def pairs(self, objects: np.ndarray, *purpose: int | str) -> Pairs:
        """Return one random pair of different views of each given object, drawn for `purpose`."""

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs (n, V, ...) and states (n, V, A) of `size` objects at a time, in order."""


class _Normaliser:
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


class StoredViews:
    """Stored images with latents: a pair is two different views of an object, drawn at random."""

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: dict[str, Any], device: torch.device):
        actions = make_view_actions(settings)
        self.space = actions.space()
        self.objects = objects
        self.labels, self.attributes = np.asarray(packed.labels[objects]), NO_ATTRIBUTES
        self.views = packed.inputs.shape[1]
        self.class_views = self.pair_views = range(self.views)
        self._images = packed.inputs
        self._states = actions.states(packed.latents[objects])
        self._normaliser = _Normaliser(packed.meta, device)

    def __len__(self) -> int:
        return len(self.objects)

    def pairs(self, objects: np.ndarray, *purpose: int | str) -> Pairs:
        """Return one pair of different views of each of `objects` (N,), positions in this split."""
        random = numpy_generator(*purpose, "views")
        first = random.integers(self.views, size=len(objects))
        second = (first + random.integers(1, self.views, size=len(objects))) % self.views
        stored = self.objects[objects]
        images = self._images[np.concatenate([stored, stored]), np.concatenate([first, second])]
        images = self._normaliser.normalise(self._normaliser.upload(images))
        states = self._states[torch.from_numpy(objects)]
        rows = torch.arange(len(objects))
        state1, state2 = states[rows, torch.from_numpy(first)], states[rows, torch.from_numpy(second)]
        device = self._normaliser.device
        moved = (self.space.relate(state1, state2), state2, torch.from_numpy(self.labels[objects]))
        return Pairs(images.unflatten(0, (2, -1)), *(to_device(tensor, device) for tensor in moved))

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every stored view."""
        for start in range(0, len(self), size):
            images = self._normaliser.upload(self._images[self.objects[start : start + size]])
            yield self._normaliser.normalise(images), self._states[start : start + size]


class AugmentedViews:
    """One stored image an object; each view applies the given augmentations, in order.

    The state of a view is the vector of its parameters, standardised over what the augmentations draw; the action is
    the difference of two states. Their own units, pixels beside shares of a side or of a turn, would let one group
    outweigh the others in every loss on actions and in the pooled R2, for no reason but the choice of unit.
    The fixed views for evaluation are the image itself and `evaluation_views` augmented ones.
    """

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: dict[str, Any], device: torch.device):
        self.augmentations: dict[str, Augmentation] = {
            name: _make_augmentation(name, packed.meta["resolution"]) for name in settings["groups"]
        }
        stops = np.cumsum([a.dim for a in self.augmentations.values()])
        groups = {n: slice(stop - a.dim, stop) for (n, a), stop in zip(self.augmentations.items(), stops, strict=True)}
        self.space = ActionSpace({n: slice(int(s.start), int(s.stop)) for n, s in groups.items()}, difference)
        self.objects = objects
        self.labels, self.attributes = np.asarray(packed.labels[objects]), NO_ATTRIBUTES
        self.views = 1 + settings["evaluation_views"]
        self.class_views, self.pair_views = range(1), range(1, self.views)
        self._images = packed.inputs
        self._split = f"{int(objects[0])}-{len(objects)}"
        self._normaliser = _Normaliser(packed.meta, device)
        # Always the same draw: the units of states are the same for every split and seed.
        self._std, self._mean = torch.std_mean(self._draw(2**16, "units of states"), dim=0)

    def __len__(self) -> int:
        return len(self.objects)

    def _augment(self, images: Tensor, parameters: Tensor) -> Tensor:
        for name, augmentation in self.augmentations.items():
            images = augmentation.apply(images, parameters[:, self.space.groups[name]])
        return self._normaliser.normalise(images)

    def _draw(self, count: int, *purpose: int | str) -> Tensor:
        # Drawn on the CPU, so that a GPU and a CPU see the same views.
        generator = torch_generator(*purpose, "augmentations")
        return torch.cat([a.draw(count, generator) for a in self.augmentations.values()], dim=1)

    def _standardise(self, parameters: Tensor) -> Tensor:
        """Return the states (..., A) of views with these parameters (..., A)."""
        return (parameters - self._mean) / self._std

    def pairs(self, objects: np.ndarray, *purpose: int | str) -> Pairs:
        """Return two views of each of `objects` (N,), with independently drawn parameters."""
        device = self._normaliser.device
        parameters = self._draw(2 * len(objects), *purpose)
        images = self._normaliser.upload(self._images[self.objects[objects], 0])
        images = self._augment(torch.cat([images, images]), to_device(parameters, device))
        first, second = to_device(self._standardise(parameters), device).unflatten(0, (2, -1))
        label = to_device(torch.from_numpy(self.labels[objects]), device)
        return Pairs(images.unflatten(0, (2, -1)), self.space.relate(first, second), second, label)

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the image itself (view 0) and the augmented views, the same at every call."""
        for start in range(0, len(self), size):
            chosen = self.objects[start : start + size]
            images = self._normaliser.upload(self._images[chosen, 0])
            clean = torch.cat([a.identity(len(chosen)) for a in self.augmentations.values()], dim=1)
            drawn = [self._draw(len(chosen), "fixed views", self._split, start, v) for v in self.pair_views]
            parameters = torch.stack([clean, *drawn], dim=1)
            device_parameters = parameters.to(images.device).flatten(0, 1)
            views = self._augment(images.repeat_interleave(self.views, dim=0), device_parameters)
            yield views.unflatten(0, (len(chosen), self.views)), self._standardise(parameters)


def _make_augmentation(name: str, side: int) -> Augmentation:
    """Return an augmentation by name; one that depends on the side of the images [pixels] is made for it."""
    if name not in AUGMENTATIONS:
        raise UserError(f"there is no augmentation {name!r}; choose from {', '.join(AUGMENTATIONS)}")
    kind = AUGMENTATIONS[name]
    sized = any(field.name == "side" for field in dataclasses.fields(kind))
    augmentation: Augmentation = kind(side=side) if sized else kind()
    return augmentation


class TabularViews:
    """Rows of a table. The first view is the row itself; in the second, the sensitive feature is drawn afresh.

    The group is the sensitive feature: its code is the state, its change (-1, 0, 1) the action. Its new category is
    drawn evenly, and each other feature is, with probability `replaced_share`, that of another row of the split (ours;
    the paper does not say). With `sensitive_hidden` no view shows the sensitive feature. The one fixed view for
    evaluation is the row itself.
    """

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: dict[str, Any], device: torch.device):
        (group,) = settings["groups"]
        columns, names = packed.meta["columns"], [column["name"] for column in packed.meta["columns"]]
        if group not in packed.meta["latents"] or group not in names:
            raise UserError(f"{packed.folder} has no sensitive column {group!r}; it has {packed.meta['latents'][:1]}")
        if (count := len(columns[names.index(group)]["categories"])) != 2:
            raise UserError(f"{packed.folder}: {group} has {count} categories; a sensitive column must have two")
        actions = settings["actions"]
        self.space = ActionSpace({group: slice(0, 1)}, difference)
        self.labels = np.asarray(packed.labels[objects])
        codes = np.asarray(packed.latents[objects, 0]).astype(np.int64)
        self.attributes = {name: codes[:, i] for i, name in enumerate(packed.meta["latents"])}
        self.views = 1
        self.class_views = self.pair_views = range(1)
        self._rows = np.asarray(packed.inputs[objects, 0])
        self._states = torch.from_numpy(self.attributes[group]).float()[:, None]
        self._sensitive = names.index(group)
        self._replaced_share = actions["replaced_share"]
        self._encode = RowEncoder(columns, [group] if actions.get("sensitive_hidden") else [])
        self._device = device

    def __len__(self) -> int:
        return len(self.labels)

    def pairs(self, objects: np.ndarray, *purpose: int | str) -> Pairs:
        """Return each of the rows `objects` (N,), positions in this split, and its second view."""
        random = numpy_generator(*purpose, "rows")
        first = self._rows[objects]
        others = self._rows[random.integers(len(self), size=len(objects))]
        second = np.where(random.random(first.shape) < self._replaced_share, others, first)
        drawn = random.integers(2, size=len(objects))
        second[:, self._sensitive] = drawn
        state1, state2 = self._states[objects], torch.from_numpy(drawn).float()[:, None]
        inputs = self._encode(torch.from_numpy(np.stack([first, second])))
        moved = (inputs, self.space.relate(state1, state2), state2, torch.from_numpy(self.labels[objects]))
        return Pairs(*(to_device(tensor, self._device) for tensor in moved))

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every row as its only view."""
        for start in range(0, len(self), size):
            rows = torch.from_numpy(self._rows[start : start + size, None])
            yield self._encode(rows).to(self._device), self._states[start : start + size, None]


ViewKind = type[StoredViews] | type[AugmentedViews] | type[TabularViews]
VIEW_KINDS: dict[str, ViewKind] = {"stored": StoredViews, "augmented": AugmentedViews, "tabular": TabularViews}


def open_views(folder: Path, settings: dict[str, Any], split: str, device: torch.device) -> Views:
    """Open one split ("train", "val" or "test") of a packed data set under a data set's settings."""
    packed = PackedDataset(folder)
    holdout = settings["holdout"]
    objects = packed.indices(split, holdout["share"], holdout["seed"])
    if len(objects) == 0:
        raise UserError(f"{folder} has no objects in its {split} split; raise datasets.<name>.holdout.share")
    return VIEW_KINDS[settings["views"]](packed, objects, settings, device)
