"""What is recorded of a run and its trainer, and histories whose damage shows."""

import json

import pytest
import torch

from workflow_scripts.experiment import histories
from workflow_scripts.experiment.histories import CHECKSUM, format_line, parse_line, read_history
from workflow_scripts.experiment.identity import claim_run, read_identity, tell_apart
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_settings, read_json, write_json
from workflow_scripts.training.devices import describe_machine, keep_machine
from workflow_scripts.training.divergence import check_finite, is_finite

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
MACHINE = {"device": "cpu", "threads": "2"}


@pytest.fixture
def data(tmp_path):
    write_json(tmp_path / "packed" / "meta.json", {"sha256": {"labels": "0"}})
    return tmp_path / "packed"


@pytest.fixture
def settings(smoke_config):
    from workflow_scripts.experiment.runs import get_settings, parse_run

    return get_settings(smoke_config, parse_run("contextssl", "smoke", "simclr", 0))


def test_the_trainer_is_recorded_beside_torch_and_is_no_part_of_the_hash(settings, data, tmp_path):
    plain = claim_run(tmp_path / "a", settings, data)
    found = claim_run(tmp_path / "b", settings, data, machine=MACHINE)
    assert found == {**plain, **MACHINE}
    assert read_identity(tmp_path / "b") == (settings, found)
    assert tell_apart(found, plain) == ""


def test_a_training_that_goes_on_keeps_the_trainer_it_began_with(settings, data, tmp_path):
    claim_run(tmp_path, settings, data, machine=MACHINE)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "checkpoint.pt").touch()
    assert claim_run(tmp_path, settings, data, machine={**MACHINE, "threads": "8"})["threads"] == "2"


def test_a_description_of_older_code_is_accepted(settings, data, tmp_path):
    identity = claim_run(tmp_path, settings, data)
    write_json(tmp_path / "run.json", {"settings": settings, "identity": identity})
    assert "threads" not in read_identity(tmp_path)[1]
    stored = read_json(tmp_path / "run.json")
    (tmp_path / "run.json").write_text(json.dumps(stored))  # of still older code: without a digest
    assert read_identity(tmp_path)[1] == identity
    assert identity["config"] == hash_settings(settings)


@pytest.mark.parametrize(("compiling", "recorded"), [("off", {}), ("auto", {}), ("on", {"compile": "on"})])
def test_what_decides_last_digits_on_a_cpu(compiling, recorded):
    assert describe_machine(CPU, 2, compiling) == {**MACHINE, **recorded}


def test_a_training_goes_on_with_its_own_threads_and_says_so(capsys):
    keep_machine(MACHINE, {**MACHINE, "threads": "1"}, "toy/simclr/seed0")
    assert torch.get_num_threads() == 2
    assert capsys.readouterr().out == "toy/simclr/seed0: goes on with the 2 threads that it began with, not 1\n"
    keep_machine({"device": "a GPU", "threads": "2"}, MACHINE, "toy/simclr/seed0")
    assert "goes on on cpu; it began on a GPU" in capsys.readouterr().out
    for began in (MACHINE, {}):  # older trainings did not record it
        keep_machine(began, MACHINE, "toy/simclr/seed0")
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("key", "what"), [("config", "configuration"), ("data", "other data"), ("hash", "other weights")]
)
def test_identities_are_told_apart_by_all_their_hashes(key, what):
    own = {"config": "c", "data": "d", "hash": "h"}
    assert what in tell_apart({**own, key: "x"}, own)
    assert what in tell_apart({name: value for name, value in own.items() if name != key}, own)
    assert tell_apart({**own, "code": "x"}, own) == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_found(value, tmp_path):
    tensor = torch.zeros(3, 4)
    assert is_finite(tensor)
    assert is_finite(torch.tensor([1, 2]))
    assert is_finite(torch.zeros(0))
    tensor[1, 2] = value
    assert not is_finite(tensor)
    with pytest.raises(UserError, match=f"not finite .b.: the training diverged; move or delete {tmp_path}"):
        check_finite({"a": torch.zeros(2), "b": tensor}, tmp_path, "the weights")


def test_every_flipped_bit_of_a_line_is_found_and_the_others_are_read(tmp_path, capsys):
    entries = [{"step": step, "loss": 1.5 / step, "watched": float("nan")} for step in (1, 2, 3)]
    lines = [format_line(entry) for entry in entries]
    assert [repr(parse_line(line)) for line in lines] == [repr(entry) for entry in entries]
    for place in range(len(lines[1])):
        for bit in range(8):
            assert parse_line(lines[1][:place] + bytes([lines[1][place] ^ 1 << bit]) + lines[1][place + 1 :]) is None
    histories._warn.cache_clear()
    path = tmp_path / "history.jsonl"
    path.write_bytes(lines[0] + lines[1].replace(b"0.75", b"0.76") + lines[2] + lines[0][:9])
    assert [entry["step"] for entry in read_history(path)] == [1, 3]
    assert capsys.readouterr().err == f"warning: line 2 of {path} is damaged and left out\n"
    path.write_bytes(b"".join(lines) + lines[0][:9])  # the last one is being written
    assert len(read_history(path)) == 3
    assert capsys.readouterr().err == ""


def test_a_line_of_older_code_is_read_as_it_is():
    assert parse_line(b'{"step": 1, "loss": 2.0}\n') == {"step": 1, "loss": 2.0}
    assert CHECKSUM in json.loads(format_line({"step": 1}))
    for line in (
        b"",
        b"[]\n",
        b'{"loss": 1}\n',
        b'{"step": "1"}\n',
        b'{"step": true}\n',
        b'{"step": 1, "a": null}\n',
        b"\xff\n",
    ):
        assert parse_line(line) is None
