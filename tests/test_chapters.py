"""Parts of the page: symbols that explain themselves, small figures, what would tell more, colors that one can read."""

import re
from itertools import product

import pytest
import yaml

from workflow_scripts.reporting import gaps, overview
from workflow_scripts.reporting.chapters import list_findings, mark, place_bars
from workflow_scripts.reporting.page import SIGNS, TEMPLATES
from workflow_scripts.reporting.papers import read_paper
from workflow_scripts.reporting.verdicts import MEANINGS, VERDICTS
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


def test_the_first_of_each_symbol_says_what_it_stands_for():
    symbols = {"h": "features", "z+": 'under a "context"', "A": "the action", "c": "length"}
    text = mark("A probe of h, and h of `h`; z+ (c=0), not z++ or scale-h <b>", symbols)
    assert text == (
        'A probe of <abbr title="features">h</abbr>, and h of <code>h</code>; '
        '<abbr title="under a &#34;context&#34;">z+</abbr> (<abbr title="length">c</abbr>=0), '
        "not z++ or scale-h &lt;b&gt;"
    )
    assert mark("a & `b`", {}) == "a &amp; <code>b</code>"


def test_bars_share_a_width_begin_at_0_and_have_their_spread():
    bars = [{"mean": 0.5, "std": 0.25, "role": "subject"}, {"mean": -0.25, "std": None, "role": "floor"}]
    first, second = place_bars(bars, 3)
    assert (first["bar"], first["whisker"], first["text"][:2]) == ((25.0, 50.0), (50.0, 50.0), ".5")
    assert (second["bar"], second["whisker"], second["text"]) == ((0.0, 25.0), None, "-.250")
    assert place_bars([{"mean": 0.0, "std": 0.0, "role": "floor"}], 1)[0]["bar"] == (0.0, 0.0)
    assert place_bars([], 3) == []


def make_chapter(*statements, verdicts=()):
    section = {"table": {"findings": list(statements)}}
    found = [{"verdict": word, "provisional": provisional} for word, provisional in verdicts]
    return {"paper": None, "parts": [{"sections": [section], "scorecard": {"verdicts": found}}]}


def make_statement(text, *roles, headline=True):
    bars = [{"label": role, "mean": 1.0, "std": None, "role": role} for role in roles]
    return {"text": text, "headline": headline, "measure": "", "bars": bars, "digits": 1}


def test_findings_are_headlines_and_cautions_come_last():
    chapter = make_chapter(
        make_statement("floor", "floor", "subject"),
        make_statement("beside", "rival", headline=False),
        make_statement("alone"),
        make_statement("control", "subject", "control", "floor"),
    )
    assert [statement["text"] for statement in list_findings([chapter])] == ["control", "floor", "alone"]


@pytest.mark.parametrize(
    ("seeds", "verdicts", "text", "command"),
    [
        ([0], [("reproduced", True)], "1 verdict rests on one seed", "SEEDS=3"),
        ([0, 1, 2], [("undecided", False), ("reproduced", False)], "1 claim is too close to tell", "SEEDS=5"),
        ([0, 1, 2], [("at ceiling", False)] * 2, "2 claims are at the ceiling", None),
    ],
)
def test_what_would_tell_more_is_a_command_that_exists(monkeypatch, seeds, verdicts, text, command):
    monkeypatch.setattr(overview, "read_experiments", lambda space: {"space/toy": {"seeds": [0]}})
    steps = overview.list_next_steps("space/toy", [make_chapter(verdicts=verdicts)], {"lines": []}, seeds)
    (step,) = steps
    assert step["text"].startswith(text)
    assert step["command"] == (f"make reproduce EXPERIMENT=space/toy {command}" if command else "")


def test_what_would_tell_more_points_to_what_is_missing(monkeypatch):
    monkeypatch.setattr(overview, "read_experiments", lambda space: {})
    lines = [
        ["toy", "a", "", gaps.ELSEWHERE, ""],
        ["toy", "b", "0", gaps.MISSING, ""],
        ["toy", "c", "0", gaps.MISSING, ""],
    ]
    chapter = make_chapter(verdicts=[("not run", False)])
    steps = overview.list_next_steps("space/toy", [chapter], {"lines": lines}, [0, 1, 2])
    assert [step["text"] for step in steps] == [
        "1 run belongs to other experiments, for which 1 claim waits",
        "2 runs are missing or older than the code",
    ]
    assert {step["see"] for step in steps} == {"gaps"}


def read_colors(text):
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", text))


def measure_contrast(one, other):
    """Return the contrast of two colors as WCAG 2 defines it (relative luminance of sRGB)."""

    def get_luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((get_luminance(one), get_luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert measure_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert measure_contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_text_has_a_contrast_of_at_least_4_5_in_light_and_dark():
    style = (TEMPLATES / "style.css").read_text()
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    dark = rest.partition("/* The page")[0]
    words = [word.replace(" ", "-") for word in VERDICTS]
    for colors in (read_colors(light), read_colors(dark)):
        pairs = [(f"--{word}", f"--{word}-ground") for word in (*words, "caveat")]
        pairs += product(("--ink", "--muted", "--link"), ("--ground", "--soft"))
        pairs += [("--ink", "--caveat-ground")]
        weak = {pair: measure_contrast(*(colors[name] for name in pair)) for pair in pairs}
        assert not {pair: contrast for pair, contrast in weak.items() if contrast < 4.5}
        bars = [measure_contrast(colors[f"--{role}"], colors["--ground"]) for role in ("subject", "rival", "control")]
        assert min(bars) >= 3  # of graphics
    assert all(f".verdict.{word} " in style for word in words if word != "not-run")


def test_every_verdict_has_a_sign_of_its_own():
    assert list(SIGNS) == list(MEANINGS)
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_a_paper_explains_symbols_and_leads_with_three_figures_at_most(tmp_path):
    figure = {
        "benchmark": "b",
        "title": "T",
        "note": "",
        "lead": True,
        "columns": [{"label": "a", "select": {}, "digits": 1}],
    }
    figure |= {"lines": [{"select": {"method": "m"}}], "figure": {"kind": "curves", "x": "x", "y": "y"}}
    views = {"benchmarks": ["b"], "symbols": {"h": "features"}, "tables": {f"t{n}": figure for n in range(3)}}
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "views.yaml").write_text(yaml.safe_dump(views))
    assert read_paper(tmp_path / "three").symbols == {"h": "features"}
    views["tables"]["t3"] = figure
    (tmp_path / "four").mkdir()
    (tmp_path / "four" / "views.yaml").write_text(yaml.safe_dump(views))
    with pytest.raises(UserError, match=r"4 tables of the benchmark 'b' say `lead: true`.*leave it at 3"):
        read_paper(tmp_path / "four")
    del figure["figure"]
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "views.yaml").write_text(yaml.safe_dump({**views, "tables": {"t": figure}}))
    with pytest.raises(UserError, match="lead"):
        read_paper(tmp_path / "none")
