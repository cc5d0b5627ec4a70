"""Features of changed images, whatever the run's views do to pixels: turned ones, corrupted ones, some of them only.

`EvaluatedRun.features` normalises images by the data's mean and deviation. An encoder that was trained on pixels in
[0, 1] has to see these. A way of its own to the images would be a change of `EvaluatedRun`, after which every
evaluation ever made would have to be made again: here a stand-in takes the encoder's place, and hands it what it needs.
"""

from __future__ import annotations

import copy
from collections import deque

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.transformations import TransformationSpace
from workflow_scripts.evaluation.others import OWN, Change
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.methods.base import Method
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import NoSettings


def encode_changed(
    run: EvaluatedRun, split: str, change: Change | None = None, source: str = OWN, kept: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features (n, D) of the images of a source, each changed, and their labels (n,).

    As `EvaluatedRun.features`, but the encoder sees pixels as its training data had them, normalised or not. change:
    of images (B, 3, H, W) in [0, 1], None = as stored. kept: places of the images to encode, ascending; None = all.
    """
    raw = not _is_normalised(run)
    if kept is None and not raw:
        return run.features(source, split, change)
    stand_in = _StandIn(run.method.encoder, change, kept, raw)
    labels = _show(run, split, source, stand_in)
    return np.concatenate(stand_in.found), labels if kept is None else labels[kept]


def draw_places(run: EvaluatedRun, split: str, source: str, most: int | None, *purpose: int | str) -> np.ndarray | None:
    """Draw the places of `most` images of a source's split, ascending; None where that is no fewer than all."""
    if most is None:
        return None
    count = len(_show(run, split, source, _StandIn(run.method.encoder, None, np.empty(0, dtype=int), False)))
    if count <= most:
        return None
    return np.sort(numpy_generator(*purpose, "places", split).permutation(count)[:most])


def explain_imageless(run: EvaluatedRun) -> str:
    """Return why no test images can be changed and encoded, as `Evaluator.skip` does, or ""."""
    if run.settings["dataset"]["views"]["kind"] == "tabular":
        return "the data are rows of a table, not images"
    return "" if "test" in run.splits else "the test split is not evaluated"


def _is_normalised(run: EvaluatedRun) -> bool:
    """Whether the encoder was trained on normalised pixels: no views that methods transform themselves are."""
    views = run.settings["dataset"]["views"]
    return not isinstance(run.space, TransformationSpace) and bool(views.get("normalise", True))


class _StandIn(Encoder):
    """Sees every image in the encoder's place, and has the encoder see those that are kept. found: their features.

    raw: the encoder sees pixels as they are before they are normalised.
    """

    dim = 1

    def __init__(self, encoder: Encoder, change: Change | None, kept: np.ndarray | None, raw: bool) -> None:
        super().__init__(None, 0)
        self._encoder, self._change, self._kept, self._raw = encoder, change, kept, raw
        self._seen = 0
        # In turn, since images may be prepared some batches ahead: places in the batch, and pixels.
        self._waiting: deque[tuple[Tensor, Tensor]] = deque()
        self.found: list[np.ndarray] = []

    def take(self, images: Tensor) -> Tensor:
        """Change those of images (B, 3, H, W) in [0, 1] that are kept, before they are normalised."""
        places = np.arange(self._seen, self._seen + len(images))
        self._seen += len(images)
        mine = np.flatnonzero(np.isin(places, self._kept)) if self._kept is not None else np.arange(len(images))
        chosen = torch.from_numpy(mine).to(images.device)
        pixels = images[chosen]
        if self._change and len(mine):
            pixels = self._change(pixels)
        self._waiting.append((chosen, pixels))
        return images if self._raw or not len(mine) else images.index_copy(0, chosen, pixels)

    def forward(self, inputs: Tensor) -> Tensor:
        """Keep the features of what was chosen of images (B, 3, H, W), and return zeros (B, 1)."""
        chosen, pixels = self._waiting.popleft()
        if len(chosen):
            features = self._encoder(pixels if self._raw else inputs[chosen])
            self.found.append(features.float().cpu().numpy())
        return inputs.new_zeros(len(inputs), 1)


def _show(run: EvaluatedRun, split: str, source: str, stand_in: _StandIn) -> np.ndarray:
    """Show a stand-in all images of a source's split, and return their labels (n,)."""
    other = copy.copy(run)
    other.method = Method(stand_in, run.method.task, NoSettings())
    return other.features(source, split, stand_in.take)[1]
