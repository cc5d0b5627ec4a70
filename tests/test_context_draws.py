"""Which pairs contexts are made of: the same whatever lengths are asked for, as released, and drawn again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from raw_trees import pack_small_3diebench
from small_runs import CPU, EVALUATION, STORED, make_small_evaluator, open_small

from workflow_scripts.data.views import open_views
from workflow_scripts.data.views.base import Views
from workflow_scripts.evaluation.contexts import draw_pairs, list_actions, make_contexts, redraw_contexts
from workflow_scripts.evaluation.metrics import r2_per_component
from workflow_scripts.evaluation.probes import Bank
from workflow_scripts.evaluation.probing import probe_places
from workflow_scripts.evaluation.run import EvaluatedRun, MeasuredArray
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
VIEWS = 5
KEYS = ("representation", "condition", "level", "task", "metric")
PIXELS = SimpleNamespace(encode=lambda batch: batch.views.flatten(2), uses_actions=True, hides_actions=False)


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    return pack_small_3diebench(tmp_path_factory.mktemp("stored"), train=12, views=VIEWS)


@pytest.fixture(scope="module")
def train(packed):
    return open_views(packed, {"views": STORED, "holdout": {"share": 0.0, "seed": 0}}, "train", CPU)


def contexts_of(train, **changes):
    PIXELS.space = train.space
    settings = Contexts(**{"control_lengths": [2], "draw_lengths": [], **changes})
    return make_contexts(PIXELS, *draw_pairs(PIXELS, train, settings, seed=3), settings, seed=3)


def test_a_context_does_not_depend_on_the_lengths_asked_for(train):
    """Not on the longest, and not beyond what is drawn together; nor do its shuffled actions."""
    alone = contexts_of(train, lengths=[4])
    for lengths in ([2, 4, 126], [4, 128], [4, 130], [4, 600]):
        others = contexts_of(train, lengths=lengths, control_lengths=[2, 4])
        for name in ("rotation-4", "color-4", "color+shuffled-2"):
            assert all(torch.equal(a, b) for a, b in zip(alone[name], others[name], strict=True)), (name, lengths)
        assert len(others[f"rotation-{lengths[-1]}"][0]) == lengths[-1]
    long = contexts_of(train, lengths=[512])["rotation-512"]
    first, second = (tuple(part[i : i + 128] for part in long) for i in (0, 128))
    assert torch.equal(contexts_of(train, lengths=[128])["rotation-128"][0], first[0])
    assert not torch.equal(first[0], second[0])  # the pairs that follow are others
    assert len(contexts_of(train, lengths=[0])["rotation-0"][0]) == 0


def test_pairs_are_drawn_as_many_together_as_asked(train):
    few = contexts_of(train, lengths=[8], pairs=8)["rotation-8"][0]
    assert not torch.equal(few, contexts_of(train, lengths=[8])["rotation-8"][0])
    assert torch.equal(few, contexts_of(train, lengths=[8, 60], pairs=8)["rotation-8"][0])


def test_actions_are_shuffled_among_pairs_that_were_drawn_together(train):
    actions = torch.arange(20.0)[:, None].expand(-1, train.space.dim)
    shuffled = list_actions(actions, train.space, ["shuffled"], 0, together=8)["rotation+shuffled"][:, 0]
    assert (shuffled != actions[:, 0]).all()
    for part in (slice(0, 8), slice(8, 16), slice(16, 20)):
        assert sorted(shuffled[part].tolist()) == actions[part, 0].tolist()


def test_the_released_draw_is_that_of_global_generators(packed, train):
    """Written as the released code does it: generators of the whole process, seeded, and asked in turn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objects = torch.randint(0, len(train), (64,)).numpy()
    state = np.random.get_state()
    np.random.seed(42)
    pairs = [np.random.choice(VIEWS, 2, replace=False) for _ in range(64)]
    np.random.set_state(state)
    images, latents = (np.load(packed / f"{name}.npy") for name in ("inputs", "latents"))
    tokens, shown = contexts_of(train, lengths=[126], draw="released")["color-126"]
    inputs, _ = next(train.fixed(len(train)))
    for token in range(126):
        pair = token // 2
        view = pairs[pair][token % 2]
        assert torch.equal(tokens[token], inputs[objects[pair], view].flatten())
        hues = latents[objects[pair]][:, [3, 6]]
        change = hues[pairs[pair][1]] - hues[pairs[pair][0]] if token % 2 == 0 else np.zeros(2)
        np.testing.assert_allclose(shown[token, 4:], change, atol=1e-6)
        assert not shown[token, :4].any()
    assert images.shape[:2] == (len(latents), VIEWS)
    assert len(set(objects.tolist())) < 64  # objects come more than once
    longer = contexts_of(train, lengths=[300], draw="released")["color-300"]
    assert torch.equal(longer[0][:126], tokens)


def test_views_that_are_made_have_no_released_draw(smoke_table, train):
    views = {"kind": "tabular", "groups": ["gender"]}
    table = open_views(smoke_table, {"views": views, "holdout": {"share": 0.0, "seed": 0}}, "train", CPU)
    with pytest.raises(UserError, match=r"two stored views of an object, but there is one; set contexts\.draw"):
        draw_pairs(PIXELS, table, Contexts(draw="released"), 0)
    with pytest.raises(UserError, match="made anew, so that stored ones cannot be chosen"):
        Views.gather(train, np.zeros(1), np.zeros((2, 1)))


def test_later_draws_are_others_and_leave_the_first_alone(train):
    PIXELS.space = train.space
    settings = Contexts(lengths=[0, 2, 14], draws=3, draw_lengths=[0, 2, 30])
    again = redraw_contexts(PIXELS, train, settings, seed=3)
    assert set(again) == {"rotation-2~1", "rotation-2~2", "color-2~1", "color-2~2"}
    first = contexts_of(train, lengths=[0, 2, 14], draws=3)["rotation-2"]
    assert torch.equal(first[0], contexts_of(train, lengths=[2])["rotation-2"][0])
    drawn = [first, again["rotation-2~1"], again["rotation-2~2"]]
    assert not any(torch.equal(drawn[i][0], drawn[j][0]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert redraw_contexts(PIXELS, train, Contexts(), 3) == {}


def test_the_spread_is_the_standard_deviation_over_draws():
    """Three draws that read the truth with a known error: R2 of 1 - 4e^2, for e = 0, .1, .3."""
    truth = np.array([[-0.5], [0.5], [-0.5], [0.5]])  # variance .25
    errors = {"z+.g-2": 0.0, "z+.g-2~1": 0.1, "z+.g-2~2": 0.3, "z+.g-0": 0.2}
    places = [MeasuredArray("z+", "z+.g-0", "context g", 0), MeasuredArray("z+", "z+.g-2", "context g", 2)]
    run = SimpleNamespace(splits=["test"], _redrawn=dict.fromkeys(("g-2~1", "g-2~2")))
    run.side_by_side = lambda places: filter(len, (places[:2], places[2:]))
    run.redraws = lambda place: EvaluatedRun.redraws(run, place)
    run.bank = lambda split, arrays, unit: arrays
    probe = {"g": lambda train, tests: {"test": (truth, np.stack([truth + errors[name] for name in train]))}}
    rows = list(probe_places(run, places, probe, {"r2": r2_per_component}, redrawn=True))
    assert [(row["level"], row["metric"], row["n"]) for row in rows] == [(0, "r2", 4), (2, "r2", 4), (2, "r2_sd", 3)]
    assert [row["value"] for row in rows[:2]] == pytest.approx([0.84, 1.0])
    # R2 1, .96 and .64: mean .8667, squared distances .01778, .00871, .05138, half of whose sum is .03893
    assert rows[2]["value"] == pytest.approx(0.19732, abs=1e-5)
    without = list(probe_places(run, places, probe, {"r2": r2_per_component}))
    assert without == rows[:2]


def test_draws_are_measured_as_if_each_were_the_first(packed, tmp_path):
    contexts = {"lengths": [0, 4], "controls": [], "control_lengths": [4], "draw_lengths": [4]}
    rows = {}
    for draws in (1, 3):
        evaluation = {**EVALUATION, "contexts": {**contexts, "draws": draws}}
        run = open_small(tmp_path / str(draws), "contextssl", STORED, packed, evaluation=evaluation)
        evaluator = make_small_evaluator("relative_latents")
        rows[draws] = {tuple(row[key] for key in KEYS): row for row in evaluator.rows(run)}
    spread = {key for key in rows[3] if key[4].endswith("_sd")}
    assert {key[:4] for key in spread} == {
        ("z+", f"context {kind}", 4, task) for kind in ("rotation", "color") for task in ("rotation", "color")
    }
    assert {rows[3][key]["n"] for key in spread} == {3}
    assert all(rows[3][key]["value"] > 0 for key in spread)
    for key, row in rows[1].items():  # the first draw is the headline, however many follow
        assert rows[3][key]["value"] == pytest.approx(row["value"], abs=1e-3)
    # An array of a later draw is what the method makes of its context.
    bank = run.bank("test", ["z+.color-4", "z+.color-4~2"])
    assert isinstance(bank, Bank)
    with torch.inference_mode():
        context = run.method.cache_context(*run._redrawn["color-4~2"])
        h = torch.from_numpy(np.array(run.read("test", "h"))).flatten(0, 1)
        expected = run.method.embed(h, torch.zeros(len(h), run.space.dim), context)
    torch.testing.assert_close(bank.values[1].flatten(0, 1), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(bank.values[0], bank.values[1], atol=1e-4)
