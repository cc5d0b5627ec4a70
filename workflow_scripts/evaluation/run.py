"""What evaluators see: a trained run, the embeddings of its data under every context, and features of other data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.views import open_views
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.contexts import (
    REDRAWN,
    DrawnContexts,
    draw_contexts,
    name_context,
    parse_context,
    redraw_contexts,
)
from workflow_scripts.evaluation.embeddings import NOT_READOUTS, embed_split, embed_under
from workflow_scripts.evaluation.others import Change, OtherData
from workflow_scripts.evaluation.probes import Bank
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.evaluation.storage import Embeddings, Storage, check_embeddings, choose_storage, faster_products
from workflow_scripts.experiment.identity import read_identity
from workflow_scripts.experiment.kinds import CONTEXT
from workflow_scripts.methods.base import ContextMethod, Method, Task
from workflow_scripts.training.run import build_method, load_run

UNIT = ("z+", "zr")  # representations that probes read at length 1


@dataclass(frozen=True)
class MeasuredArray:
    """Where a number is measured: a representation, under a condition and at a level of it. array: that holds it."""

    representation: str
    array: str
    condition: str = ""
    level: int | None = None

    @property
    def unit(self) -> bool:
        """Whether it is read at length 1: outputs of a transformer are, all else as it is (Gupta et al. 2024)."""
        return self.representation in UNIT

    def columns(self, split: str) -> dict[str, Any]:
        """Return the place as columns of a row."""
        where = {"representation": self.representation, "condition": self.condition, "level": self.level}
        return {**where, "split": split}


@dataclass(frozen=True)
class Prediction:
    """What a method predicts of view i from view 0 and the true action. candidates: the array it is to be found in."""

    place: MeasuredArray
    candidates: str
    context: str = ""  # kind of context
    length: int = 0  # of the context [tokens]


class EvaluatedRun:
    """A run whose embeddings exist.

    settings: the run's. data: folder of the data it was trained on. train: their training split, `train_views` here.
    contexts: names, see `contexts.py`; redrawn: those of later draws. evaluation: the config's section, with `splits`
    and `seed`.
    """

    def __init__(
        self,
        method: Method,
        settings: dict[str, Any],
        evaluation: dict[str, Any],
        data: Path,
        train: Views,
        embeddings: Embeddings,
        contexts: Iterable[str],
        others: OtherData,
        device: torch.device,
        redrawn: DrawnContexts | None = None,
    ) -> None:
        self._data, self.train_views = data, train
        self.method, self.settings, self.device = method, settings, device
        self.splits: list[str] = evaluation["splits"]
        self.seed: int = evaluation["seed"]
        self.space, self.classes, self.attributes = train.space, train.classes, list(train.attributes)
        self.views, self.class_views, self.pair_views = train.views, train.class_views, train.pair_views
        self.contexts, self._embeddings, self._others = list(contexts), embeddings, others
        self._redrawn = redrawn or {}
        self._left_out: dict[str, None] = {}

    def start(self) -> Method:
        """Return the method as it was before its first step, on the device."""
        task = Task(self.train_views.space, self.train_views.classes)
        return build_method(self.settings, task, self._data).to(self.device)

    def open_split(self, split: str) -> Views:
        """Open the views of a split, on the device."""
        return open_views(self._data, self.settings["dataset"], split, self.device)

    def leave_out(self, reason: str) -> None:
        """Note what an evaluator leaves out of what it measures, and why: a short sentence without a full stop."""
        self._left_out[reason] = None

    def take_left_out(self) -> list[str]:
        """Return what was noted since the last call, each once."""
        reasons, self._left_out = list(self._left_out), {}
        return reasons

    @property
    def scaled_groups(self) -> list[str]:
        """The groups whose states have a scale, so that R2 of them means something."""
        return [group for group in self.space.groups if group not in {*self.space.values, *self.attributes}]

    def explain_unscaled(self) -> str:
        """Say which groups have no scale and why, in a short sentence, "" for none."""
        if not self.space.groups:
            return "the data have no groups"
        unscaled = [group for group in self.space.groups if group not in self.scaled_groups]
        return f"R2 needs a scale, but {', '.join(unscaled)} has separate values" if unscaled else ""

    def has(self, array: str) -> bool:
        """Whether there is such an array."""
        return array in self._embeddings.names

    def read(self, split: str, array: str) -> np.ndarray:
        """Open an array of "train" or an evaluated split, memory-mapped; see `embeddings.py` for their names."""
        return self._embeddings.read(split, array)

    def bank(self, split: str, arrays: list[str], unit: bool = False) -> Bank:
        """Read embeddings of equal width as one bank, on the device. unit: they are read at length 1."""
        states, labels = (torch.from_numpy(np.array(self.read(split, name))) for name in ("states", "labels"))
        kinds = {self._embeddings.measure(split, _first_draw(name))[1] for name in arrays}
        values = torch.empty(0)
        for i, name in enumerate(arrays):  # one by one, so that no array is in memory twice with all others
            array = self._load(split, name)
            if not i:
                kind = torch.float16 if kinds == {torch.float16} else torch.float32
                values = torch.empty((len(arrays), *array.shape), dtype=kind, device=self.device)
            values[i] = array
        return Bank(values, states, labels, unit)

    def _load(self, split: str, array: str) -> Tensor:
        """Return an array on the device. That of a later draw is made of the features: few evaluators ask for it."""
        representation, _, context = array.partition(".")
        if context not in self._redrawn:
            return self._embeddings.load(split, array, self.device)
        assert isinstance(self.method, ContextMethod)
        assert representation == "z+"
        with torch.inference_mode():
            digested = self.method.cache_context(*self._redrawn[context])
            features = self._embeddings.load(split, "h", self.device).float()
            return embed_under(self.method, features, digested, self.device)

    def redraws(self, place: MeasuredArray) -> list[MeasuredArray]:
        """Return the same place under later draws of its context: none, or all there are."""
        if place.level is None:
            return []
        kind = place.condition.removeprefix(CONTEXT)
        found: list[MeasuredArray] = []
        while (name := name_context(kind, place.level, len(found) + 1)) in self._redrawn:
            found.append(replace(place, array=f"{place.representation}.{name}"))
        return found

    def is_constant(self, array: str) -> bool:
        """Whether training embeddings carry no information at all, since all of them are the same."""
        values = self.read("train", array)
        return all(bool((part == values[0, 0]).all()) for part in values)

    @property
    def readouts(self) -> list[str]:
        """The names of what the method reads out of its features, beside the features `h` themselves."""
        return [name for name in self._embeddings.names if name not in NOT_READOUTS and "." not in name]

    def places(self, representation: str, kinds: Iterable[str] | None = None) -> list[MeasuredArray]:
        """Return where a representation is: once, or under every context in which it exists. kinds: of contexts."""
        found = [MeasuredArray(representation, representation)] if self.has(representation) else []
        for name in self.contexts:
            kind, length = parse_context(name)
            if self.has(array := f"{representation}.{name}") and (kinds is None or kind in kinds):
                found.append(MeasuredArray(representation, array, CONTEXT + kind, length))
        return found

    def side_by_side(self, places: list[MeasuredArray], arrays: int = 1) -> Iterator[list[MeasuredArray]]:
        """Yield as many places at a time as fit into memory. They have as many arrays each, all of one size."""
        if not places:
            return
        each = arrays * self._embeddings.measure("train", places[0].array)[0]
        size = max(1, self._embeddings.storage.bank // each)
        for start in range(0, len(places), size):
            yield places[start : start + size]

    def predictions(self) -> list[Prediction]:
        """Return what the method predicts of views that an action leads to; empty for one that predicts nothing."""
        found = [Prediction(MeasuredArray("rho", "rho"), "g")] if self.has("rho") else []
        for name in self.contexts:
            kind, length = parse_context(name)
            if self.has(array := f"zr.{name}"):
                found.append(Prediction(MeasuredArray("zr", array, CONTEXT + kind, length), f"z+.{name}", kind, length))
        return found

    def misfit(self, source: str) -> str:
        """Return why the encoder cannot read another source, in a few words, or "" where it can."""
        return self._others.misfit(source)

    def features(self, source: str, split: str, change: Change | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the features (n, D) of the images of a source, "" for the run's own, and their labels (n,).

        change: what is done to images (B, 3, H, W) in [0, 1] first, such as a rotation or a corruption; unchanged ones
        are encoded once a job. split: "train" or "test". Raises `UserError` for a source that does not fit.
        """
        return self._others.encode(self.method, source, split, change)


def _first_draw(array: str) -> str:
    """Return the array of the first draw of the same context, which is stored."""
    return array.partition(REDRAWN)[0]


def open_run(
    run: Path,
    data: Path,
    evaluation: dict[str, Any],
    folder: Path,
    device: torch.device,
    others: dict[str, Path],
    storage: Storage | None = None,
) -> EvaluatedRun:
    """Embed the training split and every evaluated split of a run, under every context, into `folder`.

    The arguments are those of `embed_run`. Raises `UserError` for weights that are damaged or of another run.
    """
    settings, _ = read_identity(run)
    train = open_views(data, settings["dataset"], "train", device)
    method = load_run(run, data, device, Task(train.space, train.classes))
    return embed_run(method, train, settings, data, evaluation, folder, device, others, storage)


def embed_run(
    method: Method,
    train: Views,
    settings: dict[str, Any],
    data: Path,
    evaluation: dict[str, Any],
    folder: Path,
    device: torch.device,
    others: dict[str, Path],
    storage: Storage | None = None,
) -> EvaluatedRun:
    """Embed the training split and every evaluated split by a method that is there already, as `load_run` returns it.

    train: the training split. settings: the run's. data: folder of the packed data. others: those of other sources by
    name. storage: how embeddings are held, by default as suits the device.
    """
    contexts: DrawnContexts = {}
    redrawn: DrawnContexts = {}
    embeddings = Embeddings(folder, storage or choose_storage(device))
    with torch.inference_mode(), faster_products(device):
        if device.type == "cuda":
            method.to(memory_format=torch.channels_last)
        if isinstance(method, ContextMethod):
            given = Contexts(**evaluation["contexts"]), evaluation["seed"]
            contexts, redrawn = draw_contexts(method, train, *given), redraw_contexts(method, train, *given)
        for split in ("train", *evaluation["splits"]):
            views = train if split == "train" else open_views(data, settings["dataset"], split, device)
            arrays = embed_split(method, views, contexts, device)
            embeddings.write(split, check_embeddings(arrays, method, split, folder.parent))
    other_data = OtherData(others, data, device)
    return EvaluatedRun(method, settings, evaluation, data, train, embeddings, contexts, other_data, device, redrawn)
