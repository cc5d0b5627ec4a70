"""The second paper's folder: its published facts, its tables of made-up rows, and what its claims compare."""

import shutil

import pytest
from reported import PAPER
from reported_essl import ESSL, RUNS, describe_essl, make_essl, make_essl_rows, make_number

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.reporting.cells import make_tables
from workflow_scripts.reporting.formats import FORMATS, lay_out
from workflow_scripts.reporting.measured import MeasuredRun
from workflow_scripts.reporting.papers import list_lines, read_paper
from workflow_scripts.reporting.places import list_places
from workflow_scripts.reporting.targets import list_figure_files, list_table_files
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def tables():
    return {t.view.place.table: t for t in make_tables(make_essl(make_essl_rows()), read_paper(ESSL))}


def list_values(table):
    """Published values by (section, label), of the paper's file."""
    values = read_paper(ESSL).published[table]["values"]
    return {(section, label): row for section, lines in values.items() for label, row in lines.items()}


def test_published_facts_are_those_of_the_source(shared_data):
    """Every value of the facts at hand stands in published.yaml, in the line and column that it belongs to."""
    facts, ours = read_yaml(shared_data.parent / "published" / "essl.yaml"), read_yaml(ESSL / "published.yaml")
    wanted, published = facts["tables"], ours["tables"]

    def check(table, columns, labels, source):
        assert published[table]["columns"] == columns
        assert list_values(table) == {labels(row): row["values"] for row in source["rows"]}
        provenance = {"text": "printed"}.get(source["provenance"], source["provenance"])
        assert published[table]["provenance"] == provenance

    networks = {"resnet18": "ResNet18", "eqresnet18": "EqResNet18"}

    def name_network(row):
        return row["augmentation"].replace("_", "+"), networks[row["method"]]

    def name_augmentation(row):
        augmentation = row["augmentation"].replace("_", "+")
        return ("rotation, ResNet18", augmentation) if row["method"] == "rotation" else ("reference", "SimCLR, simclr")

    accuracies = ["Rotation training accuracy", "Top-1"]
    source = wanted["pretext_tasks"]
    check("pretext_tasks", ["Top-1", "Pretext training loss"], lambda r: ("as in the paper", r["method"]), source)
    said = {r["method"]: {**r.get("bounds", {}), **r.get("says", {})} for r in source["rows"] if "bounds" in r}
    assert published["pretext_tasks"]["facts"]["bounds"] == said
    check("base_augmentations", accuracies, name_augmentation, wanted["augmentation"])
    for name in ("model_equivariance_cifar10", "model_equivariance_cifar100"):
        check(name, [*accuracies, "Gain"], name_network, wanted[name])
    derived = {
        networks[row["method"]]: {"top1": row["top1"]} for row in wanted["model_equivariance_cifar10"]["derived"]
    }
    assert published["model_equivariance_cifar10"]["facts"]["derived"] == {"simclr": derived}
    care = wanted["strict_equivariance"]
    check("strict_equivariance", accuracies, lambda r: ("rotation", r["method"].upper()), care)
    rerun = facts["rerun_model_equivariance"]
    shown = {**rerun, "rows": [row for row in rerun["rows"] if row["augmentation"] != "simclr2"]}
    check("model_equivariance_rerun", [*accuracies, "Top-1, best", "Top-1, frozen probe"], name_network, shown)
    doubled = [row for row in rerun["rows"] if row["augmentation"] == "simclr2"]
    left = published["model_equivariance_rerun"]["facts"]["simclr2"]
    assert left == {networks[row["method"]]: row["values"] for row in doubled}

    theorem = wanted["additive_model"]
    columns = [*theorem["columns"][2:-1], "lower bound, lambda 1"]
    rows = [{"size": row["values"][:2], "values": row["values"][2:]} for row in theorem["rows"]]
    exact = {"provenance": "exact", "rows": rows}
    check("additive_model", columns, lambda r: (f"{r['size'][1]} classes", f"{r['size'][0]} actions"), exact)
    for name in ("class_information", "class_information_flip", "class_information_tasks"):
        assert published[name]["provenance"] is None
    assert wanted["class_information"]["cells"] is None
    assert ours["facts"]["peers"] == facts["peers"]
    stated = {claim["id"]: claim["text"] for claim in facts["claims"]}
    said = [claim.get("stated", claim) for claim in read_paper(ESSL).claims]
    texts = {part["id"]: part["text"] for part in said}
    assert {name: texts[name] for name in stated} == stated
    assert all(texts[name].startswith("(ours)") for name in set(texts) - set(stated))


def test_no_run_of_the_paper_is_left_out(tables):
    """Every run that the full budget trains has a line; controls have one in every table of runs."""
    paper = read_paper(ESSL)
    shown = {name: {MeasuredRun(**{key: str(line.select.get(key, "")) for key in ("method", "group", "variant")}).name
             for line in table.view.lines} for name, table in tables.items()}  # fmt: skip
    assert set(RUNS) <= set.union(*shown.values())
    assert set(tables) == set(paper.views) - {"model_equivariance_cifar100"}
    for name, view in paper.views.items():
        if any("pretext" in line.select.get("method", "") for line in list_lines(view)) and name in shown:
            assert {"random", "random_probe", "supervised", "constant"} <= shown[name], name


def test_cells_are_of_one_number_a_seed_and_published_lines_are_measured(tables):
    for name, table in tables.items():
        for line, cells in zip(table.view.lines, table.cells, strict=True):
            assert {cell.seeds for cell in cells} <= {0, 3}, (name, line.label)
            if line.of_paper and line.section != "reference":
                first = next(cell for cell in cells if cell.published is not None or cell.seeds)
                assert first.seeds == 3, (name, line.label)


def mean(name, representation, task, metric, condition="", level=None):
    return sum(make_number(name, seed, representation, task, metric, condition, level) for seed in range(3)) / 3


def test_cells_show_the_rows_that_they_name(tables):
    def find(table, section, label):
        view = tables[table].view
        at = [(line.section, line.label) for line in view.lines].index((section, label))
        return {c.label: cell.mean for c, cell in zip(view.columns, tables[table].cells[at], strict=True)}

    vflip = find("pretext_tasks", "as in the paper", "vflip")
    assert vflip["Top-1"] == pytest.approx(mean("pretext@vflip", "logits", "class", "top1"))
    assert vflip["Pretext training loss"] == pytest.approx(mean("pretext@vflip", "pretext", "pretext", "train_loss"))
    assert vflip["JPEG leak"] == pytest.approx(mean("constant", "pixels", "vflip", "leak_accuracy", "grid shift", 0))
    shifted = mean("constant", "pixels", "vflip", "leak_accuracy", "grid shift", 3)
    assert vflip["JPEG leak, shifted"] == pytest.approx(shifted)
    aligned = mean("constant", "pixels", "vflip", "leak_accuracy", "grid shift", 8)
    leaks = find("jpeg_leak", "", "vflip")
    assert leaks["Crop on the grid"] == pytest.approx(aligned)
    assert leaks["Difference of the crops"] == pytest.approx(aligned - shifted)
    assert leaks["As stored"] == vflip["JPEG leak"]
    assert find("pretext_tasks", "as in the paper", "blur")["JPEG leak"] is None
    assert find("pretext_tasks", "control", "random")["JPEG leak"] is None

    eq, plain = (mean(f"pretext@rotation~{v}_crop_flip", "logits", "class", "top1") for v in ("eq", "plain"))
    assert find("model_equivariance_cifar10", "crop+flip", "EqResNet18")["Gain"] == pytest.approx(eq - plain)
    assert find("model_equivariance_cifar10", "crop+flip", "ResNet18")["Gain"] is None
    simclr = find("base_augmentations", "reference", "SimCLR, simclr")["Top-1"]
    assert simclr == pytest.approx(mean("simclr~simclr", "h", "class", "top1"))
    model = find("additive_model", "100 classes", "4 actions")["lambda 1/2"]
    assert model == pytest.approx(
        mean("constant", "exact", "additive model, 100 classes", "information", "lambda 1/2", 4)
    )
    hflip = find("synergy", "SimCLR", "hflip")["Shuffled"]
    assert hflip == pytest.approx(mean("simclr~simclr", "h", "hflip", "information_shuffled"))


def test_what_does_not_apply_is_blank_and_formulas_are_called_so(tables):
    text = lay_out(tables["model_equivariance_cifar10"])
    at = text.headers.index("Gain")
    assert [line[at] for line in text.lines if line[1] == "ResNet18"] == ["", "", ""]
    leaks = {line[1]: line[-2] for line in lay_out(tables["pretext_tasks"]).lines}
    assert leaks["blur"] == leaks["random"] == ""
    assert leaks["rotation"] not in ("", "not run")
    none = make_essl(make_essl_rows(runs=["random"]), runs=["random"])
    (text,) = (lay_out(t) for t in make_tables(none, read_paper(ESSL)) if t.view.place.table == "pretext_tasks")
    shown = {line[1]: line[2:] for line in text.lines}
    assert set(shown["rotation"]) == {"", "not run", "not available"}  # its frozen probe, which every run has
    assert "not run" not in shown["random"]
    assert any(shown["random"])
    caption = lay_out(tables["additive_model"]).caption
    assert "Published values: not printed, but computed from the paper's formula." in caption
    assert all(convert(lay_out(table)) for table in tables.values() for convert in FORMATS.values())


@pytest.mark.parametrize(("benchmark", "runs", "present", "absent"), [
    ("laptop", RUNS, {"pretext_tasks", "model_equivariance_cifar10", "synergy"}, {"model_equivariance_cifar100"}),
    ("cifar100", RUNS, {"model_equivariance_cifar100", "synergy"}, {"pretext_tasks", "class_information_flip"}),
    ("tiny-imagenet-200", RUNS, {"class_information", "jpeg_leak"}, {"strict_equivariance"}),
    ("cifar10", ["random", "constant"], {"pretext_tasks", "synergy", "additive_model"}, {"model_equivariance_cifar10"}),
])  # fmt: skip
def test_each_benchmark_has_its_tables(benchmark, runs, present, absent):
    datasets = {"cifar10": describe_essl(benchmark, runs)}
    found = {place.table for place in list_places(read_paper(ESSL), datasets)}
    assert present <= found
    assert not absent & found
    files = list_table_files([PAPER, ESSL], datasets)
    assert "essl/cifar10.scorecard.csv" in files
    assert all(file.startswith("essl/cifar10.") for file in files)
    figures = list_figure_files([ESSL], datasets, [])
    assert ("essl/cifar10.class_information.json" in figures) == ("class_information" in found)


MISTAKES = {
    "minus": ("views", "minus: base", "minus: bse", "minus"),
    "base": ("views", "base: { variant: plain }", "base: { varient: plain }", "did you mean 'variant'"),
    "several": ("views", "benchmark: [cifar10, laptop]", "benchmark: [cifar10, labtop]", "did you mean 'laptop'"),
    "panel": ("views", "panels: [{ label:", "panels: [{ lable:", "panels.0.label of kind progress is wrong"),
    "split": ("views", "split: sections", "split: section", "split of kind progress is wrong"),
    "tasks": (
        "views",
        "tasks: [rotation]",
        "task: [rotation]",
        "unknown key 'task' of kind leak; did you mean 'tasks'",
    ),
    "provenance": ("published", "provenance: exact", "provenance: precise", "provenance"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_what_is_new_is_one_sentence(name, tmp_path):
    file, old, new, message = MISTAKES[name]
    folder = tmp_path / "wrong"
    shutil.copytree(ESSL, folder)
    path = folder / f"{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=message) as caught:
        read_paper(folder)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
