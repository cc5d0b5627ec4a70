"""What an encoder is, and how a run's is built.

To add a kind, add a module here whose `ENCODER` is a subclass of `Encoder`, and name it in a config's `encoders`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from workflow_scripts.models.encoders.widths import find_misfit
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.seeding import derive_seed
from workflow_scripts.support.settings import NoSettings


class Encoder(nn.Module):
    """Maps inputs to features (B, `dim`).

    settings: of its kind. inputs: side of the images [pixels], or where it `reads_rows` of a table their width.
    """

    Settings: ClassVar[type] = NoSettings
    reads_rows: ClassVar[bool] = False
    # Bytes that a training step keeps of an image for each of its values (side x side x 3), or of a row for each, in
    # float32 and at most: of the largest of its settings that are no widths, and of its default widths. For plans only.
    memory: ClassVar[int] = 2000
    dim: int

    def __init__(self, settings: Any, inputs: int) -> None:
        super().__init__()

    def forward(self, inputs: Tensor) -> Tensor:
        """Map images (B, 3, H, W), or rows (B, F), to features (B, dim)."""
        raise NotImplementedError


def make_encoder(settings: dict[str, Any], inputs: int, rows: bool, seed: int) -> Encoder:
    """Build the encoder of the settings, randomly initialised: the same weights for every method at a seed.

    settings: its `kind` and what it takes. inputs: see `Encoder`. rows: whether they are of a table. Initialisation
    draws from torch's global generator, which is left as it was found. Raises `UserError` for a kind that is not there,
    or cannot read such inputs.
    """
    cls: type[Encoder] = load_plugin("models.encoders", settings["kind"], "ENCODER")
    if cls.reads_rows != rows:
        holds, needs = ("rows of a table", "rows") if rows else ("images", "images")
        raise UserError(f"the encoder is {settings['kind']!r}, but the data are {holds}: choose one that reads {needs}")
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    own = cls.Settings(**arguments)
    if misfit := find_misfit(settings["kind"], vars(own), inputs):
        raise UserError(misfit)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder"))
        return cls(own, inputs)
