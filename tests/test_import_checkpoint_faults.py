"""Checkpoints that must not become a run: they do not fit its settings, are damaged, or hold code."""

import math
import os
import pickle
from pathlib import Path

import pytest
import torch
from project import call
from released_checkpoint import BLOCK, WIDTH, add_masks, arguments_of, make_checkpoint, settings_of
from torch import nn

from workflow_scripts import import_checkpoint
from workflow_scripts.experiment.identity import claim_run

pytestmark = pytest.mark.faults


def refuse(*arguments):
    """Import a checkpoint that must be refused; return the message."""
    with pytest.raises(SystemExit) as stopped:
        call(import_checkpoint, *arguments_of(*arguments))
    assert not Path(arguments[1]).exists()
    assert "\n" not in stopped.value.code
    assert stopped.value.code.startswith("error: ")
    return stopped.value.code


@pytest.fixture(scope="module")
def state():
    """A whole checkpoint. Tests change copies of the map, not its tensors."""
    return make_checkpoint()


def changed(name, change):
    return lambda state: {**state, name: change(state[name].clone())}


def fill_one(value):
    return lambda tensor: tensor.index_fill_(0, torch.tensor([1]), value)


NORM, LAYER = "predictor.transformer.ln_f.bias", "predictor.transformer.h.1.mlp.c_fc.weight"
WRONG_TENSORS = {
    "missing names": (
        lambda state: {name: value for name, value in state.items() if name not in ("enc.bn1.running_var", NORM)},
        [f"missing: enc.bn1.running_var, {NORM}"],
    ),
    "unexpected names": (
        lambda state: {**state, "enc.fc.bias": torch.zeros(5), "predictor.transformer.wte.weight": torch.zeros(2, 3)},
        ["unexpected: enc.fc.bias, predictor.transformer.wte.weight"],
    ),
    "positions": (
        lambda state: {**state, "predictor.transformer.wpe.weight": torch.zeros(BLOCK, WIDTH)},
        ["predictor.transformer.wpe.weight is a positional embedding, which ContextSSL does not have"],
    ),
    "a transposed weight": (
        changed(LAYER, lambda tensor: tensor.T.contiguous()),
        [f"{LAYER} has the shape (64, 256), not (256, 64)"],
    ),
    "another encoder": (
        changed("enc.layer4.1.conv2.weight", lambda tensor: tensor[:, :, :1, :1]),
        ["enc.layer4.1.conv2.weight has the shape (512, 512, 1, 1), not (512, 512, 3, 3)"],
    ),
    "not a number": (changed(LAYER, fill_one(math.nan)), [f"{LAYER} holds values that are not finite"]),
    "infinity": (changed(NORM, fill_one(-math.inf)), [f"{NORM} holds values that are not finite"]),
    "integers": (changed(NORM, torch.Tensor.long), [f"{NORM} holds torch.int64, not torch.float32"]),
    "another block length": (
        lambda state: add_masks(dict(state), tokens=8),
        ["settings.block_tokens is 8 in the checkpoint, 16 in the run"],
    ),
    "another mask": (
        lambda state: {**state, "predictor.transformer.h.0.attn.bias": torch.ones(1, 1, BLOCK, BLOCK)},
        ["predictor.transformer.h.0.attn.bias is not a causal mask of one block"],
    ),
    "all of it": (
        lambda state: {
            **{name: value for name, value in state.items() if name != NORM},
            LAYER: torch.full((256, 64), math.nan),
            "enc.fc.bias": torch.zeros(5),
            "enc.bn1.bias": torch.zeros(3),
        },
        [
            f"missing: {NORM}",
            "unexpected: enc.fc.bias",
            "enc.bn1.bias has the shape (3,), not (64,)",
            f"{LAYER} holds values that are not finite",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG_TENSORS)
def test_a_checkpoint_that_does_not_fit_is_refused_with_all_differences(
    case, state, smoke_config, smoke_packed, tmp_path
):
    change, differences = WRONG_TENSORS[case]
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    torch.save(change(state), checkpoint)
    message = refuse(checkpoint, run, smoke_packed, settings_of(smoke_config, checkpoint))
    assert message == (
        f"error: {checkpoint} does not fit the run: {'; '.join(differences)}; "
        "mend the run's settings, or give a checkpoint that was trained with them"
    )


def test_all_settings_that_differ_are_named(state, smoke_config, smoke_packed, tmp_path):
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    torch.save(state, checkpoint)
    changes = {"width": 128, "layers": 3, "output_dim": None, "auxiliary_widths": [20], "heads": 5}
    settings = settings_of(smoke_config, checkpoint, stem="cifar", **changes)
    settings["dataset"]["views"] = {**settings["dataset"]["views"], "hue": "circular"}
    message = refuse(checkpoint, run, smoke_packed, settings)
    stems = ({"kind": "resnet18", "stem": stem} for stem in ("imagenet", "cifar"))
    differences = [
        "settings.width is 64 in the checkpoint, 128 in the run",
        "settings.layers is 2 in the checkpoint, 3 in the run",
        "settings.output_dim is 24 in the checkpoint, 512 in the run",
        "settings.auxiliary_widths is [20, 12] in the checkpoint, [20] in the run",
        "a width of 64 does not divide into settings.heads 5",
        "encoder is {} in the checkpoint, {} in the run".format(*stems),
        "number of entries of an action is 6 in the checkpoint, 8 in the run",
    ]
    assert f"does not fit the run: {'; '.join(differences)}; mend" in message


class Code:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def write_code(path):
    torch.save({NORM: torch.ones(2), "code": Code()}, path)


def write_truncated(path):
    torch.save({NORM: torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:-1000])


def write_flipped(path):
    torch.save({NORM: torch.ones(1000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def write_old_and_truncated(path):
    torch.save({NORM: torch.ones(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-1000])


UNREADABLE = {
    "code": (write_code, "holds code (posix.mkdir), which is not run"),
    "code in a bare pickle": (
        lambda path: path.write_bytes(pickle.dumps(Code(), protocol=2)),
        "holds code (posix.mkdir)",
    ),
    "code in a newer pickle": (
        lambda path: path.write_bytes(pickle.dumps(Code())),
        "is damaged, or not a file of torch",
    ),
    "a whole module": (lambda path: torch.save(nn.Linear(2, 2), path), "holds code (torch.nn.modules.linear.Linear)"),
    "truncated": (write_truncated, "is damaged, or not a file of torch.save"),
    "truncated, of an old torch": (write_old_and_truncated, "is damaged, or not a file of torch.save"),
    "a flipped bit": (write_flipped, "is damaged, or not a file of torch.save"),
    "empty": (Path.touch, "is damaged, or not a file of torch.save"),
    "text": (lambda path: path.write_text("<!DOCTYPE html>"), "is damaged, or not a file of torch.save"),
    "absent": (lambda path: None, "cannot be read: No such file or directory"),
    "a folder": (Path.mkdir, "cannot be read: Is a directory"),
    "a list": (lambda path: torch.save([torch.ones(2)], path), "holds no state_dict"),
    "an empty map": (lambda path: torch.save({"model": {}}, path), "holds no state_dict"),
    "an optimizer": (
        lambda path: torch.save({"param_groups": [], "state": {}}, path),
        "its entry 'param_groups' is no",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_without_a_state_dict_is_one_sentence(case, smoke_config, smoke_packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write, message = UNREADABLE[case]
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    write(checkpoint)
    assert message in refuse(checkpoint, run, smoke_packed, settings_of(smoke_config, checkpoint))
    assert not Path("executed").exists()


def test_a_refusal_ends_the_command_with_1(smoke_config, smoke_packed, run_module, tmp_path):
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    write_truncated(checkpoint)
    arguments = arguments_of(checkpoint, run, smoke_packed, settings_of(smoke_config, checkpoint))
    result = run_module("import_checkpoint", *arguments, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert not run.exists()


def test_only_a_run_that_says_so_is_imported(state, smoke_config, smoke_packed, tmp_path):
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    torch.save(state, checkpoint)
    settings = settings_of(smoke_config, checkpoint)
    elsewhere = settings_of(smoke_config, tmp_path / "other.pt")
    assert "name it there" in refuse(checkpoint, run, smoke_packed, elsewhere)
    trained = {**settings, "training": {**settings["training"], "checkpoint": ""}}
    assert "training.checkpoint None" in refuse(checkpoint, run, smoke_packed, trained)
    simclr = {**settings, "method": "simclr"}
    assert "no released checkpoint of simclr is known, only of contextssl" in refuse(
        checkpoint, run, smoke_packed, simclr
    )
    assert "nowhere" in refuse(checkpoint, run, tmp_path / "nowhere", settings)


def test_the_run_of_other_settings_is_kept(state, smoke_config, smoke_packed, tmp_path):
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    torch.save(state, checkpoint)
    settings = settings_of(smoke_config, checkpoint)
    claim_run(run, {**settings, "seed": 1}, smoke_packed)
    before = (run / "run.json").read_bytes()
    with pytest.raises(SystemExit, match="made with another configuration"):
        call(import_checkpoint, *arguments_of(checkpoint, run, smoke_packed, settings))
    assert (run / "run.json").read_bytes() == before
    assert not (run / "weights.safetensors").exists()
