"""The probes of one run: which embeddings are probed for what, and the rows that result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.actions import difference, make_view_actions
from workflow_scripts.evaluation.contexts import parse_context
from workflow_scripts.evaluation.embeddings import read_array
from workflow_scripts.evaluation.metrics import r2_per_component, r2_pooled, top1
from workflow_scripts.evaluation.probes import Bank, Predictions, ProbeSettings, probe_class, probe_relative
from workflow_scripts.experiment.identity import PROBING_CODE, hash_code, list_embedding_code, read_identity
from workflow_scripts.support.files import read_json

Row = dict[str, Any]


class ProbedRun:
    """Opens a run's embeddings and yields the rows of its probes."""

    def __init__(self, run: Path, embeddings: Path, evaluation: dict[str, Any], device: torch.device) -> None:
        settings, identity = read_identity(run)
        self.settings, self.evaluation = settings, evaluation
        self.folder, self.device = embeddings, device
        self.manifest = read_json(embeddings / "manifest.json")
        dataset = settings["dataset"]
        self.relate = make_view_actions(dataset["actions"]).relate if dataset["views"] == "stored" else difference
        self.provenance = {
            "run": run.as_posix(),
            "config_hash": identity["config"],
            "data_hash": identity["data"],
            "code_hash": hash_code((*list_embedding_code(settings["method"]), *PROBING_CODE)),
            "device": self.manifest["device"],
        }

    def _bank(self, split: str, names: list[str]) -> Bank:
        """Read embeddings of equal width as one bank."""
        values = np.stack([read_array(self.folder, split, name) for name in names])
        states, labels = (np.array(read_array(self.folder, split, name)) for name in ("states", "labels"))
        return Bank(torch.from_numpy(values).to(self.device), torch.from_numpy(states), torch.from_numpy(labels))

    def rows(self) -> Iterator[Row]:
        """Yield the rows of every evaluated split."""
        yield from self._probe("h", ["h"], [("", None)])
        contexts = self.manifest["contexts"]
        if not contexts:
            return
        keys: list[tuple[str, int | None]] = [parse_context(name) for name in contexts]
        yield from self._probe("z+", [f"z+.{name}" for name in contexts], keys)
        # z_r stands for view 0 seen from view i: it has a class, but no pair of its own.
        true = [(kind, length) for kind, length in keys if kind in self.manifest["groups"]]
        yield from self._probe("zr", [f"zr.{kind}-{length}" for kind, length in true], true, relative=False)

    def _probe(
        self, representation: str, names: list[str], contexts: list[tuple[str, int | None]], relative: bool = True
    ) -> Iterator[Row]:
        """Probe M embeddings of equal width side by side. contexts: kind and length of each."""
        train = self._bank("train", names)
        tests = {split: self._bank(split, names) for split in self.evaluation["splits"]}
        metrics: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], float]]]
        metrics = {"relative": {"r2": r2_per_component, "r2_pooled": r2_pooled}, "class": {"top1": top1}}
        tasks: dict[str, Predictions] = {}
        if relative:
            tasks |= {group: self._relative(train, tests, group) for group in self.manifest["groups"]}
        tasks["class"] = self._class(train, tests)
        for task, predictions in tasks.items():
            for split, (truth, predicted) in predictions.items():
                for (kind, length), values in zip(contexts, predicted, strict=True):
                    where = {"representation": representation, "context": kind, "length": length, "split": split}
                    for metric, score in metrics["class" if task == "class" else "relative"].items():
                        value = score(truth, values)
                        yield {**where, "task": task, "metric": metric, "value": value, "n": len(truth)}

    def _settings(self, task: str) -> ProbeSettings:
        probes = self.evaluation["probes"]
        return ProbeSettings(**probes.get(task, probes["other"]))

    def _relative(self, train: Bank, tests: dict[str, Bank], group: str) -> Predictions:
        entries, views = slice(*self.manifest["groups"][group]), range(*self.manifest["pair_views"])
        settings, count, seed = self._settings(group), self.evaluation["test_pairs"], self.evaluation["seed"]
        return probe_relative(train, tests, self.relate, entries, views, settings, count, seed)

    def _class(self, train: Bank, tests: dict[str, Bank]) -> Predictions:
        views, classes = range(*self.manifest["class_views"]), int(train.labels.max()) + 1
        return probe_class(train, tests, views, classes, self._settings("class"), self.evaluation["seed"])
