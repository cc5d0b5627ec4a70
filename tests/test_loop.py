"""The training loop: what its history says, and that the last batch of an epoch is trained on."""

import json
import os
import signal

import pytest
import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.methods.base import Loss, Task
from workflow_scripts.support.errors import PreemptedError
from workflow_scripts.support.progress import make_bar
from workflow_scripts.training.loop import Engine, Meter, train
from workflow_scripts.training.run import build_method
from workflow_scripts.training.state import TrainingState

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")


def read_lines(state):
    return [json.loads(line) for line in state.history.read_text().splitlines()]


def test_a_watched_value_is_averaged_over_the_steps_that_gave_it(tmp_path):
    state = TrainingState(tmp_path / "state", "identity")
    meter = Meter(state, make_bar("test", 4, "step"))
    for rotation, color, total in [(1.0, None, 4.0), (None, 8.0, 2.0), (3.0, None, 6.0), (5.0, None, 4.0)]:
        found = {"of rotation": rotation, "of color": color}
        watched = {name: torch.tensor(value) for name, value in found.items() if value is not None}
        meter.add(Loss({"a": torch.tensor(total), "b": torch.tensor(1.0)}, watched), images=10)
    meter.write(4, 0.5)
    meter.add(Loss({"a": torch.tensor(7.0), "b": torch.tensor(1.0)}, {"of color": torch.tensor(2.0)}), images=10)
    meter.write(5, 0.5)
    first, second = read_lines(state)
    assert (first["of rotation"], first["of color"], first["a"], first["b"], first["loss"]) == (3, 8, 4, 1, 5)
    assert (second["of color"], second["a"], second["loss"]) == (2, 7, 8)
    assert "of rotation" not in second  # no step gave it
    assert first["images_per_second"] > 0


def prepare(config, packed, name, **training):
    settings = get_settings(config, parse_run("contextssl", "smoke", name, 0))
    settings["training"] |= training
    views = open_views(packed, settings["dataset"], "train", CPU)
    return build_method(settings, Task(views.space, views.classes), packed), views, settings


@pytest.mark.parametrize(("name", "rest"), [("simclr", 14), ("contextssl", 8)])
def test_the_last_batch_of_an_epoch_is_trained_on(name, rest, smoke_config, smoke_packed, tmp_path):
    method, views, settings = prepare(smoke_config, smoke_packed, name, steps=4, last_batch="keep")
    assert len(views) == 30  # 16, and 14, of which a context transformer reads one block of 8 pairs
    seen, own = [], method.loss
    method.loss = lambda batch, generator: seen.append(batch.views.shape[1]) or own(batch, generator)
    before = [parameter.clone() for parameter in method.parameters()]
    state = TrainingState(tmp_path / "state", "identity")
    train(method, views, settings["training"], 0, state, Engine(CPU, log_every=1))
    assert seen == [16, rest, 16, rest]
    assert all(torch.isfinite(torch.tensor(line["loss"])) for line in read_lines(state))
    assert not all(torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True))


def test_the_history_shows_each_group_that_was_drawn(smoke_config, smoke_packed, tmp_path):
    method, views, settings = prepare(smoke_config, smoke_packed, "contextssl", steps=12)
    method.settings = type(method.settings)(**{**vars(method.settings), "environments": "sample"})
    state = TrainingState(tmp_path / "state", "identity")
    train(method, views, settings["training"], 0, state, Engine(CPU, log_every=1))
    shown = [[name for name in line if name.startswith("auxiliary ")] for line in read_lines(state)]
    assert all(len(names) == 1 for names in shown)
    assert {names[0] for names in shown} == {"auxiliary rotation", "auxiliary color"}
    for line, (name,) in zip(read_lines(state), shown, strict=True):
        assert line["auxiliary"] == pytest.approx(5 * line[name], rel=1e-6)
        assert line["loss"] == line["contrastive"] + line["auxiliary"]


def test_a_signal_at_any_moment_leaves_a_checkpoint_of_the_step_that_is_named(smoke_config, smoke_packed, tmp_path):
    method, views, settings = prepare(smoke_config, smoke_packed, "simclr", steps=12)
    state = TrainingState(tmp_path / "state", "identity")
    log = state.log

    def interrupt(entry):
        log(entry)
        if entry["step"] == 5:  # after it was decided whether to save this step
            os.kill(os.getpid(), signal.SIGTERM)

    state.log = interrupt
    with pytest.raises(PreemptedError, match="stopped after step 6 of 12 on SIGTERM"):
        train(method, views, settings["training"], 0, state, Engine(CPU, log_every=1, checkpoint_seconds=1e9))
    assert state.load(CPU)["step"] == 6
