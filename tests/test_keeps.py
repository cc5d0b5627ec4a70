"""Sentences on what is kept, and on what is reached without learning, follow the rows in both directions."""

from dataclasses import replace

import pytest
from reported_looc import make_looc

from workflow_scripts.reporting.findings.floors import Floors
from workflow_scripts.reporting.findings.keeps import Keeps
from workflow_scripts.reporting.readouts import Kept

pytestmark = pytest.mark.unit
RUNS = ["moco", "simclr", "looc~color", "supervised", "random", "constant"]
ROTATION = Kept("rotation", {"task": "rotation", "metric": "accuracy"}, unit="%")
KEEPS = Keeps(
    [ROTATION],
    Kept("top-1", {"task": "class", "metric": "top1"}, unit="points"),
    {"method": "simclr", "representation": "h"},
    apart=["supervised", "random", "constant"],
    without=["untrained"],
)
FLOORED = replace(KEEPS, floor={"method": "random", "representation": "h"})
GUESS = {"method": "constant", "representation": "h"}
FLOORS = Floors([ROTATION], FLOORED.floor, "the untrained encoder", GUESS, "guessing", 0.5, KEEPS.apart, KEEPS.without)


def make(values, noise=(0, 1, 2)):
    """Rows of a few readouts; values: (rotation accuracy, top-1) by run and representation. noise: by seed."""

    def value(name, seed, representation, task, metric, condition, level):
        rotation, top1 = values.get((name, representation), (10.0, 10.0))
        wobble = noise[seed] if name == "looc~color" else seed
        return {"rotation": rotation + wobble, "class": top1 + 2 * seed}.get(task, 0.0)

    material = make_looc("laptop", value, runs=RUNS, seeds=3)
    return material.rows, material.measured["toy"], {}


VALUES = {
    ("looc~color", "hidden"): (70.0, 58.0), ("looc~color", "h"): (65.0, 59.0), ("moco", "h"): (61.0, 62.5),
    ("simclr", "h"): (50.0, 60.0), ("supervised", "h"): (99.0, 90.0), ("moco", "untrained"): (98.0, 0.0),
    ("random", "h"): (40.0, 10.0), ("constant", "h"): (24.0, 10.0),
}  # fmt: skip


def test_the_highest_readout_and_its_cost_are_named():
    rows = make(VALUES)
    (found,) = FLOORED.describe(*rows)
    assert found.text == (
        "Rotation is read best from looc~color (hidden): 71.0 ± 1.0 % (untrained: 41.0 ± 1.0 %), "
        "with 2.0 points less top-1 than simclr; "
        "next is moco (h): 62.0 ± 1.0 %, with 2.5 points more top-1 than simclr."
    )
    assert (found.headline, found.measure, found.digits) == (True, "rotation [%]", 1)
    bars = [(bar.label, bar.mean, bar.std, bar.role) for bar in found.bars]
    assert bars == [
        ("looc~color (hidden)", 71.0, 1.0, "subject"), ("moco (h)", 62.0, 1.0, "rival"),
        ("simclr (h)", 51.0, 1.0, "rival"), ("untrained", 41.0, 1.0, "floor"),
    ]  # fmt: skip
    (without,) = replace(KEEPS, reference={"method": "vicreg", "representation": "h"}).describe(*rows)
    assert without.text.startswith("Rotation is read best from looc~color (hidden): 71.0 ± 1.0 %; next is moco")
    unheard = replace(KEEPS, kept=[Kept("x", {"task": "x", "metric": "accuracy"})])
    assert unheard.describe(*rows) == []


def test_what_is_too_close_is_said_to_be():
    close = {("looc~color", "hidden"): (62.0, 58.0), ("looc~color", "h"): (9, 9)}
    (found,) = FLOORED.describe(*make(VALUES | close, (4, 0, 0)))
    assert "; too close to tell from it is moco (h): 62.0 ± 1.0 %" in found.text


def test_what_needs_no_training_is_no_headline():
    for untrained, headline in ((68.0, True), (69.0, False), (90.0, False)):
        (found,) = FLOORED.describe(*make(VALUES | {("random", "h"): (untrained, 10.0)}))
        assert found.headline == headline


def test_a_floor_is_told_where_it_is_high():
    for untrained, share in ((40.0, None), (50.0, "57 %"), (65.0, "89 %")):
        found = FLOORS.describe(*make(VALUES | {("random", "h"): (untrained, 10.0)}))
        assert bool(found) == (share is not None)
        if share:
            start = f"The untrained encoder already reaches {untrained + 1:.1f} ± 1.0 % in rotation, {share} of the way"
            assert found[0].text.startswith(f"{start} from guessing to the best trained run")
    assert found[0].text.endswith("; 2 of 3 trained runs read less rotation than that (51.0 to 62.0).")
    assert [(bar.label, bar.mean, bar.role) for bar in found[0].bars] == [
        ("rotation, guessing", 25.0, "floor"), ("rotation, the untrained encoder", 66.0, "floor"),
        ("rotation, best: looc~color (hidden)", 71.0, "subject"),
    ]  # fmt: skip


def test_a_floor_above_all_runs_or_from_nothing():
    (found,) = FLOORS.describe(*make(VALUES | {("random", "h"): (90.0, 10.0)}))
    assert "143 % of the way" in found.text
    assert "3 of 3 trained runs read less" in found.text
    from_nothing = replace(FLOORS, zero={}, zero_label="0")
    (found,) = from_nothing.describe(*make(VALUES))
    assert "41.0 ± 1.0 % in rotation, 58 % of the way from 0 to" in found.text
    assert replace(FLOORS, floor={"method": "vicreg"}).describe(*make(VALUES)) == []
