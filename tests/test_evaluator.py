"""The evaluation of a run as a whole: what does not fit into memory at once is probed in parts, to the same rows."""

import pytest
import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.evaluation import evaluator
from workflow_scripts.evaluation.embeddings import embed_run
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.training.run import build_method, save_weights

pytestmark = pytest.mark.unit


def test_contexts_that_do_not_fit_are_probed_in_parts(smoke_packed, smoke_config, tmp_path, monkeypatch):
    settings = get_settings(smoke_config, parse_run("smoke", "contextssl", 0))
    cpu, run, folder = torch.device("cpu"), tmp_path / "run", tmp_path / "embeddings"
    identity = claim_run(run, settings, smoke_packed)
    space = open_views(smoke_packed, settings["dataset"], "train", cpu).space
    save_weights(build_method(settings, space, smoke_packed), run / "weights.safetensors", identity)
    embed_run(run, smoke_packed, smoke_config["evaluation"], folder, cpu)

    def measure(bytes_at_a_time):
        monkeypatch.setattr(evaluator, "BANK_BYTES", bytes_at_a_time)
        rows = evaluator.ProbedRun(run, folder, smoke_config["evaluation"], cpu).rows()
        names = ("representation", "context", "length", "split", "task", "metric")
        return {tuple(row[name] for name in names): row["value"] for row in rows}

    whole, parts = measure(2**40), measure(1)
    assert len(whole) == len(parts) > 20
    assert len({key[1:3] for key in whole}) > 3
    assert parts == pytest.approx(whole, abs=0.02)
