"""Where the scales of metrics end, which end is the good one, and in what they are counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricScale:
    """What the scale of a metric is. best: its good end, 0 where lower is better. percent: counted in points of it."""

    best: float
    percent: bool = False

    @property
    def rises(self) -> bool:
        """Whether higher is better."""
        return self.best > 0

    @property
    def digits(self) -> int:
        """Decimals of a value that is shown without a spread."""
        return 1 if self.percent else 3

    def describe_step(self, step: str) -> str:
        """Return a difference with its unit: ".02", "1 point", "5 points"."""
        return step + (f" point{'' if step == '1' else 's'}" if self.percent else "")


SCALES = {
    **dict.fromkeys(("top1", "top5", "top1_corrupted", "accuracy", "train_accuracy"), MetricScale(100.0, percent=True)),
    **dict.fromkeys(("r2", "r2_pooled", "mrr", "hit@1", "hit@5"), MetricScale(1.0)),
    **dict.fromkeys(("equalized_odds", "equality_of_opportunity"), MetricScale(0.0)),  # differences between groups
}


def get_scale(metric: str) -> MetricScale | None:
    """Return a metric's scale, None for one without an end, or of which no end is the better one."""
    return SCALES.get(metric)
