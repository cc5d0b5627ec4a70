"""Views of rows of a table, made by drawing a sensitive feature afresh (UCI Adult, MIMIC-III)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.data.batch import Batch, Sharing
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.data.views.base import Views, check_sharing
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import Share
from workflow_scripts.support.transfer import to_device


@dataclass(frozen=True)
class Settings:
    """groups: the one sensitive feature. replaced_share: of the other features, taken from another row in later views
    (ours; no source says). sensitive_hidden: no view shows the sensitive feature, a control.
    """

    groups: tuple[str] = ("gender",)
    replaced_share: Share = 0.1
    sensitive_hidden: bool = False


class TabularViews(Views):
    """The first view is the row itself; in every other, the sensitive feature is drawn afresh, or shared.

    The group is the sensitive feature: its code is the state, its change (-1, 0, 1) the action. Its new category is
    drawn evenly, and each other feature is, with probability `replaced_share`, that of another row of the split. The
    one fixed view for evaluation is the row itself.
    """

    Settings = Settings
    reads_rows = True

    def __init__(self, packed: PackedDataset, objects: np.ndarray, settings: Any, device: torch.device) -> None:
        (group,) = settings.groups
        columns, names = packed.meta["columns"], [column["name"] for column in packed.meta["columns"]]
        if group not in packed.meta["latents"] or group not in names:
            raise UserError(f"{packed.folder} has no sensitive column {group!r}; it has {packed.meta['latents'][:1]}")
        if (count := len(columns[names.index(group)]["categories"])) != 2:
            raise UserError(f"{packed.folder}: {group} has {count} categories; a sensitive column must have two")
        self.space = ActionSpace({group: slice(0, 1)}, difference)
        self.labels, self.classes = np.asarray(packed.labels[objects]), len(packed.meta["classes"])
        codes = np.asarray(packed.latents[objects, 0]).astype(np.int64)
        self.attributes = {name: codes[:, i] for i, name in enumerate(packed.meta["latents"])}
        self.views = 1
        self.class_views = self.pair_views = range(1)
        self._rows = np.asarray(packed.inputs[objects, 0])
        self._group, self._codes = group, self.attributes[group]
        self._sensitive = names.index(group)
        self._replaced_share = settings.replaced_share
        self._encode = RowEncoder(columns, [group] if settings.sensitive_hidden else [])
        self._device = device

    def sample(self, objects: np.ndarray, sharing: Sharing, *purpose: int | str) -> Batch:
        """Return each of the rows `objects` (N,), positions in this split, and its further views."""
        check_sharing(sharing, self.space.groups)
        random = numpy_generator(*purpose, "rows")
        first, own = self._rows[objects], self._codes[objects]
        rows, codes = [first], [own]
        for groups in sharing[1:]:
            others = self._rows[random.integers(len(self), size=len(objects))]
            view = np.where(random.random(first.shape) < self._replaced_share, others, first)
            drawn = random.integers(2, size=len(objects))
            codes.append(own if self._group in groups else drawn)
            view[:, self._sensitive] = codes[-1]
            rows.append(view)
        states = torch.from_numpy(np.stack(codes)).float()[..., None]
        inputs, labels = self._encode(torch.from_numpy(np.stack(rows))), torch.from_numpy(self.labels[objects])
        views, states, labels = (to_device(tensor, self._device) for tensor in (inputs, states, labels))
        return Batch(views, states, labels, self.space)

    def fixed(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every row as its only view."""
        states = torch.from_numpy(self._codes).float()[:, None]
        for start in range(0, len(self), size):
            rows = torch.from_numpy(self._rows[start : start + size, None])
            yield self._encode(rows).to(self._device), states[start : start + size, None]


VIEWS = TabularViews
