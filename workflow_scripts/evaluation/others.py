"""Other data than a run's own, as its encoder sees them: for transfer, few examples, corrupted images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.views.plain import PlainViews
from workflow_scripts.evaluation.embeddings import encode
from workflow_scripts.methods.base import Method
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.settings import NoSettings

Change = Callable[[Tensor], Tensor]
OWN = ""  # the name of the data that the encoder was trained on


class OtherData:
    """Packed sources by name. own: folder of the data that the encoder was trained on, whose name is `OWN`."""

    def __init__(self, folders: dict[str, Path], own: Path, device: torch.device) -> None:
        self._folders, self._device = {OWN: own, **folders}, device
        self._own = PackedDataset(own).meta
        self._encoded: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def misfit(self, source: str) -> str:
        """Return why the encoder cannot read a source, in a few words, or "" where it can."""
        if source not in self._folders:
            return f"the source {source} was not given"
        meta = PackedDataset(self._folders[source]).meta
        if bool(meta["columns"]) != bool(self._own["columns"]):
            kinds = {True: "rows", False: "images"}
            return f"{source} holds {kinds[bool(meta['columns'])]}, the encoder reads {kinds[not meta['columns']]}"
        if meta["columns"] != self._own["columns"]:
            return f"{source} has other columns than the encoder reads"
        if meta["resolution"] != self._own["resolution"]:
            return f"images of {source} are of {meta['resolution']} pixels, the encoder's of {self._own['resolution']}"
        return ""

    def encode(
        self, method: Method, source: str, split: str, change: Change | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return features (n, D) and labels (n,) of every stored image, or row, of a split; encoded once if unchanged.

        They are normalised as the encoder's own training data are. change: what is done to images (B, 3, H, W) in
        [0, 1] before that. Raises `UserError` for a source that does not fit.
        """
        if reason := self.misfit(source):
            raise UserError(f"{reason}; name a source of the experiment that is stored as the run's own data are")
        if change:
            return self._encode(method, source, split, change)
        if (source, split) not in self._encoded:
            self._encoded[source, split] = self._encode(method, source, split, None)
        return self._encoded[source, split]

    def _encode(self, method: Method, source: str, split: str, change: Change | None) -> tuple[np.ndarray, np.ndarray]:
        packed = PackedDataset(self._folders[source])
        packed.meta |= {key: self._own[key] for key in ("mean", "std")}
        objects = packed.indices(split, 0.0, 0)
        if len(objects) == 0:
            raise UserError(f"{packed.folder} has no objects in its {split} split; choose another source")
        views = PlainViews(packed, objects, NoSettings(), self._device)
        views.change = change
        with torch.inference_mode():
            features = encode(method, views, self._device)[0].cpu().numpy()
        return features.reshape(-1, features.shape[-1]), np.repeat(views.labels, views.views)
