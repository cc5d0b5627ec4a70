"""Findings in words: they follow the rows."""

import json
from dataclasses import replace

import pytest
from reported import GROUPS, PAPER, make_all_rows, make_given, make_row
from reported_essl import make_essl, make_essl_rows

from workflow_scripts.reporting.cells import make_tables, read_material
from workflow_scripts.reporting.findings.controls import Controls
from workflow_scripts.reporting.findings.leak import LeakFinding
from workflow_scripts.reporting.findings.presence import Presence
from workflow_scripts.reporting.findings.shapes import Shapes
from workflow_scripts.reporting.findings.synergy import SynergyFinding
from workflow_scripts.reporting.formats import lay_out, to_json
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.rows import make_rows

pytestmark = pytest.mark.unit
MOSTLY = "follows mostly the group that is present in a context, and a little what is true of its images"


def describe_controls(shuffled_rotation, shuffled_color, seeds=1, true=0.1):
    """Statements on R2 that fall from .9 to `true` under the other group's context, and to these where shuffled."""
    values = {
        ("rotation", 0): (0.7, 0.9), ("rotation", 14): (0.9, true), ("rotation+shuffled", 14): (0.8, shuffled_color),
        ("color", 0): (0.7, 0.9), ("color", 14): (true, 0.95), ("color+shuffled", 14): (shuffled_rotation, 0.9),
        ("zero-action", 14): (0.11, 0.94), ("color+foreign", 14): (0.12, 0.94),
    }  # fmt: skip
    rows = [
        make_row("contextssl", task, "r2", value + 0.01 * seed, "z+", kind, length, seed)
        for (kind, length), pair in values.items()
        for task, value in zip(GROUPS, pair, strict=True)
        for seed in range(seeds)
    ]
    frame = make_rows(rows)
    return Controls().describe(frame, describe_measured(frame, "toy", GROUPS, []), {})


@pytest.mark.parametrize(
    ("rotation", "color", "keeps", "verdict"),
    [
        (0.1, 0.1, (100, 100), "notices which group is present, and does not use what the actions say"),
        (0.7, 0.9, (0, 0), "uses what the actions say about the images"),
        (0.4, 0.5, (50, 50), "uses in part what the actions say"),
        (0.1, 0.9, (100, 0), "uses what the actions say about the images under some contexts only"),
    ],
)
def test_findings_on_controls_follow_the_rows(rotation, color, keeps, verdict):
    headline, *sentences = describe_controls(rotation, color)
    assert headline.headline
    assert headline.text == (
        f"contextssl {headline.text.removeprefix('contextssl ').split(':')[0]}: "
        f"a color context of 14 tokens takes rotation R2 from .700 to .100, and one with shuffled actions keeps "
        f"{keeps[0]} % of that effect; a rotation context of 14 tokens takes color R2 from .900 to .100, and one with "
        f"shuffled actions keeps {keeps[1]} % of that effect."
    )
    assert headline.text.startswith(f"contextssl {verdict}")
    assert [(bar.mean, bar.role) for bar in headline.bars] == [
        (0.7, "rival"), (0.1, "subject"), (rotation, "control"), (0.9, "rival"), (0.1, "subject"), (color, "control"),
    ]  # fmt: skip
    assert not any(statement.headline for statement in sentences)
    words = " ".join(statement.text for statement in sentences)
    assert f"{keeps[0]} % of the effect: the model" in words
    assert (
        "under a context without actions (`zero-action`) of 14 tokens (rotation R2 .110, color R2 .940) it is most "
        "like a color context, within .010" in words
    )
    assert "under a color context with values of the other group as its actions (`color+foreign`) of 14 tokens" in words


def describe_presence(rotation, color, hidden=0.8, seeds=3, decoys="+decoys"):
    """Statements where R2 is higher by `hidden` under a group's own contexts, and by these under those with decoys."""
    values = {
        ("rotation", "rotation"): hidden, ("color", "color"): hidden,
        ("rotation" + decoys, "rotation"): rotation, ("color" + decoys, "color"): color,
    }  # fmt: skip
    rows = [
        make_row("contextssl", task, "r2", 0.1 + values.get((kind, task), 0.0) + noise, "z+", kind, 14, seed)
        for kind in (group + end for group in GROUPS for end in ("", decoys))
        for task in GROUPS
        for seed, noise in enumerate([0.0, 0.001, -0.001][:seeds])
    ]
    frame = make_rows(rows)
    return Presence().describe(frame, describe_measured(frame, "toy", GROUPS, []), {})


@pytest.mark.parametrize(
    ("rotation", "color", "hidden", "verdict"),
    [
        (0.0, 0.0, 0.8, "follows the group that is present in a context, true or not"),
        (0.7, 0.6, 0.8, "follows what is true of a context's images, not only what is present"),
        (0.0, 0.6, 0.8, "follows what is true of a context's images for color only"),
        (
            0.1,
            0.0,
            0.8,
            "follows mostly the group that is present in a context, and a little what is true of its images",
        ),
        (0.6, 0.6, 0.0, "follows what is true of a context's images, not only what is present"),
        (0.0, 0.0, 0.0, "follows neither which group is present in a context nor which is true of its images"),
        (-0.3, -0.2, 0.8, "follows the group that is present in a context, true or not"),
    ],
)
def test_presence_or_content_follows_the_rows(rotation, color, hidden, verdict):
    (statement,) = describe_presence(rotation, color, hidden)
    assert statement.headline
    assert statement.text.startswith(f"contextssl {verdict}: rotation R2 is ")
    assert [bar.mean for bar in statement.bars] == pytest.approx([hidden, rotation, hidden, color])


def test_presence_is_not_judged_without_decoys():
    assert describe_presence(0.1, 0.1, decoys="+foreign") == []


def test_spread_over_seeds_is_shown():
    headline, *_ = describe_controls(0.1, 0.1, seeds=3)
    assert "from .710 ± .010 to .110 ± .010" in headline.text
    assert headline.bars[0].std == pytest.approx(0.01)


def test_where_contexts_change_nothing_there_is_no_headline():
    statements = describe_controls(0.1, 0.1, true=0.85)
    assert "from .900 to .850; there is no effect that its actions could explain" in statements[1].text
    assert not any(statement.headline for statement in statements)


def test_controls_without_contexts_to_compare_with_are_left_out(random):
    rows = make_rows(make_all_rows(random, ["simclr", "contextssl"]))
    for frame, count in ((rows, 3), (rows[rows["level"] != 0], 0)):
        statements = Controls().describe(frame, describe_measured(frame, "toy", GROUPS, []), {})
        assert len([statement for statement in statements if not statement.headline]) == count


def make_curves(curves):
    """Rows of R2 of rotation under color contexts of 0, 2, 14 and 126 tokens, by run."""
    rows = [
        make_row(run, task, "r2", value if task == "rotation" else 0.9, "z+", "color", length)
        for run, values in curves.items()
        for length, value in zip([0, 2, 14, 126], values, strict=True)
        for task in GROUPS
    ]
    frame = make_rows(rows)
    return frame, describe_measured(frame, "toy", GROUPS, [])


def test_shapes_of_curves_are_found():
    curves = {"contextssl": [0.8, 0.4, 0.1, 0.2], "contextssl~long": [0.8, 0.7, 0.3, 0.1], "contextssl~flat": [0.8] * 4}
    settings = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    settings |= {f"contextssl~{v}": {"mask_probability": [0.5, 0.99], "block_tokens": 64} for v in ("long", "flat")}
    about, shapes = make_curves(curves), Shapes("mask_probability", "block_tokens")
    found = {(f.run, f.half, f.best, round(f.rise, 6), round(f.pairs, 6)) for f in shapes.find_falls(*about, settings)}
    assert found == {("contextssl", 2, 14, 0.1, 6.3), ("contextssl~long", 14, 126, 0.0, 15.5)}
    statements = shapes.describe(*about, settings)
    assert len(statements) == 2  # of two runs no correlation is known
    assert not any(statement.headline for statement in statements)
    assert shapes.describe(*about, {name: {"width": 64} for name in settings}) == []  # of no such settings
    assert set(shapes.reads) <= set(settings["contextssl"])


@pytest.mark.parametrize(
    ("end", "text"),
    [(0.2, "at 14 tokens of a color context and is back at .200 at 126."), (0.12, "context and is .120 at 126.")],
)
def test_the_headline_on_a_curve_says_whether_longer_contexts_help(end, text):
    settings = {"contextssl": {"mask_probability": 0.9, "block_tokens": 128}}
    shapes = Shapes("mask_probability", "block_tokens", variants=False)
    about = make_curves({"contextssl": [0.8, 0.4, 0.1, end], "contextssl~long": [0.8, 0.7, 0.3, 0.1]})
    headline, sentence = shapes.describe(*about, settings | {"contextssl~long": settings["contextssl"]})
    assert headline.text.startswith(
        "contextssl saw contexts of up to 6.3 pairs (13 tokens) in training, and gets half of a context's effect from "
        "2 tokens: rotation R2 falls from .800 to .100"
    )
    assert headline.text.endswith(text)
    assert (headline.headline, sentence.headline) == (True, False)


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ([2, 14, 126], "The more pairs a token saw in training, the longer the context that works best (rank"),
        ([126, 14, 2], "The more pairs a token saw in training, the shorter the context that works best"),
        ([14, 126, 2], "How many pairs a token saw in training does not decide which length"),
    ],
)  # fmt: skip
def test_what_bends_the_curves_follows_the_rows(order, text):
    curves, settings = {}, {}
    for number, best in enumerate(order):
        run = "contextssl" if not number else f"contextssl~{number}"
        curves[run] = [0.8, *(0.1 if n == best else 0.3 + 0.01 * number for n in (2, 14, 126))]
        settings[run] = {"mask_probability": 0.5, "block_tokens": 2 ** (number + 3)}
    headline, *rest = Shapes("mask_probability", "block_tokens").describe(*make_curves(curves), settings)
    assert headline.text.startswith(text)
    assert headline.headline
    assert not any(statement.headline for statement in rest)
    assert [bar.mean for bar in headline.bars] == order


@pytest.mark.parametrize(("stored", "aligned", "shifted", "verdict", "headline"), [
    (99.6, 99.4, 68.4, "are confounded, for a network may have read the codec", "much better in crops on the grid"),
    (80.0, 74.0, 66.0, "a part of what predicts rotation on these data may be the codec", "somewhat better"),
    (74.0, 65.0, 64.0, "the codec tells little of rotation", "hardly better"),  # what the whole image tells more is its
    (52.0, 70.0, 80.0, "the codec does not give rotation away in images as stored, but would in crops that cut",
     "better in crops that cut through blocks than in images as stored (80.0 ± 1.0 % against 52.0 ± 1.0 %)"),
])  # fmt: skip
def test_the_leak_is_judged_by_crops_on_the_grid_and_off_it(stored, aligned, shifted, verdict, headline):
    def value(name, seed, representation, task, metric, condition, level):
        return {0: stored, 3: shifted, 8: aligned}.get(level, 50.0) + (seed - 1 if task == "rotation" else 20)

    material = make_essl(make_essl_rows(value, runs=["constant"]), runs=["constant"])
    select = {"method": "constant", "representation": "pixels", "metric": "leak_accuracy"}
    about = (material.rows, material.measured["cifar10"], {})
    first, second = LeakFinding(select, tasks=["rotation"]).describe(*about)
    assert first.text.startswith("A classifier of nothing but traces of JPEG's grid (chance: 50 %) tells rotation ")
    assert headline in first.text
    assert first.bars[-1].mean == 50
    assert (first.headline, second.headline) == (True, False)
    assert verdict in second.text
    assert f"right about {stored:.1f} ± 1.0 % of the test images as stored (chance: 50 %)" in second.text
    assert f"right about {aligned:.1f} ± 1.0 % on the grid and {shifted:.1f} ± 1.0 % off it" in second.text
    assert LeakFinding(select, shifted=5).describe(*about) == []
    assert len(LeakFinding(select, headline=False).describe(*about)) == 3
    assert LeakFinding({**select, "method": "random"}).describe(*about) == []


def describe_synergy(values, shuffled=0.001):
    def value(name, seed, representation, task, metric, condition, level):
        if metric == "information_shuffled":
            return -0.003 if task == "hflip" else shuffled
        return values.get(task, 0.0) if metric == "information" and name == "random" else 0.0

    runs = ["random", "supervised", "constant"]
    material = make_essl(make_essl_rows(value, runs=runs), runs=runs)
    return SynergyFinding().describe(material.rows, material.measured["cifar10"], {})


def test_the_order_of_synergies_follows_the_rows():
    headline, random, supervised = describe_synergy({"rotation": 0.05, "vflip": 0.04, "hflip": 0.002})
    assert random.text.startswith(
        "random: what knowing the class adds, in nats: rotation .0500, vflip .0400, hflip .0020,"
    )
    assert random.text.endswith("; more than what a shuffled class adds or takes of the same task: rotation, vflip.")
    assert supervised.text.endswith("adds or takes: nothing is measured.")
    assert headline.text.startswith(
        "Being told an image's class helps a probe to tell rotation in 1 of 2 encoders (by .05 nats) and vflip in 1 of "
        "2 encoders (by .04 nats), more than being told another class; of the other "
    )
    assert headline.text.endswith("transformations it does so for none.")
    assert [bar.role for bar in headline.bars[:2]] == ["subject", "control"]
    assert [bar.mean for bar in headline.bars[:2]] == pytest.approx([0.05, 0.001])


def test_where_no_synergy_is_measured_the_headline_says_so():
    headline, *_ = describe_synergy({"rotation": 0.05}, shuffled=-0.06)
    assert headline.text.startswith("For no transformation does being told the class help a probe by more than")


def test_statements_reach_the_table_as_the_report_reads_it(random, tmp_path):
    given, paper = make_given(tmp_path, random), read_paper(PAPER)
    material = read_material(given["path"], [given["meta"]], given["datasets"], [])
    (table,) = make_tables(material, replace(paper, views={"context_controls": paper.views["context_controls"]}))
    found = json.loads(to_json(lay_out(table)))["findings"]
    assert [entry["text"] for entry in found] == [statement.text for statement in table.findings]
    assert set(found[0]) == {"text", "headline", "measure", "bars", "digits"}
    drawn = next(entry for entry in found if entry["bars"])
    assert set(drawn["bars"][0]) == {"label", "mean", "std", "role"}
