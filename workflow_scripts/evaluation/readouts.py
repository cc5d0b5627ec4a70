"""What a run's method reads out of features that were encoded for an evaluation, such as those of changed images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import torch

from workflow_scripts.evaluation.fitting import CHUNK
from workflow_scripts.evaluation.linear import LinearClassifier, rank_truth
from workflow_scripts.evaluation.run import EvaluatedRun
from workflow_scripts.evaluation.storage import BANK_BYTES


def read_out(run: EvaluatedRun, features: np.ndarray, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return features (n, D) as "h", and the method's readouts of them by name, each (n, O) float32.

    names: of those that are wanted, None = all.
    """
    found: dict[str, list[np.ndarray]] = {"h": [features]} if names is None or "h" in names else {}
    with torch.inference_mode():
        for start in range(0, len(features) if names is None or set(names) - {"h"} else 0, CHUNK):
            part = torch.from_numpy(np.array(features[start : start + CHUNK], dtype=np.float32)).to(run.device)
            for name, values in run.method.embeddings(part).items():
                if names is None or name in names:
                    found.setdefault(name, []).append(values.float().cpu().numpy())
    return {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in found.items()}


def read_each(
    run: EvaluatedRun, parts: dict[str, np.ndarray], names: Sequence[str]
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield each of the names, and what is read out under it of every part, features (n, D) by name.

    All at once where they fit into memory side by side, else one after another, with a pass for each.
    """
    widths = sum(values.shape[1] for values in read_out(run, next(iter(parts.values()))[:1], names).values())
    together = 4 * widths * sum(map(len, parts.values())) < BANK_BYTES
    for group in [names] if together else [[name] for name in names]:
        found = {part: read_out(run, features, group) for part, features in parts.items()}
        yield from ((name, {part: values.pop(name) for part, values in found.items()}) for name in group)


def list_representations(run: EvaluatedRun, readouts: Iterable[str] | None = None) -> list[str]:
    """Return "h", and those of the readouts that the run's method has; None = all of them."""
    return ["h", *(name for name in run.readouts if readouts is None or name in readouts)]


def rank_readouts(
    run: EvaluatedRun, probes: dict[str, LinearClassifier], features: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Return, for the probe of each representation, the ranks (n,) of the classes (n,) of images with features (n, D).

    Some at a time, since readouts may be many times as wide as the features.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in probes}
    for start in range(0, len(features), CHUNK):
        part = slice(start, start + CHUNK)
        for name, values in read_out(run, features[part], probes.keys()).items():
            found[name].append(rank_truth(probes[name].scores(values), labels[part]))
    return {name: np.concatenate(parts) for name, parts in found.items()}
