"""Transformable views: one stored image an object, and the discrete transformations that methods may apply to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation, make_augmentation
from workflow_scripts.data.batch import INDEPENDENT, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.transformations import HeldOut, TransformationSpace, WatchableBatch
from workflow_scripts.data.views import augmented
from workflow_scripts.data.views.base import NO_ATTRIBUTES, ImageInputs, Views, check_sharing
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import Count, KindOf


@dataclass(frozen=True)
class Settings:
    """augmentations: base augmentations, in the order of their application, each {kind, and its own settings}.

    groups: named transformations that methods apply after those, each {kind, and its own settings}; the kind is one
    with separate values, of which 0 is the identity. Default: none of either.
    held_out: at most so many test images are watched in training; null: all, as in the paper (Wang et al. 2024).
    """

    augmentations: tuple[Annotated[dict[str, Any], KindOf("augmentations")], ...] = ()
    groups: dict[str, Annotated[dict[str, Any], KindOf("augmentations")]] = field(default_factory=dict)
    held_out: Count | None = None


class TransformableViews(Views):
    """Each view applies the base augmentations, drawn independently, and none of the transformations.

    So every state is 0, the identity of each group. Pixels stay in [0, 1]. The one fixed view is the image itself.
    Batches carry the clean images of the official test split, drawn evenly where only some are watched.
    """

    Settings = Settings
    transformable: ClassVar[bool] = True  # by methods: states are the identity, actions tell nothing; plans read it

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        if grouped := [entry for entry in settings.augmentations if entry.get("group")]:
            raise UserError(
                f"views.augmentations has a group, {grouped[0]['group']!r}, but those of transformable views act on "
                "every view; leave `group` out, or name the transformation in views.groups"
            )
        base = augmented.Settings(tuple(settings.augmentations), normalise=False)
        self._base = augmented.AugmentedViews(packed, objects, base, device)
        self.space: TransformationSpace = make_transformation_space(settings.groups, packed.meta["resolution"])
        self.objects, self.labels, self.classes = objects, self._base.labels, self._base.classes
        self.attributes = NO_ATTRIBUTES
        self.views, self.class_views, self.pair_views = 1, range(1), range(1)
        self._stored, self._inputs = packed.inputs, ImageInputs(packed.meta, device)
        watched = packed.indices("test", 0, 0)
        if not len(watched):
            raise UserError(f"{packed.folder} has no test images, which training is watched on; pack data that have")
        if settings.held_out and settings.held_out < len(watched):
            order = numpy_generator("held-out images").permutation(len(watched))
            watched = np.sort(watched[order[: settings.held_out]])
        self._held_out = HeldOut(packed.inputs, watched, np.asarray(packed.labels[watched]), self._inputs.upload)

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> WatchableBatch:
        """Return views of each of `objects` (N,); whatever they share, all are at the identity of every group."""
        check_sharing(sharing, self.space.groups)
        batch = self._base.sample(objects, (INDEPENDENT,) * len(sharing), *purpose)
        states = batch.views.new_zeros(len(sharing), len(objects), self.space.dim)
        return WatchableBatch(batch.views, states, batch.labels, self.space, self._held_out)

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the image itself."""
        for start in range(0, len(self), size):
            images = self._inputs.upload(self._stored[self.objects[start : start + size], 0])
            yield images[:, None], torch.zeros(len(images), 1, self.space.dim)


def make_transformation_space(groups: dict[str, dict[str, Any]], side: int) -> TransformationSpace:
    """Return the space of named transformations, each {kind, ...}, of images of a side [pixels].

    Raises `UserError` for a kind that has no separate values.
    """
    transformations = {group: _make_transformation(group, entry, side) for group, entry in groups.items()}
    space = augmented.make_space(list(transformations.values()), list(transformations))
    return TransformationSpace(space.groups, space.relate, space.values, transformations)


def _make_transformation(group: str, entry: dict[str, Any], side: int) -> Augmentation:
    """Return the transformation of a group of its settings."""
    if "kind" not in entry or entry.get("group"):
        problem = "has no kind" if "kind" not in entry else "has a `group`, but its name is the group"
        raise UserError(f"views.groups.{group} {problem}; write {group}: {{kind: <augmentation>, ...}}")
    own = {key: value for key, value in entry.items() if key not in ("kind", "group")}
    transformation = make_augmentation(entry["kind"], own, side)
    if transformation.values < 2:
        raise UserError(
            f"views.groups.{group} is of the kind {entry['kind']!r}, which has no separate values to be told apart; "
            "choose one that has, such as rotation"
        )
    return transformation


VIEWS = TransformableViews
