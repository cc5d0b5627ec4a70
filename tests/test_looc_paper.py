"""The third paper's folder, and the table over papers: published facts, and tables of made-up rows."""

from dataclasses import replace

import pytest
from reported_looc import ACROSS, IMAGES, LOOC, RENDERED, ROWS, RUNS, describe_looc, list_spots, make_looc, make_number

from workflow_scripts.data.corrupted_views import CORRUPTIONS
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.reporting.cells import make_tables
from workflow_scripts.reporting.evaluations import FILE, read_reasons
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.measured import MeasuredRun
from workflow_scripts.reporting.papers import list_lines, read_paper
from workflow_scripts.reporting.places import list_places
from workflow_scripts.reporting.targets import list_figure_files, list_table_files
from workflow_scripts.support.files import write_json

pytestmark = pytest.mark.unit
BENCHMARKS = (*IMAGES, ROWS, RENDERED)


@pytest.fixture(scope="module")
def tables():
    """Tables of both papers, by benchmark and name."""
    materials = {benchmark: make_looc(benchmark, seeds=2) for benchmark in BENCHMARKS}
    return {
        (benchmark, table.view.place.table): table
        for benchmark, material in materials.items()
        for folder in (LOOC, ACROSS)
        for table in make_tables(material, read_paper(folder))
    }


def test_published_facts_are_those_of_the_source(shared_data):
    """Every value of the facts at hand stands in published.yaml, in the line and column that it belongs to."""
    facts, ours = read_yaml(shared_data.parent / "published" / "looc.yaml"), read_yaml(LOOC / "published.yaml")
    wanted, published = facts["tables"], ours["tables"]

    def name_line(row):
        if row.get("variant"):
            return "moco + rotation, one draw for both"
        left_out = f" ({', '.join(row['left_out'])})" if "left_out" in row else ""
        return row["method"].replace("moco+", "moco + ") + left_out

    found = published["keeping_rotation"]
    assert found["columns"] == ["Rotation", "Top-1", "Top-5"]
    assert wanted["rotation"]["columns"] == ["rotation_acc", "top1", "top5"]
    assert found["values"] == {"as in the paper": {name_line(row): row["values"] for row in wanted["rotation"]["rows"]}}
    assert found["facts"]["chance"] == wanted["rotation"]["chance"]

    source, found = wanted["downstream"], published["downstream"]
    labels = {
        "inat1k_top1": "iNat-1k top-1", "inat1k_top5": "iNat-1k top-5", "cub200_top1": "CUB-200 top-1",
        "cub200_top5": "CUB-200 top-5", "flowers_5shot": "Flowers, 5 shots", "flowers_10shot": "Flowers, 10 shots",
        "imagenet100_top1": "Top-1", "imagenet100_top5": "Top-5",
    }  # fmt: skip
    intervals = {"flowers_5shot": "±, 5 shots", "flowers_10shot": "±, 10 shots"}
    assert set(found["columns"]) == {*labels.values(), *intervals.values()}
    assert set(found["values"]["as in the paper"]) == {name_line(row) for row in source["rows"]}
    for row in source["rows"]:
        shown = dict(zip(found["columns"], found["values"]["as in the paper"][name_line(row)], strict=True))
        expected = {labels[name]: value for name, value in zip(source["columns"], row["values"], strict=True)}
        assert shown == expected | {intervals[name]: value for name, value in row["interval"].items()}
    assert all(published[name]["provenance"] == "printed" for name in ("keeping_rotation", "downstream"))

    names = {"corruptions": "corrupted_images", "texture": "texture_left_out", "nearest_neighbours": "nearest_images"}
    for name in set(wanted) - {"rotation", "downstream"}:
        assert wanted[name].get("cells") is None
        entry = published[names.get(name, name)]
        assert entry["provenance"] is None
        assert "values" not in entry
        kept = {key: value for key, value in wanted[name].items() if key in ("dataset", "metrics", "claim", "note")}
        assert kept.items() <= entry["facts"].items()
    assert {name: ours["facts"][name] for name in ("pretraining", "differences", "peers")} == {
        name: facts[name] for name in ("pretraining", "differences", "peers")
    }
    stated = {claim["id"]: claim["text"] for claim in facts["claims"]}
    said = [claim.get("stated", claim) for claim in read_paper(LOOC).claims]
    texts = {part["id"]: part["text"] for part in said}
    against = {claim["id"]: claim["contradicted_by"] for claim in facts["claims"] if "contradicted_by" in claim}
    assert ours["facts"]["contradicted_by"] == against
    for name, text in stated.items():
        assert texts[name] == text + (" (the paper's own Table 2 contradicts it)" if name in against else "")
    assert all(texts[name].startswith("(ours)") for name in set(texts) - set(stated))


def find(table, section, label):
    at = [(line.section, line.label) for line in table.view.lines].index((section, label))
    return {c.label: cell.mean for c, cell in zip(table.view.columns, table.cells[at], strict=True)}


def mean(name, *spot):
    return pytest.approx(sum(make_number(name, seed, *spot) for seed in (0, 1)) / 2)


def test_cells_show_the_rows_that_they_name(tables):
    table = tables["laptop", "keeping_rotation"]
    line = find(table, "as in the paper", "looc (rotation)")
    assert line["Rotation"] == mean("looc~rotation", "h", "rotation", "accuracy", "", None)
    assert line["Rotation, random"] == mean("random", "h", "rotation", "accuracy", "", None)
    assert line["JPEG leak"] == mean("constant", "pixels", "rotation", "leak_accuracy", "grid shift", 0)
    wide = find(table, "all spaces (ours)", "looc++ (color, rotation)")
    assert wide["Top-1"] == mean("looc~color_rotation", "hidden", "class", "top1", "", None)
    random = find(table, "control", "random")  # a line that no view names reads features, too
    assert random["Top-5"] == mean("random", "h", "class", "top5", "", None)
    assert find(table, "rotation", "pretext@rotation~turned")["Rotation"] is not None
    assert find(table, "added", "contextssl")["Top-1"] == mean("contextssl", "h", "class", "top1", "", None)

    few = find(tables["imagenet-100", "downstream"], "as in the paper", "looc++ (color, rotation)")
    spot = ("hidden", "flowers-102", "top1_interval", "shots", 10)
    assert few["±, 10 shots"] == mean("looc~color_rotation", *spot)
    few = find(tables["laptop", "downstream_laptop"], "as in the paper", "moco")
    assert few["CIFAR-10, 5 shots"] == mean("moco", "h", "cifar10-16", "top1", "shots", 5)
    noisy = find(tables["laptop", "corruptions_small"], "as in the paper", "moco")
    assert noisy["Shot noise"] == mean("moco", "h", "class", "top1", "shot noise", 3)
    assert noisy["Clean"] == mean("moco", "h", "class", "top1", "", None)
    assert noisy["Mean"] == mean("moco", "h", "class", "top1_corrupted", "", None)

    spaces = find(tables["laptop", "what_spaces_know"], "looc (color, rotation)", "(color, rotation), Z_color")
    own, base = (make_number("looc~color_rotation", 0, z, "hue", "accuracy", "", None) for z in ("z_color", "z_all"))
    other = [make_number("looc~color_rotation", 1, z, "hue", "accuracy", "", None) for z in ("z_color", "z_all")]
    assert spaces["Hue, less Z_0"] == pytest.approx((own - base + other[0] - other[1]) / 2)
    usage = find(tables["imagenet-100", "head_usage_inat"], "contribution", "looc++ (color)")
    assert usage["head of Z_color"] == mean("looc~color", "hidden", "color, inaturalist-2019", "contribution", "", None)
    rows = find(tables[ROWS, "adult_spaces"], "ContextSSL", "contextssl, invariant context")
    assert rows["Gender accuracy"] == mean("contextssl", "z+", "gender", "accuracy", "context invariant", 14)


def test_differences_over_papers_are_by_seed(tables):
    table = tables["laptop", "kept_of_images"]
    cell = find(table, "LooC", "looc++ (color, rotation)")["Top-1 less SimCLR's"]
    values = [
        make_number("looc~color_rotation", seed, "hidden", "class", "top1", "", None)
        - make_number("simclr", seed, "h", "class", "top1", "", None)
        for seed in (0, 1)
    ]
    assert cell == pytest.approx(sum(values) / 2)
    assert find(table, "ContextSSL", "simclr")["Top-1 less SimCLR's"] == 0
    table = tables[RENDERED, "kept_of_scenes"]
    turned = find(table, "ContextSSL", "contextssl, rotation context")
    assert turned["Color R2"] == mean("contextssl", "z+", "color", "r2", "context rotation", 14)


def test_every_number_is_of_one_row_a_seed_and_no_line_is_empty(tables):
    for name, table in tables.items():
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            assert {cell.seeds for cell in cells} <= {0, 2}, (name, line.label)
            is_there = name[1] != "corrupted_by_strength" or line.section == "fog"
            named = MeasuredRun(*(str(line.select.get(key, "")) for key in ("method", "group", "variant"))).name
            assert not is_there or named not in RUNS[name[0]] or any(cell.seeds for cell in cells), (
                name,
                line.section,
                line.label,
            )
        assert all(convert(lay_out(table)) for convert in FORMATS.values())


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_run_and_every_measure_is_shown(tables, benchmark):
    """A column that selects nothing, or a measure that no cell selects, would be a misspelt name."""
    own = [table for (of, _), table in tables.items() if of == benchmark]
    shown = {MeasuredRun(*(str(line.select.get(key, "")) for key in ("method", "group", "variant"))).name
             for table in own for line in table.view.lines}  # fmt: skip
    assert set(RUNS[benchmark]) <= shown
    queries = [line.make_query(column) for table in own for line in table.view.lines for column in table.view.columns]
    asked = {(query["task"], query["metric"], query.get("condition", "")) for query in queries}
    for name in RUNS[benchmark]:
        measured = {(task, metric, condition) for _, task, metric, condition, _ in list_spots(name, benchmark)}
        left = {spot for spot in measured - asked if spot[:2] != ("imagenet-c", "top5")}
        assert not left, name
    for table in own:
        for position, column in enumerate(table.view.columns):
            found = column.optional or any(cells[position].seeds for cells in table.cells)
            assert found, (table.view.place.table, column.label)


def test_corruptions_are_those_that_are_measured():
    """The sections are the constants of the module that evaluates them."""
    from workflow_scripts.evaluation.image_corruptions import CORRUPTIONS as OURS

    for table, names in (("corrupted_by_strength", CORRUPTIONS), ("corruptions_by_strength", tuple(OURS))):
        lines = list_lines(read_paper(LOOC).views[table])
        assert tuple(dict.fromkeys(line.select["condition"] for line in lines)) == names


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_each_benchmark_has_its_tables(benchmark):
    datasets = {"toy": describe_looc(benchmark)}
    found = {place.table for place in list_places(read_paper(LOOC), datasets)}
    assert ("keeping_rotation" in found) == (benchmark in IMAGES)
    assert ("downstream" in found) == (benchmark == "imagenet-100")
    assert {ROWS: "adult_spaces", RENDERED: "rendered_spaces"}.get(benchmark, "nearest_images") in found
    files = list_table_files([LOOC, ACROSS], datasets)
    table = {ROWS: "rows", RENDERED: "scenes"}.get(benchmark, "images")
    assert f"across/toy.kept_of_{table}.csv" in files
    assert "looc/toy.scorecard.csv" in files
    assert "across/toy.scorecard.csv" not in files  # nobody claims anything there
    figures = list_figure_files([LOOC, ACROSS], datasets, [])
    assert ("looc/toy.head_usage.json" in figures) == (benchmark != ROWS)


def test_an_empty_cell_says_why_where_the_evaluation_did(tmp_path):
    material = make_looc("imagenet-100", seeds=1, runs=["moco", "looc~color"])
    said = ["the source cub-200 was not given", "the source cub-200-2011 was not given, set it", "class: it was not"]
    rows = material.rows[(material.rows["task"] != "cub-200-2011") & (material.rows["metric"] != "top5")]
    material = replace(material, rows=rows, reasons={("toy", "moco"): said})
    (table,) = (t for t in make_tables(material, read_paper(LOOC)) if t.view.place.table == "downstream")
    text = lay_out(table)
    shown = {line[1]: dict(zip(text.headers, line, strict=True)) for line in text.lines}
    assert (shown["moco"]["CUB-200 top-1"], shown["looc (color)"]["CUB-200 top-1"]) == ("not measured", "not run")
    assert shown["moco"]["Top-5"] == "not run"  # of the run's own data no source is to blame
    assert "Not measured: the source cub-200-2011 was not given, set it." in text.caption
    write_json(tmp_path / "results/s/toy/moco/seed0" / FILE, {"skipped": {"transfer": "; ".join(said[:2])}})
    folders = [tmp_path / f"results/s/toy/{name}/seed0" for name in ("moco", "random")]
    assert read_reasons(folders) == {("toy", "moco"): said[:2]}
