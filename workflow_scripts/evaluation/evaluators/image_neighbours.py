"""Nearest neighbours among changed images: those of an image as it is, turned, or of another hue (Xiao et al. 2021).

The paper's figure 3 shows which images are near. Beside what there is to see, a number (ours): how many of the nearest
images were changed as the query was. Of features that tell nothing of the change it is chance, 25 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from workflow_scripts.data.augmentations.base import Augmentation
from workflow_scripts.data.augmentations.hue_turns import HueTurns
from workflow_scripts.data.augmentations.rotation import QuarterTurns
from workflow_scripts.evaluation.changed import draw_places, encode_changed
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.nearest import find_nearest, measure_agreement, normalise
from workflow_scripts.evaluation.others import OWN
from workflow_scripts.evaluation.readouts import list_representations, read_out
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.rows import Row
from workflow_scripts.support.seeding import numpy_generator
from workflow_scripts.support.settings import Count, NoSettings, ReadoutNames, Unique

SPLIT = "test"  # that queries and candidates are of
MADE = ("augmented", "transformable")  # kinds of views that are made of a stored image
CHANGES: dict[str, type[Augmentation]] = {"rotation": QuarterTurns, "hue": HueTurns}
SHOWN = {"rotation": (0, 1), "hue": (0, 2)}  # values of queries that are shown: as it is, a quarter turn; half a turn
QUERIES, NEAREST = 3, 6  # images that are shown, and neighbours of each
PURPOSE = "image neighbours"

Seen = tuple[list[Row], list[dict[str, Any]]]  # rows, and what there is to show


@dataclass(frozen=True)
class Settings:
    """tasks: the changes. neighbours: of a query, that are looked at. queries: at most so many test images ask, in all
    values. objects: at most so many are candidates, the queries among them; null = all. readouts: that are looked at
    beside the features h, where the method has them; null = all.
    """

    tasks: Annotated[tuple[Literal["rotation", "hue"], ...], Unique()] = ("rotation", "hue")
    neighbours: Count = 10
    queries: Count = 500
    objects: Annotated[int, Ge(2)] | None = None
    readouts: Annotated[list[str] | None, ReadoutNames(), Unique()] = None


class ImageNeighbours(Evaluator):
    """`neighbours_agree` [percent] of features and readouts, and the nearest images of a few queries.

    n counts images that ask, each in all values. What is shown: of each representation, task, value and query
    `object`, a place among the stored test images, the `nearest`: [object, value, cosine] each, the nearest first.
    """

    Settings = Settings

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._seen: tuple[EvaluatedRun, Seen] | None = None

    def skip(self, run: EvaluatedRun) -> str:
        """Needs views that are made of images, and several test images."""
        if SPLIT not in run.splits:
            return f"the {SPLIT} split is not evaluated"
        if run.settings["dataset"]["views"]["kind"] not in MADE:
            return "its queries are images that views are made of, of which there are none"
        return "" if len(run.read(SPLIT, "labels")) > 1 else "there is one test image only"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield the agreement of each representation and task."""
        yield from self._look(run)[0]

    def exhibit(self, run: EvaluatedRun) -> list[dict[str, Any]]:
        """Return one entry for each representation, task, value and query that is shown."""
        return self._look(run)[1]

    def _look(self, run: EvaluatedRun) -> Seen:
        """Return rows and exhibit, which are of the same embeddings: those are made once."""
        if self._seen is None or self._seen[0] is not run:
            found: Seen = [], []
            for task in dict.fromkeys(self.settings.tasks):
                self._look_at(run, task, found)
            self._seen = run, found
        return self._seen[1]

    def _look_at(self, run: EvaluatedRun, task: str, found: Seen) -> None:
        """Add the rows of one task, and what it has to show."""
        places = draw_places(run, SPLIT, OWN, self.settings.objects, run.seed, PURPOSE)
        features = [encode_changed(run, SPLIT, change, kept=places)[0] for change in make_changes(task)]
        count = len(features[0])
        objects = list(range(count)) if places is None else places.tolist()
        drawn = numpy_generator(run.seed, PURPOSE).permutation(count)[: self.settings.queries]
        queries = torch.from_numpy(drawn).to(run.device)
        for name in list_representations(run, self.settings.readouts):
            readouts = [read_out(run, own, [name])[name] for own in features]
            embeddings = normalise(torch.stack([torch.from_numpy(values) for values in readouts]).to(run.device))
            agreement = measure_agreement(embeddings, queries, self.settings.neighbours)
            where = {"representation": name, "condition": "", "level": None, "split": SPLIT, "task": task}
            found[0].append({**where, "metric": "neighbours_agree", "value": agreement, "n": len(queries)})
            for value in SHOWN[task]:
                nearest = find_nearest(embeddings, queries[:QUERIES], value, NEAREST)
                for query, own in zip(drawn[:QUERIES].tolist(), nearest, strict=True):
                    entry = {"representation": name, "task": task, "value": value, "object": objects[query]}
                    near = [[objects[image], changed, round(cosine, 4)] for image, changed, cosine in own]
                    found[1].append({**entry, "nearest": near})


def make_changes(task: str) -> list[partial[Tensor] | None]:
    """Return what changes images (B, 3, H, W) in [0, 1] to each value of a task, None for the first: as they are."""
    augmentation = CHANGES[task](NoSettings(), 0)
    return [None, *(partial(change_images, augmentation, value) for value in range(1, augmentation.values))]


def change_images(augmentation: Augmentation, value: int, images: Tensor) -> Tensor:
    """Return images (B, 3, H, W) in [0, 1], all with one value of a discrete augmentation."""
    return augmentation.apply(images, images.new_full((len(images), 1), value))


EVALUATOR = ImageNeighbours
