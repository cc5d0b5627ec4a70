"""The harness of attacks: its quick cases, a short piece of the rest, and that it sees every defect."""

import time

import pytest

from tests.attack import __main__ as harness
from tests.attack.case import HANG, LOST, OTHER, REFUSED, RIGHT, SILENT, TRACEBACK, Case, Seen, attempt, judge
from tests.attack.inputs import list_cases, list_fuzzers, list_rooms, make_cases
from tests.attack.kills import Kill
from tests.attack.tables import count, describe_totals, list_lines, store, write_page
from tests.attack.tiny import name_kind
from tests.attack.trial import Trial, describe
from tests.attack.worker import Part, Progress, watch
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json

pytestmark = pytest.mark.faults

FUZZED = 8  # made-up inputs of each kind
QUICK = [pytest.param(case, id=f"{room}: {case.name}") for room, case in list_cases() if case.quick]
TRACE = "Traceback (most recent call last):\n  File ...\nKeyError: 'x'"


def check(case, folder):
    """Make an attack, and fail where it comes out otherwise."""
    seen = case.act(folder)
    assert judge(case, seen) == case.expected, f"{case.name}: {describe(seen)}; expected: {case.says or case.expected}"


@pytest.mark.parametrize("case", QUICK)
def test_an_attack_comes_out_as_expected(case, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("fuzzer", list_fuzzers())
def test_what_is_made_up_is_refused_or_right(fuzzer, tmp_path):
    for number, case in enumerate(make_cases(fuzzer, 0, FUZZED)):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(case, folder)


@pytest.mark.parametrize("room", list_rooms())
def test_no_two_cases_of_a_module_have_one_name(room):
    names = [case.name for found, case in list_cases() if found == room]
    assert names
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("expected", "seen", "outcome"),
    [
        (REFUSED, Seen(1, "error: no such file; make it"), REFUSED),
        (REFUSED, Seen(1, "x: error: no such file; make it"), REFUSED),
        (REFUSED, Seen(1, "error: something else"), OTHER),
        (REFUSED, Seen(1, "no sentence"), OTHER),
        (REFUSED, Seen(1, "error: make it\nerror: make it"), OTHER),
        (REFUSED, Seen(0, "all is well"), SILENT),
        (REFUSED, Seen(1, "error: make it", "what it advises does not help"), OTHER),
        (REFUSED, Seen(1, TRACE), TRACEBACK),
        (REFUSED, Seen(-9, ""), TRACEBACK),
        (REFUSED, Seen(None, ""), HANG),
        (REFUSED, Seen(1, "error: make it", lost=True), LOST),
        (RIGHT, Seen(0, ""), RIGHT),
        (RIGHT, Seen(0, "", "other bytes"), SILENT),
        (RIGHT, Seen(1, "error: make it"), OTHER),
        (RIGHT, Seen(0, "", lost=True), LOST),
        (RIGHT, Seen(None, ""), HANG),
    ],
)
def test_the_judge_tells_every_outcome(expected, seen, outcome):
    assert judge(Case("it", lambda _: seen, expected, "make it"), seen) == outcome


def test_a_check_within_the_process_is_seen_as_a_command_would_be():
    def refuse():
        raise UserError("no; do so")

    assert attempt(refuse) == Seen(1, "error: no; do so")
    assert attempt(lambda: None) == Seen(0, "")
    assert attempt(lambda: "wrong").problem == "wrong"
    assert describe(attempt(lambda: {}["x"])) == "KeyError: 'x'"


def test_the_runner_survives_what_it_runs(tmp_path):
    part = Part("tests.support.hostile_attacks", "hostile_attacks", patience=0.5)
    trials = list(watch(part, tmp_path, time.monotonic() + 60, progress := Progress(), memory=800 << 20))
    assert [(trial.kind, trial.survived) for trial in trials] == [
        *((name, False) for name in ("hang", "eat", "leave", "die", "fail")),
        ("good", True),
    ]
    assert [trial.defect for trial in trials[:5]] == [HANG] * 4 + [TRACEBACK]
    assert "in its time" in trials[0].seen
    assert "memory" in trials[1].seen
    assert "processes left" in trials[2].seen
    assert trials[3].seen == "the process died"
    assert "a defect of the case" in trials[4].seen
    assert (progress.done, progress.missed) == (6, "")


def test_what_does_not_fit_into_the_time_is_said(tmp_path):
    part = Part("tests.support.hostile_attacks", "slow_attacks")
    began = time.monotonic()
    deadline = began + 60
    first = next(trials := watch(part, tmp_path, deadline, progress := Progress()))
    trials.close()
    assert first.survived
    progress.done = 0
    assert not list(watch(part, tmp_path, time.monotonic() - 1, progress))
    assert progress.missed
    assert time.monotonic() - began < 30


def test_toy_stages_survive_kills_and_full_disks_at_their_operations(tmp_path):
    part = Part("tests.support.hostile_attacks", "toy_operations", {"folder": tmp_path / "toy", "seed": 1, "count": 1})
    trials = list(watch(part, tmp_path / "work", time.monotonic() + 120, Progress()))
    assert not [f"{trial.kind}, {trial.name}: {trial.seen}" for trial in trials if not trial.survived]
    assert sum(trial.aimed for trial in trials) == 4


def test_a_table_counts_each_outcome_and_keeps_other_parts(tmp_path):
    path = tmp_path / "attack.json"
    store(path, "downloads", [Trial("drops", True, "the whole file")], "", 0)
    trials = [
        Trial("kill", True, "ended well"),
        Trial("kill", False, "other bytes", defect=SILENT),
        Trial("kill", False, "a step is missing"),
        Trial("damage", False, "hangs", defect=HANG, aimed=False),
    ]
    content = store(path, "kills", trials, "3 of 7 not tried", 1)
    assert content["rows"] == [
        ["downloads", "1", "1", "0", "0", "0", ""],
        ["kills", "4", "1", "1", "1", "1", "3 of 7 not tried"],
        ["all", "5", "2", "1", "1", "1", ""],
    ]
    assert read_json(path) == content
    write_page(tmp_path / "page.md", content)
    assert "\n| drops | nothing lost | 1 | 1 | the whole file |\n" in (tmp_path / "page.md").read_text()
    assert list_lines(trials)[0][:4] == ["kill", "nothing lost", "3", "1"]
    assert list_lines(trials)[0][4].startswith("silent: other bytes; or lost:")
    assert describe_totals(count(trials)).startswith("4 tried, 1 wrong in silence, 1 lost work, 1 other defects; 1 of")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["bash", "-c", "python -m workflow_scripts.pack"], ""),
        (["python", "-m", "workflow_scripts.pretrain", "--run", "x"], "pretrain"),
        (["python", "-m", "snakemake", "--cores", "2"], ""),
        (["/x/python", "/x/bin/snakemake", "--cores"], "snakemake"),
        (["python", "-c", "from multiprocessing.spawn import spawn_main"], "worker"),
        (["python", "-c", "from multiprocessing.resource_tracker import main"], ""),
        ([], ""),
    ],
)
def test_processes_are_told_apart_by_their_words(words, kind):
    assert name_kind(words) == ("snakemake" if "snakemake" in words else kind)


def test_the_command_bounds_and_reports(tmp_path, capsys, monkeypatch):
    good = Trial("kill", True, "")
    monkeypatch.setattr(harness, "list_parts", lambda *_: iter([Part("", "")]))
    for trial, code in ((good, 0), (Trial("kill", False, "gone"), 1)):
        monkeypatch.setattr(harness, "watch", lambda *_, trial=trial: iter([trial]))
        output = tmp_path / f"{code}.json"
        arguments = harness.parse_arguments(["--only", "inputs", "--minutes", "1", "--output", str(output)])
        assert harness.attack(arguments, tmp_path) == code
        assert read_json(output)["totals"]["lost"] == code
    assert "1 tried, 0 wrong in silence, 1 lost work" in capsys.readouterr().out
    assert Kill("group", harness_signal()).describe() == "SIGTERM to all processes"


def harness_signal():
    """The signal of a polite end."""
    import signal

    return signal.SIGTERM
