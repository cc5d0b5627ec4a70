"""The share of an action that the images show at all (ours): R2 of a network that is trained to see both views at once.

It is a property of the data: measured once a data set, on the control whose features are constant.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflow_scripts.evaluation.evaluators.base import Evaluator
from workflow_scripts.evaluation.metrics import r2_per_component
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.visible import Settings, fit_pairs, predict_pairs
from workflow_scripts.rows import Row


class VisibleActions(Evaluator):
    """R2 per component of the action of every group that has a scale."""

    Settings = Settings

    def skip(self, run: EvaluatedRun) -> str:
        """Needs pairs of images; measured on one method, since it does not depend on any."""
        if not run.is_constant("h"):
            return "it is a property of the data, measured on the control whose features are constant"
        if run.train_views.reads_rows:
            return "the data are rows of a table"
        return "" if run.views > 1 and run.scaled_groups else "there are no actions with a scale between two images"

    def rows(self, run: EvaluatedRun) -> Iterator[Row]:
        """Yield R2 on each split."""
        network = fit_pairs(run.train_views, self.settings, run.seed)
        for split in run.splits:
            truth, predicted = predict_pairs(network, run.open_split(split), self.settings, run.seed)
            for group in run.scaled_groups:
                entries = run.space.groups[group]
                value = r2_per_component(truth[:, entries], predicted[:, entries])
                if value is None:
                    run.leave_out(f"{group} of the {split} split has one value only, so there is no R2 of it")
                    continue
                where = {"representation": "images", "condition": "", "level": None, "split": split}
                yield {**where, "task": group, "metric": "visible_r2", "value": value, "n": len(truth)}


EVALUATOR = VisibleActions
