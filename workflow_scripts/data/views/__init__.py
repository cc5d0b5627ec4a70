"""Views of objects: what pretraining and evaluation see of a data set. One module a kind, found by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.views.base import Views
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin


def open_views(folder: Path, dataset: dict[str, Any], split: str, device: torch.device) -> Views:
    """Open one split ("train", "val" or "test") of a packed data set. dataset: a run's `views` and `holdout`."""
    packed = PackedDataset(folder)
    holdout = dataset["holdout"]
    objects = packed.indices(split, holdout["share"], holdout["seed"])
    if len(objects) == 0:
        raise UserError(f"{folder} has no objects in its {split} split; raise dataset_settings.<name>.holdout.share")
    return make_views(packed, objects, dataset["views"], device)


def make_views(packed: PackedDataset, objects: np.ndarray, settings: dict[str, Any], device: torch.device) -> Views:
    """Return the views of some objects (n,) of a packed data set. settings: their `kind` and what it takes."""
    own = {key: value for key, value in settings.items() if key != "kind"}
    cls = load_plugin("data.views", settings["kind"], "VIEWS")
    views: Views = cls(packed, objects, cls.Settings(**own), device)
    return views
