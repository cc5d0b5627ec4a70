"""Tables, figures and report: cells against a loop, nothing left out, the same bytes, and no torch."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.experiment.identity import hash_code, list_training_code
from workflow_scripts.reporting.cells import make_tables, read_material
from workflow_scripts.reporting.findings import describe_controls
from workflow_scripts.reporting.formats import FORMATS, format_number, lay_out, to_latex, to_markdown
from workflow_scripts.reporting.interactive import draw_curves
from workflow_scripts.reporting.layouts import list_views
from workflow_scripts.reporting.page import describe_provenance, make_page
from workflow_scripts.reporting.plots import plot_curves, save_figure
from workflow_scripts.rows import make_rows, read_rows, write_rows
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[1]
PAPER = ROOT / "papers" / "contextssl.yaml"
CAVEAT = "embedded data <b>& small</b>"
GROUPS = ["rotation", "color"]
LENGTHS = [0, 2, 14, 30, 126]


def row(run, task, metric, value, representation="h", context="", length=None, seed=0, dataset="toy"):
    method, _, variant = run.partition("~")
    keys = {"dataset": dataset, "benchmark": "3diebench", "method": method, "group": "", "variant": variant}
    where = {"seed": seed, "representation": representation, "context": context, "length": length, "split": "test"}
    origin = {"run": f"results/{dataset}/{run}/seed{seed}", "config_hash": "c", "data_hash": "d", "code_hash": "e"}
    return {**keys, **where, "task": task, "metric": metric, "value": value, "n": 9, **origin, "device": "cpu"}


def make_all_rows(random, runs, dataset="toy"):
    """Random numbers of every run with three seeds; contextssl under every context."""
    rows = []
    for run in runs:
        places = [("h", "", None)]
        if run.startswith("contextssl"):
            places += [("z+", kind, length) for kind in GROUPS for length in LENGTHS]
            places += [("z+", kind, 14) for kind in ("zero-action", "rotation+shuffled", "color+shuffled")]
        for representation, context, length in places:
            for seed in range(3):
                for task in GROUPS:
                    for metric in ("r2", "r2_pooled"):
                        value = float(random.random())
                        rows.append(row(run, task, metric, value, representation, context, length, seed, dataset))
                rows.append(row(run, "class", "top1", 90.0, representation, context, length, seed, dataset))
    return rows


@pytest.fixture
def given(tmp_path, random):
    """Stored rows of two methods and a control, and what the rules would pass."""
    rows = make_rows(make_all_rows(random, ["simclr", "contextssl", "constant"]))
    path = tmp_path / "rows.parquet"
    write_rows(rows, path)
    meta = tmp_path / "data" / "toy" / "packed" / "meta.json"
    meta.parent.mkdir(parents=True)
    objects = {"train": 3, "val": 2}
    facts = {"source": "toy", "description": "Toy.", "classes": ["<script>alert(1)</script>"], "objects": objects}
    facts |= {"caveat": CAVEAT, "views": 4, "resolution": 32}
    write_json(meta, {**facts, "columns": [], "counts": [["patients", 100], ["adults", 99]]})
    entry = {
        "source": "toy",
        "benchmark": "3diebench",
        "groups": GROUPS,
        "methods": ["simclr", "contextssl", "constant"],
    }
    entry["transformers"] = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    return {"rows": rows, "path": path, "meta": meta, "datasets": {"toy": entry}}


def tables_of(given, **changes):
    given = {**given, **changes}
    material = read_material(given["path"], [given["meta"]], given["datasets"], given.get("histories", []))
    return {(table.view.scope, table.view.name): table for table in make_tables(material, [PAPER])}


def test_cells_match_a_loop(given):
    main = tables_of(given)["toy", "main"]
    rows = given["rows"].to_dict("records")
    for line, cells in zip(main.view.rows, main.cells, strict=True):
        for column, cell in zip(main.view.columns, cells, strict=True):
            wanted = column.select["representation"]
            context = line.select.get("context") if wanted == "embedding" else None
            values = [
                r["value"]
                for r in rows
                if r["method"] == line.select["method"]
                and (r["task"], r["metric"]) == (column.select["task"], column.select["metric"])
                and r["representation"] == ("z+" if context else "h")
                and r["context"] == (context or "")
                and (not context or r["length"] == 126)
                and r["group"] == line.select.get("group", "")
            ]
            assert cell.seeds == len(values)
            if values:
                assert cell.mean == pytest.approx(sum(values) / 3)
                spread = (sum((v - cell.mean) ** 2 for v in values) / 2) ** 0.5
                assert cell.std == pytest.approx(spread)
            else:
                assert cell.mean is None


def test_published_values_stand_in_their_cells(given):
    main = tables_of(given)["toy", "main"]
    by_label = {(line.section, line.label): cells for line, cells in zip(main.view.rows, main.cells, strict=True)}
    assert [cell.published for cell in by_label["invariant", "simclr"][:3]] == [0.506, 0.148, 85.3]
    assert [cell.published for cell in by_label["color", "contextssl"][:3]] == [0.344, 0.986, 80.4]
    cell = by_label["rotation", "contextssl"][0]
    assert cell.difference == pytest.approx(cell.mean - 0.744)


def test_methods_that_no_published_row_names_get_a_row(given, random, tmp_path):
    rows = make_rows(make_all_rows(random, ["simclr", "moco", "contextssl", "contextssl~mask0", "constant"]))
    write_rows(rows, path := tmp_path / "more.parquet")
    datasets = {"toy": {**given["datasets"]["toy"], "methods": ["byol", "contextssl", "contextssl~mask0"]}}
    main = tables_of(given, path=path, datasets=datasets)["toy", "main"]
    labels = [line.label for line in main.view.rows]
    assert {"moco", "byol", "contextssl~mask0", "constant"} <= set(labels)  # measured only, configured only, both
    assert all(cell.mean is None for cell in main.cells[labels.index("byol")])
    assert all(cell.mean is not None for cell in main.cells[labels.index("moco")])


def test_views_of_variants_and_of_data_sets_appear_when_there_are_some(given):
    entry = given["datasets"]["toy"]
    one = {name for _, name in list_views(PAPER, {"toy": entry})}
    assert not one & {"ladder", "context_variants"}
    several = {"toy": entry, "twin": {**entry, "methods": ["contextssl~mask0"]}}
    views = list_views(PAPER, several)
    assert ("datasets", "ladder") in views
    assert ("twin", "context_variants") in views
    assert ("toy", "context_variants") not in views


@pytest.mark.parametrize("name", ["context_curves", "context_variants"])
def test_figures_of_no_runs_say_so(name, given, random, tmp_path):
    names = ["contextssl", "contextssl~mask0", "constant"]
    write_rows(make_rows(make_all_rows(random, names)), path := tmp_path / "more.parquet")
    datasets = {"toy": {**given["datasets"]["toy"], "methods": names}}
    table = tables_of(given, path=path, datasets=datasets)["toy", name]
    assert plot_curves(table).axes
    assert ("constant predictor" in {line.name for line in draw_curves(table).data}) == bool(table.floors)
    assert bool(table.floors) == (name == "context_curves")
    empty = replace(table, view=replace(table.view, rows=[]), cells=[])
    assert "No run" in plot_curves(empty).texts[0].get_text()
    assert not draw_curves(empty).data


def test_controls_without_contexts_to_compare_with_are_left_out(given):
    rows = read_rows(given["path"])
    assert len(describe_controls(rows, "toy", GROUPS)) == 3
    assert describe_controls(rows[rows["length"] != 0], "toy", GROUPS) == []


def test_a_ladder_shows_effects_by_seed_and_training_time(given, random, tmp_path):
    rows = make_rows(make_all_rows(random, ["contextssl"]) + make_all_rows(random, ["contextssl"], "twin"))
    write_rows(rows, path := tmp_path / "ladder.parquet")
    entry = {**given["datasets"]["toy"], "methods": ["contextssl"]}
    history = tmp_path / "results" / "twin" / "contextssl" / "seed1" / "state" / "history.jsonl"
    history.parent.mkdir(parents=True)
    history.write_text('{"step": 20, "loss": 2.0, "seconds": 1.5}\n{"step": 40, "loss": 1.0, "seconds": 2.0}\n')
    datasets = {"toy": entry, "twin": entry}
    ladder = tables_of(given, path=path, datasets=datasets, histories=[history])["datasets", "ladder"]
    assert [line.section for line in ladder.view.rows] == ["toy", "twin"]
    labels = [column.label for column in ladder.view.columns]
    times = [cells[labels.index("Training [s]")] for cells in ladder.cells]
    assert times[0].mean is None
    assert times[1].mean == 3.5
    own = rows[(rows["dataset"] == "twin") & (rows["task"] == "rotation") & (rows["metric"] == "r2")]
    own = own[(own["length"] == 14) & (own["representation"] == "z+")].set_index(["context", "seed"])["value"]
    effects = [own["rotation", seed] - own["color", seed] for seed in range(3)]
    cell = ladder.cells[1][labels.index("Rotation effect")]
    assert cell.mean == pytest.approx(np.mean(effects))
    assert cell.std == pytest.approx(np.std(effects, ddof=1))


def test_the_caveat_is_wherever_numbers_are(given):
    for table in map(lay_out, tables_of(given).values()):
        for ending in ("md", "json"):
            assert CAVEAT in FORMATS[ending](table)
        assert r"embedded data \textless{}b\textgreater{}\& small" in to_latex(table)


def test_same_rows_same_bytes(given, tmp_path):
    for name in ("first", "second"):
        tables = tables_of(given)
        for table in tables.values():
            for ending, convert in FORMATS.items():
                (tmp_path / f"{name}.{table.view.name}.{ending}").write_text(convert(lay_out(table)))
        save_figure(plot_curves(tables["toy", "context_curves"]), tmp_path / name)
    for first in tmp_path.glob("first*"):
        assert first.read_bytes() == (tmp_path / first.name.replace("first", "second")).read_bytes()


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.5064, 3, ".506"),
        (-0.25, 2, "-.25"),
        (1.0, 3, "1.000"),
        (10.05, 1, "10.1"),
        (-10.0, 1, "-10.0"),
        (-1e-6, 3, ".000"),
        (None, 3, ""),
    ],
)
def test_numbers(value, digits, text):
    assert format_number(value, digits) == text


def test_latex_and_markdown_escape(given):
    table = lay_out(tables_of(given)["toy", "context_controls"])
    assert r"zero-action`: all actions" in to_latex(table)
    assert to_latex(table).count(r"\begin{tabular}") == to_latex(table).count(r"\end{tabular}") == 1
    assert ".0 |" in to_markdown(table)
    assert "nan" not in to_markdown(table)
    with_bars = replace(table, headers=["a | b", *table.headers[1:]])
    assert r"a \| b" in to_markdown(with_bars)
    assert r"a \textbar{} b" in to_latex(with_bars)


def test_the_page_escapes_and_is_self_contained(given, tmp_path):
    tables = []
    for (scope, name), table in tables_of(given).items():
        tables.append(tmp_path / f"{scope}.{name}.json")
        tables[-1].write_text(FORMATS["json"](lay_out(table)))
    write_json(tmp_path / "faults.json", {"headers": ["seen"], "rows": [["<no> space"]]})
    shown = {"tables": tables, "figures": [], "times": [], "faults": tmp_path / "faults.json", "runs": []}
    page = make_page("toy", given["path"], [PAPER], [given["meta"]], **shown, datasets=given["datasets"])
    assert "&lt;no&gt; space" in page
    assert 'src="http' not in page
    assert 'href="' not in page.partition("<script>")[0].replace('href="#', "")
    assert "embedded data &lt;b&gt;&amp; small&lt;/b&gt;" in page
    assert "What this implies" in page


def test_provenance_tells_trainings_that_are_older_than_the_code(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    present = hash_code(list_training_code("simclr"))
    for seed, code in ((0, present), (1, "older")):
        identity = {"code": code, "torch": "2.x"}
        write_json(tmp_path / f"results/toy/simclr/seed{seed}/run.json", {"settings": {}, "identity": identity})
    lines = {line[0]: line[-3:] for line in describe_provenance(given["rows"])["rows"]}
    assert lines["results/toy/simclr/seed0"] == [present, "2.x", "yes"]
    assert lines["results/toy/simclr/seed1"] == ["older", "2.x", "no, older"]
    assert lines["results/toy/simclr/seed2"] == ["", "", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="seed"), "lacks column.s. seed"),
        (lambda rows: rows.assign(extra=1), "has unknown column.s. extra"),
        (lambda rows: rows.assign(value=np.nan), "is nan; train or evaluate it again"),
        (lambda rows: pd.concat([rows, rows[:1]]), "has two rows for dataset=toy"),
    ],
)
def test_rows_that_break_the_schema_are_refused(given, tmp_path, change, message):
    change(given["rows"]).to_parquet(path := tmp_path / "bad.parquet")
    with pytest.raises(UserError, match=message):
        tables_of(given, path=path)


def test_rows_with_flipped_bytes_are_refused(given, tmp_path):
    content = bytearray(given["path"].read_bytes())
    content[-20:] = b"\0" * 20
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(UserError, match="not a readable table of rows"):
        tables_of(given, path=tmp_path / "bad.parquet")


def test_reporting_imports_no_torch(given, tmp_path):
    code = "import sys, runpy; sys.modules['torch'] = None; runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    shared = ["--rows", given["path"], "--papers", PAPER, "--sources", given["meta"]]
    shared += ["--datasets", json.dumps(given["datasets"])]
    for module, output in (("tables", tmp_path / "t"), ("figures", tmp_path / "f"), ("report", tmp_path / "r.html")):
        command = [sys.executable, "-c", code, f"workflow_scripts.{module}", *shared, "--output", output]
        command += ["--experiment", "toy"] if module == "report" else []
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "r.html").stat().st_size > 1000
