"""What is measured on: the default experiment's settings, and its rendered data in few objects and large images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.benchmarks.experiments import list_methods, read_config
from workflow_scripts.data.views import open_views
from workflow_scripts.data.views.base import Views
from workflow_scripts.experiment.checking import merge
from workflow_scripts.experiment.runs import get_settings
from workflow_scripts.methods.base import Method, Task
from workflow_scripts.training.devices import choose_device
from workflow_scripts.training.run import build_method

SIDES = (32, 64, 128)  # of the packed images [pixels]
RENDER = {  # over the settings of the experiment's source
    "classes": 5,
    "objects_per_class": {"train": 60, "test": 10},
    "views": 4,
    "resolution": 256,
    "supersampling": 1,
}


@dataclass(frozen=True)
class Setting:
    """folder: of the rendered tree and the packed data. device: a name for `choose_device`."""

    folder: Path
    device: str
    repeats: int

    def open_device(self) -> torch.device:
        """Return the device; on a CPU, set one thread, as the default experiment does."""
        return choose_device(self.device, 1)

    def packed(self, side: int) -> Path:
        """Return the folder of the images packed at a resolution."""
        return self.folder / f"packed{side}"


def prepare(setting: Setting, name: str, side: int, overlay: dict[str, Any] | None = None) -> tuple[Method, Views, Any]:
    """Return a method as the default experiment sets it, the training views at a resolution, and the run's settings."""
    config, device = read_config(), setting.open_device()
    settings = merge(get_settings(config, list_methods(config)[name]), overlay or {})
    views = open_views(setting.packed(side), settings["dataset"], "train", device)
    return build_method(settings, Task(views.space, views.classes), setting.packed(side)), views, settings
