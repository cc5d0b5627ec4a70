"""Augmented views: one stored image an object, of which views are made by augmentations with known parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Le
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.data.augmentations.base import Augmentation, make_augmentation
from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.views.base import NO_ATTRIBUTES, ImageInputs, Views, check_sharing
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import torch_generator
from workflow_scripts.support.settings import Count, KindOf, Unique
from workflow_scripts.support.transfer import to_device

BLOCK = 1024  # objects whose fixed views are drawn together: by their place in the data set, not in a split


@dataclass(frozen=True)
class Settings:
    """augmentations: in the order of their application, each {kind, group, and the kind's own settings}.

    Those of a `group` are described by the states; those without are base augmentations, which act on every view.
    evaluation_views: how many augmented views of each image an evaluation sees, beside the image itself.
    distinct: discrete groups of which no view has the value of the first, where it does not share them.
    normalise: by the data's mean and deviation; else pixels stay in [0, 1].
    """

    augmentations: tuple[Annotated[dict[str, Any], KindOf("augmentations")], ...] = ()
    evaluation_views: Annotated[Count, Le(100)] = 2
    distinct: Annotated[list[str], Unique()] = field(default_factory=list)
    normalise: bool = True


class AugmentedViews(Views):
    """Each view applies all augmentations, in order.

    The state of a view is the vector of its groups' parameters, standardised over what the augmentations draw; the
    action is the difference of two states. Their own units, pixels beside shares of a side or of a turn, would let one
    group outweigh the others in every loss on actions and in the pooled R2, for no reason but the choice of unit. A
    group of one discrete augmentation is not standardised; its action is the difference modulo its number of values.
    """

    Settings = Settings

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        self._augmentations, owners = _make_augmentations(settings.augmentations, packed.meta["resolution"])
        self._columns = list_columns(self._augmentations, owners)  # of each group, to be shared
        self._described = [c for own in list_columns(self._augmentations, owners, True).values() for c in own]
        self.space = make_space(self._augmentations, owners)
        self._distinct = check_distinct(settings.distinct, self.space)
        self._normalise = settings.normalise
        self.objects = objects
        self.labels, self.classes = np.asarray(packed.labels[objects]), len(packed.meta["classes"])
        self.attributes = NO_ATTRIBUTES
        self.views = 1 + settings.evaluation_views
        self.class_views, self.pair_views = range(1), range(1, self.views)
        self._images = packed.inputs
        self._inputs = ImageInputs(packed.meta, device)
        # Always the same draw: the units of states are the same for every split and seed.
        self._mean, self._std = torch.zeros(self.space.dim), torch.ones(self.space.dim)
        if self.space.groups.keys() - self.space.values.keys():
            drawn = self._draw(2**16, "units of states")[:, self._described]
            self._std, self._mean = torch.std_mean(drawn, dim=0)
            constant = (drawn == drawn[0]).all(dim=0)
            self._std[constant] = 1  # what never changes has no unit, and is 0 in every state
            check_changing(constant, self.space)
        for group in self.space.values:
            self._mean[self.space.groups[group]], self._std[self.space.groups[group]] = 0, 1

    def _augment(self, images: Tensor, parameters: Tensor) -> Tensor:
        """Apply all augmentations to images (B, 3, H, W) with parameters (B, P), and normalise."""
        widths = [augmentation.dim for augmentation in self._augmentations]
        for augmentation, own in zip(self._augmentations, parameters.split(widths, dim=1), strict=True):
            images = augmentation.apply(images, own)
        return self._inputs.normalise(images) if self._normalise else images

    def _draw(self, count: int, *purpose: int | str) -> Tensor:
        """Draw the parameters (count, P) of all augmentations."""
        # Drawn on the CPU, so that a GPU and a CPU see the same views.
        generator = torch_generator(*purpose, "augmentations")
        drawn = [augmentation.draw(count, generator) for augmentation in self._augmentations]
        return torch.cat([torch.zeros(count, 0), *drawn], dim=1)

    def _make_states(self, parameters: Tensor) -> Tensor:
        """Return the states (..., A) of views with these parameters (..., P)."""
        return (parameters[..., self._described] - self._mean) / self._std

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return views of each of `objects` (N,), with parameters that are drawn independently where not shared."""
        check_sharing(sharing, self.space.groups)
        device, shape = self._inputs.device, (len(sharing), len(objects))
        parameters = self._draw(shape[0] * shape[1], *purpose).unflatten(0, shape)
        for view, groups in enumerate(sharing):
            for column in (column for group in groups for column in self._columns[group]):
                parameters[view, :, column] = parameters[0, :, column]
            for group in self._distinct if view else ():
                if group not in groups:
                    self._make_distinct(parameters, view, group, *purpose)
        images = self._inputs.upload(self._images[self.objects[objects], 0])
        views = self._augment(torch.cat([images] * len(sharing)), to_device(parameters.flatten(0, 1), device))
        labels = to_device(torch.from_numpy(self.labels[objects]), device)
        return Batch(views.unflatten(0, shape), to_device(self._make_states(parameters), device), labels, self.space)

    def _make_distinct(self, parameters: Tensor, view: int, group: str, *purpose: int | str) -> None:
        """Draw the values of a discrete group of a view again, evenly among those that differ from the first view's."""
        values, column = self.space.values[group], self._columns[group][0]
        generator = torch_generator(*purpose, "distinct", group, view)
        steps = torch.randint(1, values, parameters.shape[1:2], generator=generator)
        parameters[view, :, column] = (parameters[0, :, column] + steps) % values

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the image itself (view 0) and the augmented views."""
        identities = [augmentation.identity(len(self)) for augmentation in self._augmentations]
        clean = torch.cat([torch.zeros(len(self), 0), *identities], dim=1)
        parameters = torch.stack([clean, *(self._draw_fixed(view) for view in self.pair_views)], dim=1)
        for chosen, own in zip(
            np.split(self.objects, range(size, len(self), size)), parameters.split(size), strict=True
        ):
            images = self._inputs.upload(self._images[chosen, 0]).repeat_interleave(self.views, dim=0)
            views = self._augment(images, own.to(images.device).flatten(0, 1))
            yield views.unflatten(0, (len(chosen), self.views)), self._make_states(own)

    def _draw_fixed(self, view: int) -> Tensor:
        """Return the parameters (n, P) of one fixed view: of its number and of the object in the data set alone."""
        blocks, position = np.unique(self.objects // BLOCK, return_inverse=True)
        drawn = torch.stack([self._draw(BLOCK, "fixed view", view, int(block)) for block in blocks])
        return drawn[torch.from_numpy(position), torch.from_numpy(self.objects % BLOCK)]


def _make_augmentations(entries: tuple[dict[str, Any], ...], side: int) -> tuple[list[Augmentation], list[str]]:
    """Return the augmentations of their settings, and the group of each, "" for a base one."""
    owners = [entry.get("group") or "" for entry in entries]
    own = [{key: value for key, value in entry.items() if key not in ("kind", "group")} for entry in entries]
    made = [make_augmentation(entry["kind"], given, side) for entry, given in zip(entries, own, strict=True)]
    return made, owners


def check_distinct(groups: Collection[str], space: ActionSpace) -> Collection[str]:
    """Return the groups whose values are to differ between views; one that is not discrete is a `UserError`."""
    if wrong := [group for group in groups if group not in space.values]:
        known = ", ".join(space.values) or "none"
        raise UserError(f"views.distinct names {wrong[0]!r}, which is no discrete group; there is {known}")
    return groups


def check_changing(constant: Tensor, space: ActionSpace) -> None:
    """Raise `UserError` for a group with a scale none of whose entries ever changes. constant: (A,) bool, of states."""
    for group, entries in space.groups.items():
        if group not in space.values and bool(constant[entries].all()):
            raise UserError(
                f"views.augmentations of the group {group!r} draw the same for every view, so that it has no actions; "
                "give them a strength and a probability above 0, or leave the `group` out"
            )


def list_columns(augmentations: list[Augmentation], owners: list[str], described: bool = False) -> dict[str, list[int]]:
    """Return by group its columns among the parameters of all augmentations; or those that states describe."""
    columns: dict[str, list[int]] = {}
    start = 0
    for augmentation, group in zip(augmentations, owners, strict=True):
        if group:
            stop = start + augmentation.dim - (augmentation.hidden if described else 0)
            columns.setdefault(group, []).extend(range(start, stop))
        start += augmentation.dim
    return columns


def make_space(augmentations: list[Augmentation], owners: list[str]) -> ActionSpace:
    """Return the groups and their entries in states; a group of one discrete augmentation is discrete."""
    groups: dict[str, slice] = {}
    start = 0
    for group, columns in list_columns(augmentations, owners, True).items():
        groups[group] = slice(start, start + len(columns))
        start += len(columns)
    alone = [(a, group) for a, group in zip(augmentations, owners, strict=True) if group and owners.count(group) == 1]
    values = {group: augmentation.values for augmentation, group in alone if augmentation.values}

    def relate(first: Tensor, second: Tensor) -> Tensor:
        action = difference(first, second)
        for group, count in values.items():
            action[..., groups[group]] %= count
        return action

    return ActionSpace(groups, relate, values)


VIEWS = AugmentedViews
