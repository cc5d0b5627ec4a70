"""What README.md and docs/ keep of reports: verdicts, headlines, costs."""

import json

import pytest

from workflow_scripts import rows as rows_module
from workflow_scripts.documents import costs, effort, kept, results
from workflow_scripts.documents.blocks import fill_blocks, make_anchor, set_table
from workflow_scripts.readme import add_effort, copy_figures
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit


def judged(seeds=1, **verdicts):
    claims = [{"id": c, "claim": f"claim {c}", "verdict": v, "why": f"why {c}"} for c, v in verdicts.items()]
    return {"claims": [{**claim, "seeds": seeds} for claim in claims], "caveat": "small", "findings": {}}


def write_table(folder, name, **content):
    paper, scope, table = name.replace("/", ".").split(".")
    place = {"paper": paper, "scope": scope, "table": table}
    (folder / paper).mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", {"place": place, "title": table, "caveat": "small", **content})
    seeds = content.pop("cells", "claim,seeds\nid,3\nid,1\n")
    (folder / f"{name}.csv").write_text(seeds)


def test_a_report_gives_verdicts_with_reasons_and_headlines(tmp_path):
    with pytest.raises(UserError, match="run make reproduce first"):
        kept.read_report(tmp_path)
    write_table(tmp_path, "one/toy.scorecard", lines=[["id", "it works", "undecided", "too close"]])
    said = [{"text": "A is 3.", "headline": True, "bars": []}, {"text": "B is 4.", "headline": False}]
    write_table(tmp_path, "one/toy.main", lines=[], findings=said)
    write_table(tmp_path, "two/toy.main", lines=[], findings=[])  # says nothing
    found = kept.read_report(tmp_path)
    assert set(found) == {"one"}
    (claim,) = found["one"]["toy"]["claims"]
    assert claim == {"id": "id", "claim": "it works", "verdict": "undecided", "why": "too close", "seeds": 3}
    assert found["one"]["toy"]["findings"] == {"main": {"title": "main", "texts": ["A is 3."], "seeds": 3}}


def test_what_an_experiment_did_not_run_keeps_its_verdict():
    known = {"toy": judged(a="reproduced", b="not run", c="reproduced"), "other": judged(a="undecided")}
    found = {"toy": judged(a="not run", b="reproduced", c="not reproduced", d="not run"), "bare": judged(a="not run")}
    merged = kept.merge_scopes(known, found)
    assert merged == {"toy": judged(a="reproduced", b="reproduced", c="not reproduced", d="not run")} | {
        "other": judged(a="undecided")
    }
    assert kept.merge_scopes({}, known) == known
    assert kept.merge_papers({"one": known}, {"two": found})["one"] == known


def test_fewer_seeds_do_not_overrule_more_and_are_named():
    known = {"toy": judged(3, a="not reproduced", b="not run")}
    found = {"toy": judged(1, a="reproduced", b="reproduced")}
    merged = kept.merge_scopes(known, found)
    assert [c["verdict"] for c in merged["toy"]["claims"]] == ["not reproduced", "reproduced"]
    assert kept.count_seeds(merged["toy"]) == 3
    assert kept.count_seeds(judged(3, a="not run")) == kept.count_seeds(None) == 0
    text = results.render_totals({"essl": merged})
    assert "| [essl on toy](docs/results.md#essl-on-toy) | 1 reproduced, 1 not reproduced | 3, some 1 |" in text
    page = results.render_page({"essl": merged})
    assert "| claim b | reproduced (1 seed) | why b |" in page
    assert "| claim a | not reproduced | why a |" in page


def test_a_claim_keeps_its_verdict_under_a_new_text_and_loses_it_under_a_new_name():
    known = judged(3, a="reproduced")
    found = judged(1, a="not run")
    found["claims"][0]["claim"] = "in other words"
    found["findings"] = {"main": {"title": "", "texts": ["C."], "seeds": 1}}
    (claim,) = kept.merge_scopes({"toy": known}, {"toy": found})["toy"]["claims"]
    assert (claim["claim"], claim["verdict"]) == ("in other words", "reproduced")
    found["claims"][0]["id"] = "b"
    (claim,) = kept.merge_scopes({"toy": known}, {"toy": found})["toy"]["claims"]
    assert claim["verdict"] == "not run"


def test_headlines_of_fewer_seeds_do_not_replace_those_of_more():
    def say(seeds, **tables):
        return {**judged(), "findings": {n: {"title": n, "texts": [t], "seeds": seeds} for n, t in tables.items()}}

    merged = kept.merge_scopes({"toy": say(3, a="old", b="old")}, {"toy": say(1, a="new", c="new")})
    assert [table["texts"] for table in merged["toy"]["findings"].values()] == [["old"], ["old"], ["new"]]
    text = results.render_findings({"essl": merged})
    assert "on [toy](docs/results.md#essl-on-toy), 3 seeds:" in text
    assert text.count("\n- ") == 3
    assert "- old\n- old\n- [1 more](docs/results.md#essl-on-toy)\n" in text, "the first, and where the others are"
    assert "- new (1 seed)" in results.render_page({"essl": merged})


def test_times_are_of_as_many_seeds_as_the_verdicts():
    known, found = ({"toy": {**judged(n, a="reproduced"), "effort": {"seconds": n, "device": "CPU"}}} for n in (3, 1))
    assert kept.merge_scopes(known, found)["toy"]["effort"]["seconds"] == 3
    assert kept.merge_scopes(found, known)["toy"]["effort"]["seconds"] == 3
    assert "effort" not in kept.merge_scopes({"toy": judged(3, a="reproduced")}, found)["toy"]


def test_old_entries_have_no_reason_and_no_headlines():
    old = {"claims": [{"claim": "I(A|B) rises", "verdict": "reproduced", "seeds": 1}], "caveat": ""}
    page = results.render_page({"essl": {"toy": old}})
    assert r"| I(A\|B) rises | reproduced |" in page
    found = judged(1, a="not run")
    found["claims"][0]["claim"] = "I(A|B) rises"
    found["findings"] = {"main": {"title": "", "texts": ["C."], "seeds": 1}}
    (claim,) = kept.merge_scopes({"toy": old}, {"toy": found})["toy"]["claims"]
    assert claim["verdict"] == "reproduced"


def test_figures_that_are_shown_are_those_of_the_report_with_most_seeds(tmp_path):
    report, folder = tmp_path / "report", tmp_path / "docs"
    for place, text in ((report / "figures", b"new"), (folder, b"old")):
        (place / "one").mkdir(parents=True)
        (place / "one" / "toy.curves.png").write_bytes(text)
    (report / "figures" / "one" / "toy.main.png").write_bytes(b"new")
    (report / "figures" / "one" / "toy.more.png").touch()
    shown = ["one/toy.curves.png", "one/toy.main.png", "one/other.main.png"]
    few, many = ({"one": {"toy": judged(seeds, a="reproduced")}} for seeds in (1, 3))
    copy_figures(report, many, few, shown, folder)
    read = {path.name: path.read_bytes() for path in (folder / "one").iterdir()}
    assert read == {"toy.curves.png": b"old", "toy.main.png": b"new"}
    copy_figures(report, many, many, shown, folder)
    assert (folder / "one" / "toy.curves.png").read_bytes() == b"new"


def test_blocks_are_filled_and_missed():
    text = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n"
    filled = fill_blocks(text, {"x": "new\n", "y": r"\1"}, "page.md")
    assert filled == "a\n<!-- x -->\n\nnew\n\n<!-- end -->\nb\n<!-- y -->\n\n\\1\n<!-- end -->\n"
    assert fill_blocks(filled, {"x": "new\n", "y": r"\1"}, "page.md") == filled
    with pytest.raises(UserError, match=r"page\.md has 0 blocks `z`"):
        fill_blocks(text, {"z": ""}, "page.md")
    assert set_table(["A", "B"], [["x|\ny", ""]]) == "| A |\n| --- |\n| x\\| y |\n"
    assert make_anchor("essl on cifar10-16, kept_x") == "essl-on-cifar10-16-kept_x"


def write_job(folder, stage, seconds, computed):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stage}.time.tsv").write_text(f"s\tcpu_time\n{seconds}\t{computed}\n")


def test_an_experiment_costs_what_its_jobs_took(tmp_path, monkeypatch):
    monkeypatch.setattr(effort, "load_experiment", lambda name, given: json.loads(json.dumps(CONFIG | given)))
    monkeypatch.setattr(effort, "list_runs", lambda config: [FakeRun(seed) for seed in config["seeds"]])
    write_job(tmp_path / "results/toy/data/source", "pack", 9, 5)
    for seed in (0, 1):
        write_job(tmp_path / FakeRun(seed).folder, "pretrain", 100, 60 + seed)
        write_job(tmp_path / FakeRun(seed).folder, "evaluate", 7, "-")  # too short to be measured
    table = {"run": [FakeRun(seed).folder for seed in (0, 1, 2)], "seed": [0, 1, 2], "dataset": "d", "device": "cpu"}
    rows = rows_module.pd.DataFrame(table)
    measured = effort.measure_experiment("toy/small", rows, tmp_path)
    assert measured["seconds"] == {"data": 5, "seeds": [67, 68]}  # seed 2 is not all there
    assert measured["bytes"]["seeds"][0] == sum(p.stat().st_size for p in (tmp_path / FakeRun(0).folder).iterdir())
    assert effort.measure_data_sets(rows, tmp_path) == {"d": {"seconds": 135, "device": "CPU"}}
    on_gpu = effort.measure_experiment("toy/small", rows.assign(device="a GPU"), tmp_path)
    assert on_gpu["seconds"] == {"data": 9, "seeds": [107, 107]}
    assert effort.measure_experiment("toy/small", rows, tmp_path / "elsewhere") is None
    known = costs.keep_measured({}, "toy/small", measured)
    fewer = {**measured, "seconds": {"data": 1, "seeds": [1]}}
    assert costs.keep_measured(known, "toy/small", fewer) == costs.keep_measured(known, "toy/small", None) == known


CONFIG = {"datasets": ["d"], "dataset_settings": {"d": {"source": "source"}}, "papers": ["toy"]}
CONFIG |= {"evaluation": {}, "experiment": "toy/small", "sources": {}}


class FakeRun:
    def __init__(self, seed):
        self.seed, self.folder = seed, f"results/toy/d/method/seed{seed}"


def test_results_elsewhere_leave_costs_as_they_were(tmp_path):
    found = {"one": {"toy": judged(a="reproduced")}}
    assert add_effort(found, {"x": {}}, tmp_path / "reports" / "one" / "small") == {"x": {}}
    assert found["one"]["toy"]["experiments"] == ["one/small"]
    assert "effort" not in found["one"]["toy"]


def test_costs_are_measured_or_else_planned():
    planned = {"seeds": 1, "data": {"a": 170e6, "b": None, "c": effort.NEEDS_LOGIN}, "packed": 2e9, "embeddings": 3e6}
    planned |= {"hours": {"CPU thread": 0.5}, "gpu": False}
    took = {"data": 60, "seeds": [600, 800]}
    measured = {"seconds": took, "bytes": {"data": 1e6, "seeds": [2e6, 2e6]}, "device": "CPU"}
    time, disk, needs = costs.say_cost({"planned": planned}, "make reproduce")
    assert (time, disk) == (
        "training about 30 min on one CPU core, 1 seed",
        "2.0 GB, and up to 3 MB while it evaluates",
    )
    assert needs == "a download (a, 170 MB); a download (b); your own copy of c"
    own = {"planned": planned, "measured": measured}
    assert costs.say_cost(own, "make reproduce")[:2] == ["6 min on 2 cores, 1 seed", "3 MB"]
    assert costs.say_cost(own, "make reproduce SEEDS=3")[:2] == ["18 min on 2 cores, 3 seeds", "7 MB"]
    on_gpu = {"planned": {**planned, "data": {}, "gpu": True}, "measured": {**measured, "device": "H100"}}
    assert costs.say_cost(on_gpu, "make reproduce")[::2] == ["11 min of jobs, 1 seed", "a GPU"]


def test_commands_belong_to_experiments():
    named = {
        "make reproduce": "a/small",
        "make reproduce EXPERIMENT=b/c SEEDS=2": "b/c",
        "make plan EXPERIMENT=b/c": "",
        "make paper": "a/paper",
        "make status": "",
    }
    assert {line: costs.name_experiment(line, "a/small") for line in named} == named
    commands = {"start": [{"command": "make test", "what": "checks"}], "groups": []}
    assert costs.render_start({}, "a/small", commands) == "    # checks\n    make test\n"


def test_an_experiment_that_nobody_ran_is_planned():
    plan = effort.plan_experiment("contextssl/paper")
    assert plan["seeds"] == 3
    assert plan["packed"] == 2_623_600 * 128 * 128 * 3
    assert plan["data"] == {"3diebench": None}
    assert plan["hours"]["NVIDIA H200"] > 0
    assert "GPU" not in plan["hours"]  # which is stated, not measured
    assert plan["gpu"]
    small = effort.plan_experiment("contextssl/smoke")
    assert (small["data"], small["gpu"], len(small["hours"])) == ({}, False, 1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(41, "41 s"), (1500, "25 min"), (11500, "3.2 h"), (90000, "25 h"), (4e6, "1,111 h")]
)
def test_durations(seconds, text):
    assert costs.say_duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(10, "1 MB"), (2.5e8, "250 MB"), (3.44e9, "3.4 GB"), (1.29e11, "129 GB")])
def test_sizes(size, text):
    assert costs.say_size(size) == text
