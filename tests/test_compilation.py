"""Encoders that are compiled for training: when, with the same losses and names, and what happens if that fails."""

import json

import pytest
import torch

from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.runs import get_settings, parse_run
from workflow_scripts.methods.base import Task
from workflow_scripts.pretrain import read_switch
from workflow_scripts.training import compilation
from workflow_scripts.training.compilation import EncoderCompiler, pays_to_compile
from workflow_scripts.training.loop import Engine, train
from workflow_scripts.training.run import build_method
from workflow_scripts.training.state import TrainingState

pytestmark = pytest.mark.golden
CPU = torch.device("cpu")
PAPER = 2 * 512 * 3 * 128**2  # numbers of a step: two views of 512 objects, images of 128 px


def test_compiling_has_to_pay():
    # 34 s against 9.9 ms a step: 3,434.3 steps
    assert not pays_to_compile("cuda", 3434, PAPER)
    assert pays_to_compile("cuda", 3435, PAPER)
    assert not pays_to_compile("cuda", 4 * 3434, PAPER // 4)  # images of half the side save a quarter
    assert pays_to_compile("cuda", 4 * 3435, PAPER // 4)
    assert not pays_to_compile("cpu", 10**9, PAPER)


@pytest.mark.parametrize(("text", "switch"), [("True", "on"), ("False", "off"), ("on", "on"), ("auto", "auto")])
def test_the_command_line_takes_what_yaml_makes_of_a_switch(text, switch):
    assert read_switch(text) == switch


def test_no_other_switch_is_taken(run_module):
    result = run_module("pretrain", "--compile", "maybe", check=False)
    assert result.returncode == 2
    assert "invalid read_switch value: 'maybe'" in result.stderr


def prepare(config, packed, dataset="smoke", name="contextssl", encoder=None, **training):
    settings = get_settings(config, parse_run("contextssl", dataset, name, 0))
    settings["training"] |= training
    settings["encoder"] |= encoder or {}
    views = open_views(packed, settings["dataset"], "train", CPU)
    return build_method(settings, Task(views.space, views.classes), packed), views, settings["training"]


def read_losses(state):
    return [json.loads(line)["loss"] for line in state.history.read_text().splitlines()]


def run(prepared, folder, choice, **training):
    """Train, and return the losses of the steps and the method."""
    method, views, settings = prepared
    state = TrainingState(folder, "identity")
    train(method, views, {**settings, **training}, 0, state, Engine(CPU, log_every=1, compile=choice))
    return read_losses(state), method


@pytest.fixture
def traced(monkeypatch):
    """Compilation that traces and differentiates, and makes no code of it: quick. The graphs, as they are made."""
    from torch._dynamo import lookup_backend  # seconds to import

    graphs, trace = [], lookup_backend("aot_eager")
    monkeypatch.setattr(compilation, "BACKEND", lambda graph, inputs: graphs.append(graph) or trace(graph, inputs))
    torch.compiler.reset()
    return graphs


def test_a_compiled_training_gives_the_same_losses_and_names(traced, smoke_config, smoke_packed, tmp_path):
    made = [prepare(smoke_config, smoke_packed, steps=7, last_batch="keep") for _ in range(2)]
    plain, first = run(made[0], tmp_path / "off", "off")
    assert not traced
    compiled, second = run(made[1], tmp_path / "on", "on")
    assert len(traced) == 1  # once, although an epoch's last batch is smaller
    assert compiled == pytest.approx(plain, abs=1e-4)
    assert list(first.state_dict()) == list(second.state_dict())
    for name, value in first.state_dict().items():  # BatchNorm's statistics, too
        torch.testing.assert_close(second.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_only_whole_batches_are_compiled(traced, smoke_config, smoke_packed):
    method, views, _ = prepare(smoke_config, smoke_packed)
    compiler = EncoderCompiler(method.encoder, "on", "cpu", 5, 16)
    whole, rest = (views.sample(torch.arange(count).numpy(), method.sharing(), 0, "test") for count in (16, 8))
    own = type(method.encoder).forward
    for batch, expected in ((whole, True), (rest, False), (whole, True)):
        with compiler.used_for(batch):
            assert ("forward" in vars(method.encoder)) == expected
            method.encode(batch)
        assert method.encoder.forward.__func__ is own  # as it was
    assert len(traced) == 1
    for choice in ("off", "auto"):
        assert not EncoderCompiler(method.encoder, choice, "cpu", 10**9, 16).wants(whole)
    assert EncoderCompiler(method.encoder, "auto", "cuda", 10**9, 16).wants(whole)


def test_checkpoints_pass_from_compiled_to_uncompiled_runs_and_back(traced, smoke_config, smoke_packed, tmp_path):
    constant = {"schedule": {"kind": "steps", "warmup_steps": 0, "milestones": [], "factor": 0.1}}
    whole, first = run(prepare(smoke_config, smoke_packed, **constant), tmp_path / "whole", "off", steps=6)
    assert not traced
    for choice, steps in (("on", 2), ("off", 4), ("on", 6)):
        losses, method = run(prepare(smoke_config, smoke_packed, **constant), tmp_path / "mixed", choice, steps=steps)
    assert len(losses) == 6
    assert losses == pytest.approx(whole, abs=1e-4)
    assert traced
    for name, value in first.state_dict().items():
        torch.testing.assert_close(method.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def fail(*_):
    raise RuntimeError("no compiler is here\nand more")


@pytest.mark.parametrize("which", ["forward", "backward"])
def test_where_compiling_fails_training_goes_on_and_says_so(
    which, smoke_config, smoke_packed, tmp_path, monkeypatch, capsys
):
    """Also where only the graph of the backward pass is too much for the compiler."""
    from torch._dynamo.backends.common import aot_autograd
    from torch._functorch.compilers import nop

    monkeypatch.setattr(
        compilation, "BACKEND", fail if which == "forward" else aot_autograd(fw_compiler=nop, bw_compiler=fail)
    )
    torch.compiler.reset()
    plain, first = run(prepare(smoke_config, smoke_packed, steps=4), tmp_path / "off", "off")
    capsys.readouterr()
    found, second = run(prepare(smoke_config, smoke_packed, steps=4), tmp_path / "on", "on")
    assert found == plain  # not a bit of it
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    said = [line for line in capsys.readouterr().err.splitlines() if "warning: the encoder" in line]
    assert len(said) == 1
    assert "is trained uncompiled; compiling it failed" in said[0]
    assert "no compiler is here" in said[0]


def test_too_little_memory_is_not_taken_for_a_compiler_that_fails(smoke_config, smoke_packed, capsys):
    method, views, _ = prepare(smoke_config, smoke_packed)
    compiler = EncoderCompiler(method.encoder, "on", "cpu", 5, 16)
    batch = views.sample(torch.arange(16).numpy(), method.sharing(), 0, "test")

    def need_more(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    vars(compiler)["_compiled"] = need_more  # as compiled
    with pytest.raises(torch.OutOfMemoryError), compiler.used_for(batch):
        method.encode(batch)
    assert not compiler.failed
    assert not capsys.readouterr().err


def test_torchs_own_compiler_gives_the_same_losses(smoke_config, smoke_table, tmp_path):
    from torch._inductor import config as inductor
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception as error:
        pytest.skip(f"torch compiles nothing here, there is no C++ compiler: {error}")
    small = {"widths": [8], "dim": 8}
    options = {"dataset": "smoke-table", "encoder": small, "steps": 4}
    plain, _ = run(prepare(smoke_config, smoke_table, **options), tmp_path / "off", "off")
    torch.compiler.reset()
    # Half a minute, most of it in the C++ compiler: one at a time, without what only speeds up later ones.
    with inductor.patch({"compile_threads": 1, "cpp_cache_precompile_headers": False, "cpp.simdlen": 1}):
        compiled, _ = run(prepare(smoke_config, smoke_table, **options), tmp_path / "on", "on")
    assert compiled == pytest.approx(plain, abs=1e-4)
