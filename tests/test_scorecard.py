"""The scorecard: verdicts follow the rows, also against the claim."""

import shutil

import numpy as np
import pytest
from reported import GROUPS, PAPER, make_all_rows, make_fairness_rows, make_row

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.reporting.measured import describe_measured
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.places import list_claims
from workflow_scripts.reporting.scorecard import judge, make_scorecard
from workflow_scripts.reporting.verdicts import AT_CEILING, FAILED, NOT_RUN, PROVISIONAL, REPRODUCED, UNDECIDED
from workflow_scripts.rows import make_rows
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
CONTROLS = ["random", "constant", "supervised"]
# Rotation and color R2 under each context, by length, as the paper has them.
PUBLISHED = {
    ("rotation", 0): (0.735, 0.910), ("rotation", 126): (0.744, 0.046),
    ("color", 0): (0.735, 0.910), ("color", 126): (0.344, 0.986),
}  # fmt: skip


def claims(benchmark="3diebench", among=False):
    """Claims by name; unless `among`, without the methods that must be among the rivals: made-up rows have few."""
    found = {claim["id"]: claim for claim in list_claims(read_paper(PAPER), benchmark)}
    for claim in found.values() if not among else []:
        claim["comparisons"] = [{k: v for k, v in spec.items() if k != "among"} for spec in claim["comparisons"]]
    return found


def rows_of(values, spread=0.0, seeds=1, **others):
    """Rows of ContextSSL with `values`, of other methods with (rotation R2, color R2, top-1)."""
    rows = []
    for seed in range(seeds):
        for (kind, length), pair in values.items():
            for task, value in zip(GROUPS, pair, strict=True):
                shifted = value + spread * (
                    seed - 1 if length else 0
                )  # -1, 0, 1: the mean stays, the deviation is spread
                rows.append(make_row("contextssl", task, "r2_pooled", shifted, "z+", kind, length, seed))
        for name, (rotation, color, top1) in {
            "contextssl": (0.7, 0.9, 80.4),
            "constant": (0.229, 0.0, 16.0),
            **others,
        }.items():
            rows += [
                make_row(name, "rotation", "r2_pooled", rotation, seed=seed),
                make_row(name, "color", "r2_pooled", color, seed=seed),
            ]
            rows.append(make_row(name, "class", "top1", top1, seed=seed))
    return make_rows(rows)


def judged(claim, rows, names=(), benchmark="3diebench", among=False):
    measured = describe_measured(rows, "toy", GROUPS, names)
    return judge(claims(benchmark, among)[claim], rows, measured, CONTROLS)


def verdict(*given, **more):
    return judged(*given, **more).verdict


def publish_rivals():
    """Every other method's published (rotation R2, color R2, top-1), by its name and the section that it is of."""
    sections = read_yaml(PAPER / "published.yaml")["tables"]["main"]["values"]
    return {f"{name.replace(' (c=0)', '-0')}-{section}": tuple(values) for section, lines in sections.items()
            for name, values in lines.items() if name != "contextssl"}  # fmt: skip


@pytest.mark.parametrize("claim", [
    "rotation-context-raises-rotation", "rotation-context-drops-color", "color-context-raises-color",
    "color-context-drops-rotation", "best-rotation", "best-color", "classification-kept",
])  # fmt: skip
def test_the_published_numbers_reproduce_the_claims(claim):
    """Also what the claims call a difference is one that the paper's own numbers show."""
    rows = rows_of(PUBLISHED, simclr=(0.506, 0.148, 85.3), **publish_rivals())
    assert verdict(claim, rows) == REPRODUCED
    assert judged(claim, rows).shown == f"reproduced{PROVISIONAL}"
    assert len(publish_rivals()) == 11


@pytest.mark.parametrize(("claim", "change"), [
    ("rotation-context-raises-rotation", {("rotation", 126): (0.6, 0.046)}),
    ("rotation-context-drops-color", {("rotation", 126): (0.744, 0.3)}),
    ("rotation-context-drops-color", {("rotation", 126): (0.744, 0.046), ("rotation", 0): (0.735, 0.2)}),
    ("color-context-raises-color", {("color", 126): (0.344, 0.9)}),
    ("color-context-drops-rotation", {("color", 126): (0.7, 0.986)}),
])  # fmt: skip
def test_rows_that_contradict_a_claim_do_not_reproduce_it(claim, change):
    assert verdict(claim, rows_of(PUBLISHED | change)) == FAILED
    assert verdict(claim, rows_of(PUBLISHED | change, 0.001, seeds=3)) == FAILED


def test_rivals_are_all_other_methods_but_controls_and_variants():
    better = {"simclr": (0.8, 0.1, 90.0)}
    assert verdict("best-rotation", rows_of(PUBLISHED, **better)) == FAILED
    assert verdict("best-color", rows_of(PUBLISHED, **better)) == REPRODUCED
    assert verdict("classification-kept", rows_of(PUBLISHED, **better)) == FAILED
    allowed = rows_of(PUBLISHED, simclr=(0.5, 0.1, 85.0), supervised=(0.99, 0.99, 99.0))
    assert verdict("best-rotation", allowed) == REPRODUCED
    assert verdict("best-rotation", rows_of(PUBLISHED)) == NOT_RUN  # there is no rival
    assert verdict("best-rotation", rows_of(PUBLISHED, simclr=(0.5, 0.1, 85.0)), ["simclr", "sie"]) == NOT_RUN


def test_the_best_of_a_few_methods_is_not_the_best_of_all():
    wanted = claims(among=True)["best-rotation"]["comparisons"][0]["among"]
    rivals = dict.fromkeys(wanted, (0.5, 0.1, 85.0))
    assert verdict("best-rotation", rows_of(PUBLISHED, **rivals), among=True) == REPRODUCED
    del rivals["sie"]
    found = judged("best-rotation", rows_of(PUBLISHED, **rivals), among=True)
    assert (found.verdict, "sie was not run" in found.why) == (NOT_RUN, True)
    worse = rows_of(PUBLISHED, simclr=(0.8, 0.1, 90.0))
    assert verdict("best-rotation", worse, among=True) == FAILED, "one that is better is enough to fail"


@pytest.mark.parametrize(("rival", "supervised", "expected"), [
    (0.734, 0.9, REPRODUCED),  # .01 behind, and no less
    (0.740, 0.9, UNDECIDED),  # tied
    (0.748, 0.9, UNDECIDED),
    (0.754, 0.9, FAILED),
    (0.740, 0.745, AT_CEILING),  # both are as good as the control
    (0.748, 0.745, AT_CEILING),
    (0.754, 0.745, FAILED),
])  # fmt: skip
def test_the_best_leads_by_a_difference_worth_the_name(rival, supervised, expected):
    others = {"sie": (rival, 0.1, 80.0), "supervised": (supervised, 0.99, 99.0)}
    found = judged("best-rotation", rows_of(PUBLISHED, **others))
    assert found.verdict == expected
    assert found.text.endswith("of all methods, by at least .01")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("ceiling: { method: supervised", "ceiling: { method: supervized", "no control in .*; did you mean 'supervised'"),
    ("ceiling: { method: supervised, representation: h }", "ceiling: the sky", "ceiling"),
    (", equivalence: 0.01 }", ", equivalence: 0 }", "equivalence"),
    ("equivalence: 0.01 }", "equivalence: 0.01, at_least: 0.0 }", "comparisons"),
    ("stated: *fairness", "stated: { id: fairness-adapts }", "text"),
])  # fmt: skip
def test_a_mistake_in_what_a_claim_wants_is_one_sentence(old, new, message, tmp_path):
    paper = shutil.copytree(PAPER, tmp_path / "paper")
    text = (paper / "claims.yaml").read_text()
    assert old in text
    (paper / "claims.yaml").write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message):
        read_paper(paper)


def test_missing_rows_are_not_run():
    assert verdict("retrieval-rises", rows_of(PUBLISHED)) == NOT_RUN
    assert verdict("mask-helps", rows_of(PUBLISHED)) == NOT_RUN
    assert verdict("fairness-opportunity", rows_of(PUBLISHED), benchmark="adult") == NOT_RUN


def test_a_spread_over_seeds_leaves_a_small_difference_undecided():
    assert verdict("color-context-raises-color", rows_of(PUBLISHED, 0.001, seeds=3)) == REPRODUCED
    assert verdict("color-context-raises-color", rows_of(PUBLISHED, 0.2, seeds=3)) == UNDECIDED


def test_a_small_failure_within_the_spread_is_undecided():
    """Color falls to .105 with a spread of .08, where .1 is asked for: no more failed than .08 would be reproduced."""
    for seeds, expected in (
        ((0.03, 0.10, 0.19), UNDECIDED),
        ((0.03, 0.08, 0.17), UNDECIDED),
        ((0.2, 0.2, 0.3), FAILED),
    ):
        rows = [
            make_row("contextssl", "color", "r2_pooled", value, "z+", "rotation", length, seed)
            for seed, low in enumerate(seeds)
            for length, value in ((0, 0.9), (126, low))
        ]
        found = judged("rotation-context-drops-color", make_rows(rows))
        assert (found.verdict, found.provisional) == (expected, False)


def test_a_verdict_on_one_seed_is_provisional_unless_several_seeds_gave_it():
    rows = rows_of(PUBLISHED, 0.001, seeds=3, simclr=(0.5, 0.1, 85.0))
    lone = rows["seed"].eq(0) | rows["method"].ne("simclr")
    assert judged("best-rotation", rows).shown == "reproduced"
    assert judged("best-rotation", rows[lone]).shown == "reproduced, provisional"  # one of its comparisons has one seed
    better = rows_of(PUBLISHED, 0.001, seeds=3, simclr=(0.8, 0.1, 85.0), sie=(0.9, 0.1, 85.0))
    lone = better["seed"].eq(0) | better["method"].ne("simclr")
    assert judged("best-rotation", better[lone]).shown == "not reproduced"  # by the other rival
    assert "less sie" in judged("best-rotation", better[lone]).why
    assert judged("mask-helps", rows_of(PUBLISHED)).shown == "not run"


def test_a_difference_of_differences(random):
    rows = make_rows(make_all_rows(random, ["contextssl", "contextssl~mask0"]))
    measured = describe_measured(rows, "toy", GROUPS, [])
    found = judge(claims()["mask-helps"], rows, measured, CONTROLS).evidence[1]
    own = rows[(rows["task"] == "color") & (rows["metric"] == "r2_pooled") & (rows["level"] == 126)]
    own = own.set_index(["variant", "condition", "seed"])["value"]
    effects = [
        [own[variant, "context color", seed] - own[variant, "context rotation", seed] for seed in range(3)]
        for variant in ("", "mask0")
    ]
    differences = np.subtract(*effects)
    assert found.mean == pytest.approx(differences.mean())
    assert found.std == pytest.approx(differences.std(ddof=1))


def test_the_scorecard_says_what_it_was_judged_on():
    rows = rows_of(PUBLISHED, simclr=(0.506, 0.148, 85.3))
    measured = describe_measured(rows, "toy", GROUPS, [])
    verdicts = [judge(claim, rows, measured, CONTROLS) for claim in claims().values()]
    table = make_scorecard(read_paper(PAPER), "toy", verdicts, "embedded data")
    assert {record["paper"] for record in table.records} == {read_paper(PAPER).title}
    assert "judged on toy with one seed" in table.caption
    assert table.caption.endswith("7 reproduced, 5 not run, all provisional.")
    assert (table.caveat, table.seeds) == ("embedded data", 1)
    assert table.headers == ["Claim", "The paper says", "Verdict", "Why"]
    assert len(table.lines) == len(table.details) == len(claims())
    assert any("wanted at least .3" in line for line in table.details[1])
    assert table.lines[0][2:] == [
        "reproduced, provisional",
        "Rotation R2, longest rotation context less none, is .009 (.744 against .735), and must be at least -.005: it "
        "is, with one seed.",
    ]


# (gender accuracy, equalized odds, equality of opportunity) without a context, under an equivariant, an invariant one.
ADAPTS = (90, 0.3, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)


@pytest.mark.parametrize(
    ("claim", "values", "benchmark", "expected"),
    [
        ("equalized-odds", ADAPTS, "adult", REPRODUCED),
        ("opportunity", ADAPTS, "adult", REPRODUCED),
        ("gender-rises", ADAPTS, "adult", REPRODUCED),
        ("equalized-odds", ((90, 0.1, 0.2), (99, 0.4, 0.3), (70, 0.3, 0.1)), "adult", FAILED),
        ("equalized-odds", ((90, 0.0, 0.2), (99, 0.4, 0.3), (70, 0.0, 0.1)), "adult", AT_CEILING),  # it cannot fall
        ("equalized-odds", ((90, 0.0, 0.2), (99, 0.4, 0.3), (70, 0.1, 0.1)), "adult", FAILED),
        ("opportunity", ((90, 0.3, 0.1), (99, 0.4, 0.3), (70, 0.1, 0.2)), "adult", FAILED),
        ("gender-rises", ((90, 0.3, 0.2), (90, 0.4, 0.3), (70, 0.1, 0.1)), "adult", FAILED),
        ("gender-rises", ((100, 0.3, 0.2), (100, 0.4, 0.3), (70, 0.1, 0.1)), "adult", AT_CEILING),  # it cannot rise
        ("gender-rises", ((100, 0.3, 0.2), (90, 0.4, 0.3), (70, 0.1, 0.1)), "adult", FAILED),  # but it can fall
        ("treatment-rises", ADAPTS, "mimic3", NOT_RUN),
        ("treatment-rises", (*ADAPTS, (60, 65)), "mimic3", REPRODUCED),
        ("treatment-rises", (*ADAPTS, (60, 59)), "mimic3", FAILED),
    ],
)
def test_fairness_is_judged_on_each_of_its_benchmarks(claim, values, benchmark, expected):
    assert verdict(f"fairness-{claim}", make_fairness_rows(*values), benchmark=benchmark) == expected
    assert ("fairness-treatment-rises" in claims(benchmark)) == (benchmark == "mimic3")
