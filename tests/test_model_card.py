"""The model card says what was measured, and its loading example runs."""

import re

import pytest
import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.identity import claim_run
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.methods.base import Task
from workflow_scripts.reporting.model_card import describe_model
from workflow_scripts.training.run import build_method, save_weights

pytestmark = pytest.mark.unit


def test_the_loading_example_loads_the_weights(smoke_packed, smoke_config, tmp_path):
    settings, run = get_settings(smoke_config, parse_run("contextssl", "smoke", "sie@rotation", 3)), tmp_path / "run"
    identity = claim_run(run, settings, smoke_packed)
    views = open_views(smoke_packed, settings["dataset"], "train", torch.device("cpu"))
    method = build_method(settings, Task(views.space, views.classes), smoke_packed)
    save_weights(method, run / "weights.safetensors", identity)
    where = {"representation": "h", "condition": "", "level": None, "task": "class", "metric": "top1", "value": 51.25}
    card = describe_model(run, smoke_packed, [{**where, "split": "test"}, {**where, "split": "val", "value": 7}])
    assert "# sie@rotation, seed 3" in card
    assert "| h |  |  | class | top1 | 51.25 |" in card
    assert "| 7 |" not in card
    assert "small and easy on purpose" in card
    (example,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(example.strip().splitlines()) == 3
    names: dict = {}
    exec(example, names)
    (inputs, _), *_ = views.fixed(size=2)
    with torch.inference_mode():
        torch.testing.assert_close(names["features"](inputs.flatten(0, 1)), method.eval().encoder(inputs.flatten(0, 1)))
