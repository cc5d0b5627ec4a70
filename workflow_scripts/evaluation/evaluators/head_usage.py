"""Which head carries a class: activation times weight of a linear probe on all heads (Xiao et al. 2021, figure 4).

The probe reads the hidden layers of all heads side by side. A class's logit is the sum, over all of their units, of
activation times weight, and an intercept; a head's part of it is the sum over its own units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from workflow_scripts.evaluation.changed import draw_places, encode_changed
from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.given import explain_missing, list_given
from workflow_scripts.evaluation.linear import fit_linear, learn_classes, read_class_views
from workflow_scripts.evaluation.linear_settings import LinearSettings
from workflow_scripts.evaluation.others import OWN
from workflow_scripts.evaluation.readouts import read_out
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.methods.momentum import MomentumMethod
from workflow_scripts.rows import Row
from workflow_scripts.support.settings import Count, Unique

READOUT, SPLIT = "hidden", "test"


@dataclass(frozen=True)
class Settings:
    """probe: how the linear probe is fitted. sources: other data whose classes are read, too; which heads carry a class
    depends on what classes they are. objects: at most so many training images of a source are learnt from, null = all.
    """

    probe: LinearSettings = field(default_factory=LinearSettings)
    sources: Annotated[tuple[str, ...], Unique()] = ()
    objects: Count | None = None


class HeadUsage(Evaluator):
    """Of rightly classified test images: `usage`, how many [percent] of them have a predicted class whose logit that
    head carries most of; `contribution`, its share [percent] of the logit's positive part, as a mean over them.

    The task is the head's space, followed by the source if it is another than the run's own. n counts the rightly
    classified images.
    """

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs several heads."""
        if not isinstance(run.method, MomentumMethod):
            return "the method has no heads of one hidden layer"
        if len(run.method.spaces) < 2:
            return "the method has one head, which carries all"
        return "" if SPLIT in run.splits else f"the {SPLIT} split is not evaluated"

    def leaves_out(self, run: EvaluatedRun) -> str:
        """The sources that were not given, or do not fit."""
        return explain_missing(run, self.settings.sources)

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield both of each head, for the run's own classes and for those of each source; none where none is right."""
        assert isinstance(run.method, MomentumMethod)
        spaces = run.method.spaces
        for source in (OWN, *list_given(run, self.settings.sources)):
            heaviest, shares = split_by_head(*self._find_right(run, source), len(spaces))
            for head, space in enumerate(spaces) if len(shares) else ():
                task = f"{space}, {source}" if source else space
                where = {"representation": READOUT, "condition": "", "level": None, "split": SPLIT, "task": task}
                for metric, values in (("usage", heaviest == head), ("contribution", shares[:, head])):
                    yield {**where, "metric": metric, "value": float(100 * values.mean()), "n": len(values)}

    def _find_right(self, run: EvaluatedRun, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the activations (m, D) of rightly classified test images, and the weights (m, D) of their classes."""
        if source == OWN:
            probe = learn_classes(run, READOUT, self.settings.probe)
            features, labels = read_class_views(run, SPLIT, READOUT)
        else:
            (train, truth), (features, labels) = (self._read(run, source, split) for split in ("train", SPLIT))
            purpose = (run.seed, "head usage", source)
            classes = int(max(truth.max(), labels.max())) + 1
            probe = fit_linear(train, truth, classes, self.settings.probe, run.device, *purpose)
        right = probe.scores(features).argmax(dim=1).cpu().numpy() == labels
        return probe.standardise(features[right]).cpu().numpy(), probe.weight.cpu().numpy()[labels[right]]

    def _read(self, run: EvaluatedRun, source: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the activations (n, D) of another source's images, and their labels (n,)."""
        most = self.settings.objects if split == "train" else None
        kept = draw_places(run, split, source, most, run.seed, "head usage", source)
        features, labels = encode_changed(run, split, None, source, kept)
        return read_out(run, features, [READOUT])[READOUT], labels


def split_by_head(activations: np.ndarray, weights: np.ndarray, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, of m logits, the head (m,) with the largest part, and each head's share (m, heads) of the positive part.

    activations, weights: (m, D), of equally wide heads side by side. The positive part is the sum of all products of an
    activation and its weight that are above 0. A logit without any is shared alike.
    """
    products = (activations.astype(np.float64) * weights).reshape(len(weights), heads, -1)
    positive = products.clip(min=0).sum(axis=2)
    total = positive.sum(axis=1, keepdims=True)
    shares = np.divide(positive, total, out=np.full_like(positive, 1 / heads), where=total > 0)
    return products.sum(axis=2).argmax(axis=1), shares


EVALUATOR = HeadUsage
