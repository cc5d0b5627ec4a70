"""Imported checkpoints: their embeddings against a model written out from its formulas, and what rules make of them."""

import json

import pytest
import torch
from project import call, run_snakemake
from released_checkpoint import ACTION, RUN, Reference, add_masks, arguments_of, make_checkpoint, settings_of

from workflow_scripts import evaluate, import_checkpoint
from workflow_scripts.experiment.identity import claim_run, read_identity
from workflow_scripts.experiment.runs import get_labels
from workflow_scripts.rows import read_rows
from workflow_scripts.training.run import load_run, read_weights

FORMS = {
    "plain": lambda state: state,
    "nested, DataParallel": lambda state: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}},
    "masks, no counters": lambda state: {
        "model": {k: v for k, v in add_masks(state).items() if "num_batches_tracked" not in k}
    },
}


@pytest.mark.golden
@pytest.mark.parametrize(("form", "stem"), list(zip(FORMS, ["imagenet", "cifar", "imagenet"], strict=True)))
def test_embeddings_are_those_of_the_formulas(form, stem, smoke_config, smoke_packed, tmp_path):
    state, checkpoint, run = make_checkpoint(stem), tmp_path / "checkpoint.pt", tmp_path / "run"
    torch.save(FORMS[form](dict(state)), checkpoint)
    call(import_checkpoint, *arguments_of(checkpoint, run, smoke_packed, settings_of(smoke_config, checkpoint, stem)))
    method, reference = load_run(run, smoke_packed), Reference(state, stem)
    images = torch.randn(11, 3, 4, 4).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)  # patches of color
    pair_actions, actions = torch.randn(4, ACTION), torch.randn(3, ACTION)
    shown = torch.stack([pair_actions, torch.zeros(4, ACTION)], dim=1).flatten(0, 1)
    outputs, errors = {}, []
    with torch.inference_mode():
        features, expected_features = method.encoder(images), reference.network(images.double())
        pairs = expected_features[3:].unflatten(0, (4, 2))
        for kind, given in {"z+": torch.zeros(3, ACTION), "z_r": actions}.items():
            for length in (0, 2, 8):
                context = method.cache_context(features[3:][:length], shown[:length])
                ours = method.embed(features[:3], given, context)
                expected = reference.embed(
                    expected_features[:3], given, pairs[: length // 2], pair_actions[: length // 2]
                )
                outputs[kind, length] = expected
                errors.append(float((ours - expected).abs().max()))
    # Ours is in single precision, the reference in double: 1.6e-6 was measured, on values up to 3.3.
    assert max(errors) < 2e-5
    # The comparison would notice a context or an action that is not read.
    for one, other in ((("z+", 0), ("z+", 2)), (("z+", 2), ("z+", 8)), (("z+", 8), ("z_r", 8))):
        assert (outputs[one] - outputs[other]).abs().max() > 0.1


@pytest.mark.golden
def test_half_precision_is_read_as_it_is(smoke_config, smoke_packed, tmp_path):
    checkpoint, run = tmp_path / "checkpoint.pt", tmp_path / "run"
    state = {name: value.half() if value.is_floating_point() else value for name, value in make_checkpoint().items()}
    torch.save(state, checkpoint)
    call(import_checkpoint, *arguments_of(checkpoint, run, smoke_packed, settings_of(smoke_config, checkpoint)))
    loaded = load_run(run, smoke_packed).state_dict()
    assert torch.equal(loaded["predictor.norm.bias"], state["predictor.transformer.ln_f.bias"].float())
    assert loaded["encoder.network.bn1.num_batches_tracked"] == 7


@pytest.mark.golden
def test_evaluation_takes_an_imported_run_for_one_of_ours(smoke_config, smoke_packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(make_checkpoint(output=512), "checkpoint.pt")
    settings, run = settings_of(smoke_config, "checkpoint.pt", output_dim=None), tmp_path / RUN.folder
    call(import_checkpoint, *arguments_of("checkpoint.pt", run, smoke_packed, settings))
    assert claim_run(tmp_path / "trained", settings, smoke_packed) == read_identity(run)[1]
    assert read_weights(run / "weights.safetensors")[1] == read_identity(run)[1]
    contexts = {"lengths": [0, 2], "controls": [], "control_lengths": [2]}
    evaluation = {**smoke_config["evaluation"], "contexts": contexts}
    rows, labels = run / "rows" / "evaluation.parquet", json.dumps(get_labels(RUN))
    options = ["--run", run, "--data", smoke_packed, "--evaluation", json.dumps(evaluation), "--labels", labels]
    options += ["--output", rows, "--summary", tmp_path / "evaluation.json", "--card", tmp_path / "card.md"]
    options += ["--device", "cpu", "--threads", 1]
    call(evaluate, *options)
    assert not (run / "embeddings").exists()
    assert set(read_rows(rows)["level"].dropna()) == {0, 2}
    assert (read_rows(rows)["variant"] == "authors").all()


@pytest.mark.workflow
def test_the_workflow_imports_and_never_trains_instead(tmp_path):
    change = 'variants={"authors": {"training": {"checkpoint": "checkpoint.pt"}}}'
    arguments = ["--dry-run", "--config", change, "--", f"{RUN.folder}/weights.safetensors"]
    result = run_snakemake(tmp_path, *arguments, check=False)
    assert result.returncode != 0
    assert "checkpoint.pt" in result.stdout + result.stderr
    (tmp_path / "checkpoint.pt").touch()
    result = run_snakemake(tmp_path, *arguments)
    assert "rule import_checkpoint:" in result.stdout
    assert "rule pretrain:" not in result.stdout
