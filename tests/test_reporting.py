"""Tables, figures and report: cells against a loop, nothing left out, the same bytes, and no torch."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reported import CAVEAT, GROUPS, PAPER, ROOT, make_all_rows, make_given, make_row, tables_of, write_tables

from workflow_scripts.reporting.drawing import save_figure
from workflow_scripts.reporting.figures.base import Subject
from workflow_scripts.reporting.formats import FORMATS, lay_out, to_latex, to_markdown
from workflow_scripts.reporting.interactive import draw_curves
from workflow_scripts.reporting.measured import describe_measured, select_rows
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.places import list_places
from workflow_scripts.reporting.plots import plot_curves
from workflow_scripts.reporting.targets import TABLE_ENDINGS, list_figure_files, list_table_files
from workflow_scripts.rows import make_rows, write_rows
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


@pytest.fixture
def given(tmp_path, random):
    """Stored rows of two methods and a control, and what the rules would pass."""
    return make_given(tmp_path, random)


def test_cells_match_a_loop(given):
    main = tables_of(given)["toy", "main"]
    rows = given["rows"].to_dict("records")
    for line, cells in zip(main.view.lines, main.cells, strict=True):
        for column, cell in zip(main.view.columns, cells, strict=True):
            wanted = column.select["representation"]
            condition = line.select.get("condition") if wanted == "embedding" else None
            values = [
                r["value"]
                for r in rows
                if r["method"] == line.select["method"]
                and (r["task"], r["metric"]) == (column.select["task"], column.select["metric"])
                and r["representation"] == ("z+" if condition else "h")
                and r["condition"] == (condition or "")
                and (not condition or r["level"] == 126)
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
    by_label = {(line.section, line.label): cells for line, cells in zip(main.view.lines, main.cells, strict=True)}
    assert [cell.published for cell in by_label["invariant", "simclr"][2:]] == [0.506, 0.148, 85.3]
    assert [cell.published for cell in by_label["color", "contextssl"][2:]] == [0.344, 0.986, 80.4]
    cell = by_label["rotation", "contextssl"][2]
    assert cell.difference == pytest.approx(cell.mean - 0.744)


def test_methods_that_no_published_row_names_get_a_row(given, random, tmp_path):
    rows = make_rows(make_all_rows(random, ["simclr", "moco", "contextssl", "contextssl~mask0", "constant"]))
    write_rows(rows, path := tmp_path / "more.parquet")
    datasets = {"toy": {**given["datasets"]["toy"], "methods": ["byol", "contextssl", "contextssl~mask0"]}}
    main = tables_of(given, path=path, datasets=datasets)["toy", "main"]
    labels = [line.label for line in main.view.lines]
    assert {"moco", "byol", "contextssl~mask0", "constant"} <= set(labels)  # measured only, configured only, both
    assert all(cell.mean is None for cell in main.cells[labels.index("byol")])
    assert all(cell.mean is not None for cell in main.cells[labels.index("moco")])


def test_views_of_variants_and_of_data_sets_appear_when_there_are_some(given):
    entry = given["datasets"]["toy"]
    paper = read_paper(PAPER)
    one = {place.table for place in list_places(paper, {"toy": entry})}
    assert not one & {"ladder", "context_variants"}
    several = {"toy": entry, "twin": {**entry, "methods": ["contextssl~mask0"]}}
    views = {(place.scope, place.table) for place in list_places(paper, several)}
    assert ("datasets", "ladder") in views
    assert ("twin", "context_variants") in views
    assert ("toy", "context_variants") not in views


@pytest.mark.parametrize("name", ["context_curves", "context_variants"])
def test_figures_of_no_runs_say_so(name, given, random, tmp_path):
    names = ["contextssl", "contextssl~mask0", "constant"]
    write_rows(make_rows(make_all_rows(random, names)), path := tmp_path / "more.parquet")
    datasets = {"toy": {**given["datasets"]["toy"], "methods": names}}
    table = tables_of(given, path=path, datasets=datasets)["toy", name]
    subject, floors = Subject("toy", "", table), table.figure.make_floors(table)
    assert table.figure.draw(subject).axes
    names = {line["name"] for line in json.loads(table.figure.draw_interactive(subject))["data"]}
    assert any("constant predictor" in line for line in names) == bool(floors)
    assert bool(floors) == (name == "context_curves")
    empty = replace(table, view=replace(table.view, lines=[]), cells=[])
    assert "No run" in plot_curves(empty, table.figure, subject).texts[0].get_text()
    assert "No run" in draw_curves(empty, table.figure)


def test_conditions_other_than_contexts_are_kept_apart():
    rows = [make_row("simclr", "class", "top1", 80.0)]
    rows += [{**make_row("simclr", "class", "top1", 70.0 - n, level=n), "condition": "fog"} for n in (1, 3)]
    frame = make_rows(rows)
    query = {"method": "simclr", "task": "class", "metric": "top1", "representation": "h"}

    def values(**more):
        return list(select_rows(frame, {**query, **more})["value"])

    assert values() == [80.0]
    assert values(condition="fog") == [69.0, 67.0]
    assert values(condition="fog", level=3) == values(condition="fog", level="highest") == [67.0]
    assert values(condition="context rotation", level=14) == [80.0]  # h is the same under every context
    (run,) = describe_measured(frame, "toy", GROUPS, []).contexts.items()
    assert run[1] == []


def test_a_ladder_shows_effects_by_seed_and_training_time(given, random, tmp_path):
    rows = make_rows(make_all_rows(random, ["contextssl"]) + make_all_rows(random, ["contextssl"], "twin"))
    write_rows(rows, path := tmp_path / "ladder.parquet")
    entry = {**given["datasets"]["toy"], "methods": ["contextssl"]}
    run = tmp_path / "results" / "space" / "twin" / "contextssl" / "seed1"
    history = run / "state" / "history.jsonl"
    history.parent.mkdir(parents=True)
    history.write_text('{"step": 20, "loss": 2.0, "seconds": 1.5}\n{"step": 40, "loss": 1.0, "seconds": 2.0}\n')
    datasets = {"toy": entry, "twin": entry}
    ladder = tables_of(given, path=path, datasets=datasets, runs=[run])["datasets", "ladder"]
    assert [line.section for line in ladder.view.lines] == ["toy", "twin"]
    labels = [column.label for column in ladder.view.columns]
    times = [cells[labels.index("Training [s]")] for cells in ladder.cells]
    assert times[0].mean is None
    assert times[1].mean == 3.5
    own = rows[(rows["dataset"] == "twin") & (rows["task"] == "rotation") & (rows["metric"] == "r2")]
    own = own[(own["level"] == 14) & (own["representation"] == "z+")].set_index(["condition", "seed"])["value"]
    effects = [own["context rotation", seed] - own["context color", seed] for seed in range(3)]
    cell = ladder.cells[1][labels.index("Rotation effect")]
    assert cell.mean == pytest.approx(np.mean(effects))
    assert cell.std == pytest.approx(np.std(effects, ddof=1))


def test_the_caveat_is_wherever_numbers_are(given):
    for table in map(lay_out, tables_of(given).values()):
        for ending in ("md", "json"):
            assert FORMATS[ending](table).count(CAVEAT) == 1
        assert CAVEAT not in table.caption  # a page says it once for many tables
        assert not any(any(line) for line in table.differences)  # nor compares what it says is of other data
        assert r"embedded data \textless{}b\textgreater{}\& small" in to_latex(table)


def test_same_rows_same_bytes(given, tmp_path):
    for name in ("first", "second"):
        tables = tables_of(given)
        for table in tables.values():
            for ending, convert in FORMATS.items():
                (tmp_path / f"{name}.{table.view.place.table}.{ending}").write_text(convert(lay_out(table)))
        curves = tables["toy", "context_curves"]
        save_figure(plot_curves(curves, curves.figure, Subject("toy", CAVEAT, curves)), tmp_path / name / "curves")
    assert len(list(tmp_path.glob("first/*"))) == 3
    for first in (*tmp_path.glob("first.*"), *tmp_path.glob("first/*")):
        assert first.read_bytes() == Path(str(first).replace("first", "second")).read_bytes()


def test_latex_and_markdown_escape(given):
    table = lay_out(tables_of(given)["toy", "context_controls"])
    assert r"zero-action`: all actions" in to_latex(table)
    assert to_latex(table).count(r"\begin{tabular}") == to_latex(table).count(r"\end{tabular}") == 1
    assert ".0 |" in to_markdown(table)
    assert "nan" not in to_markdown(table)
    with_bars = replace(table, headers=["a | b", *table.headers[1:]])
    assert r"a \| b" in to_markdown(with_bars)
    assert r"a \textbar{} b" in to_latex(with_bars)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="seed"), "lacks column.s. seed"),
        (lambda rows: rows.assign(extra=1), "has unknown column.s. extra"),
        (lambda rows: rows.assign(value=np.nan), "nan as top1 of class .*, which is no number; delete it"),
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


def test_planning_and_writing_agree_on_the_files(given, tmp_path):
    write_tables(given, tmp_path)
    made = {path.relative_to(tmp_path / "tables").as_posix() for path in (tmp_path / "tables").rglob("*.*")}
    planned = {name for name in list_table_files([PAPER], given["datasets"]) if ".scorecard." not in name}
    assert made == planned
    assert tuple(FORMATS) == TABLE_ENDINGS


def test_reporting_imports_no_torch_and_writes_what_was_planned(given, tmp_path):
    code = "import sys, runpy; sys.modules['torch'] = None; runpy.run_module(sys.argv.pop(1), run_name='__main__')"
    shared = ["--rows", given["path"], "--papers", PAPER, "--sources", given["meta"]]
    shared += ["--datasets", json.dumps(given["datasets"])]
    tables, figures = tmp_path / "t", tmp_path / "f"
    for module, more in (
        ("tables", ["--output", tables]),
        ("figures", ["--images", "toy", "--output", figures]),
        ("report", ["--experiment", "toy", "--tables", tables, "--figures", figures, "--output", tmp_path / "r.html"]),
    ):
        command = [sys.executable, "-c", code, f"workflow_scripts.{module}", *shared, *more]
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "r.html").stat().st_size > 1000
    for folder, planned in (
        (tables, list_table_files([PAPER], given["datasets"])),
        (figures, list_figure_files([PAPER], given["datasets"], ["toy"])),
    ):
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == set(planned)


def test_planning_imports_no_library_that_computes_or_draws():
    """Nor pandas: the workflow is planned in every job."""
    code = (
        "import sys; from workflow_scripts.reporting.targets import *; "
        f"list_table_files([{str(PAPER)!r}], dict()); "
        "print(*({'torch', 'pandas', 'matplotlib', 'plotly', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
