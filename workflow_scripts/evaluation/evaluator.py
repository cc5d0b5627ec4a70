"""The evaluation of one run: which embeddings are probed for what, retrieval, and the rows that result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.data.actions import difference, make_view_actions
from workflow_scripts.evaluation.attributes import measure_attributes
from workflow_scripts.evaluation.contexts import parse_context
from workflow_scripts.evaluation.embeddings import read_array
from workflow_scripts.evaluation.fitting import ProbeSettings
from workflow_scripts.evaluation.metrics import r2_per_component, r2_pooled, top1
from workflow_scripts.evaluation.neighbours import Neighbour, list_neighbours
from workflow_scripts.evaluation.probes import (
    Bank,
    Predictions,
    probe_class,
    probe_context_labels,
    probe_individual,
    probe_relative,
)
from workflow_scripts.evaluation.retrieval import retrieve
from workflow_scripts.experiment.identity import hash_code, list_evaluation_code, read_identity
from workflow_scripts.experiment.kinds import NO_ACTIONS
from workflow_scripts.support.files import read_json

Row = dict[str, Any]
# Of training embeddings in memory at a time: more contexts than fit are probed one part after another.
BANK_BYTES = 2**32


class ProbedRun:
    """Opens a run's embeddings and yields the rows of its probes."""

    def __init__(self, run: Path, embeddings: Path, evaluation: dict[str, Any], device: torch.device) -> None:
        settings, identity = read_identity(run)
        self.settings, self.evaluation = settings, evaluation
        self.folder, self.device = embeddings, device
        self.manifest = read_json(embeddings / "manifest.json")
        dataset = settings["dataset"]
        self.relate = make_view_actions(dataset).relate if dataset["views"] == "stored" else difference
        self.provenance = {
            "run": run.as_posix(),
            "config_hash": identity["config"],
            "data_hash": identity["data"],
            "code_hash": hash_code(list_evaluation_code(settings["method"])),
            "device": self.manifest["device"],
        }

    def _bank(self, split: str, names: list[str]) -> Bank:
        """Read embeddings of equal width as one bank."""
        values = np.stack([read_array(self.folder, split, name) for name in names])
        states, labels = (np.array(read_array(self.folder, split, name)) for name in ("states", "labels"))
        return Bank(torch.from_numpy(values).to(self.device), torch.from_numpy(states), torch.from_numpy(labels))

    def rows(self) -> Iterator[Row]:
        """Yield the rows of every evaluated split."""
        if self.manifest["attributes"]:
            yield from self._attributes()
            return
        arrays, contexts = set(self.manifest["arrays"]), self.manifest["contexts"]
        yield from self._probe("h", [""], ("relative", "class", "individual"))
        if "g" in arrays:
            yield from self._probe("g", [""], ("relative", "class"))
        if "rho" in arrays:
            yield from self._retrieve("rho", "rho", "g", "")
        if self.settings["method"] == "constant":
            yield from self._retrieve("h", "h", "h", "")  # all candidates are tied: chance
        if contexts:
            yield from self._probe("z+", contexts, ("relative", "class"))
        # The action of a control, or of a method without actions, has no truth to follow.
        true = [name for name in contexts if f"zr.{name}" in arrays]
        if plain := [name for name in contexts if parse_context(name)[0] == NO_ACTIONS]:
            yield from self._probe("z+", plain, ("individual",))
        if true:
            yield from self._probe("z+", true, ("individual",))
            # z_r stands for view 0 seen from view i: it has a class, but no pair of its own.
            yield from self._probe("zr", true, ("class",))
        if true and len(self.manifest["groups"]) == 2 and self.settings["dataset"]["views"] == "stored":
            for length in sorted({int(parse_context(name)[1] or 0) for name in true}):
                yield from self._context_labels("z+", length)
            yield from self._context_labels("h", 0)
        for name in true:
            yield from self._retrieve("zr", f"zr.{name}", f"z+.{name}", name)

    def _attributes(self) -> Iterator[Row]:
        """Read class and attributes of rows from h, and from z+ under every context."""
        (sensitive,) = self.manifest["groups"]
        targets = {split: self._targets(split) for split in self.manifest["splits"]}
        places = [("h", "", "h"), *(("z+", context, f"z+.{context}") for context in self.manifest["contexts"])]
        for representation, context, name in places:
            rows = {split: np.array(read_array(self.folder, split, name)[:, 0]) for split in targets}
            for split in self.evaluation["splits"]:
                where = self._where(representation, context, split)
                train, test = ((rows[part], targets[part]) for part in ("train", split))
                for task, metric, value in measure_attributes(train, test, sensitive):
                    yield {**where, "task": task, "metric": metric, "value": value, "n": len(rows[split])}

    def _targets(self, split: str) -> dict[str, np.ndarray]:
        """Return the class and the attributes (n,) of the rows of a split."""
        names = {"class": "labels", **{name: f"attribute.{name}" for name in self.manifest["attributes"]}}
        return {task: np.array(read_array(self.folder, split, name)) for task, name in names.items()}

    def _context_labels(self, representation: str, length: int) -> Iterator[Row]:
        """Probe for a label that depends on the context, at one length; h, the same under both, is the control."""

        def banks(split: str) -> tuple[Bank, Bank]:
            names = [f"z+.{group}-{length}" if representation == "z+" else "h" for group in self.manifest["groups"]]
            first, second = (self._bank(split, [name]) for name in names)
            return first, second

        entry = list(self.manifest["groups"].values())[1][0]
        tests = {split: banks(split) for split in self.evaluation["splits"]}
        settings, seed = self._settings("class"), self.evaluation["seed"]
        found = probe_context_labels(banks("train"), tests, entry, settings, seed)
        for split, (truth, (values,)) in found.items():
            where = {"representation": representation, "context": "", "length": length, "split": split}
            score = {"metric": "top1", "value": top1(truth, values), "n": len(truth)}
            yield {**where, "task": "context_label", **score}

    def neighbours(self) -> list[Neighbour]:
        """Return what predictions retrieve for a few queries of the test split; nothing where views are made anew."""
        dataset = self.settings["dataset"]
        if dataset["views"] != "stored" or "test" not in self.evaluation["splits"]:
            return []
        return list_neighbours(self.folder, self.manifest, dataset, self.evaluation["seed"])

    def _retrieve(self, representation: str, predicted: str, candidates: str, context: str) -> Iterator[Row]:
        """Retrieve every view of every object by the prediction for it."""
        for split in self.evaluation["splits"]:
            arrays = [read_array(self.folder, split, name) for name in (predicted, candidates)]
            queries = arrays[0].shape[0] * arrays[0].shape[1]
            for metric, value in retrieve(*arrays).items():
                where = self._where(representation, context, split)
                yield {**where, "task": "retrieval", "metric": metric, "value": value, "n": queries}

    @staticmethod
    def _where(representation: str, context: str, split: str) -> Row:
        kind, length = parse_context(context) if context else ("", None)
        return {"representation": representation, "context": kind, "length": length, "split": split}

    def _probe(self, representation: str, contexts: list[str], kinds: tuple[str, ...]) -> Iterator[Row]:
        """Probe the embeddings of one representation under M contexts, [""] = none, as many side by side as fit."""
        names = [f"{representation}.{context}" if context else representation for context in contexts]
        side_by_side = max(1, BANK_BYTES // read_array(self.folder, "train", names[0]).nbytes)
        if len(contexts) > side_by_side:
            for start in range(0, len(contexts), side_by_side):
                yield from self._probe(representation, contexts[start : start + side_by_side], kinds)
            return
        train = self._bank("train", names)
        tests = {split: self._bank(split, names) for split in self.evaluation["splits"]}
        metrics: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], float]]]
        metrics = {"latents": {"r2": r2_per_component, "r2_pooled": r2_pooled}, "class": {"top1": top1}}
        groups: list[str] = list(self.manifest["groups"])
        tasks: dict[str, Predictions] = {}
        if "relative" in kinds:
            tasks |= {group: self._relative(train, tests, group) for group in groups}
        if "individual" in kinds:
            tasks |= {f"{group}_individual": self._individual(train, tests, group) for group in groups}
        if "class" in kinds:
            tasks["class"] = self._class(train, tests)
        for task, predictions in tasks.items():
            for split, (truth, predicted) in predictions.items():
                for context, values in zip(contexts, predicted, strict=True):
                    for metric, score in metrics["class" if task == "class" else "latents"].items():
                        where, value = self._where(representation, context, split), score(truth, values)
                        yield {**where, "task": task, "metric": metric, "value": value, "n": len(truth)}

    def _settings(self, task: str) -> ProbeSettings:
        probes = self.evaluation["probes"]
        return ProbeSettings(**probes.get(task, probes["other"]))

    def _relative(self, train: Bank, tests: dict[str, Bank], group: str) -> Predictions:
        entries, views = slice(*self.manifest["groups"][group]), range(*self.manifest["pair_views"])
        settings, count, seed = self._settings(group), self.evaluation["test_pairs"], self.evaluation["seed"]
        return probe_relative(train, tests, self.relate, entries, views, settings, count, seed)

    def _individual(self, train: Bank, tests: dict[str, Bank], group: str) -> Predictions:
        entries, views = slice(*self.manifest["groups"][group]), range(*self.manifest["pair_views"])
        return probe_individual(train, tests, entries, views, self._settings("individual"), self.evaluation["seed"])

    def _class(self, train: Bank, tests: dict[str, Bank]) -> Predictions:
        views, classes = range(*self.manifest["class_views"]), int(train.labels.max()) + 1
        return probe_class(train, tests, views, classes, self._settings("class"), self.evaluation["seed"])
