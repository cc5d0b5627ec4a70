"""Contexts for evaluation: what each control changes, and what it leaves alone."""

from types import SimpleNamespace

import pytest
import torch

from workflow_scripts.data.latents import ViewActions
from workflow_scripts.evaluation.contexts import _draw_others, list_actions, make_contexts, parse_context
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
SPACE = ViewActions().space()
METHOD = SimpleNamespace(space=SPACE, uses_actions=True, hides_actions=False)
SETTINGS = Contexts(lengths=[0, 2, 14], controls=["zero-action", "shuffled", "foreign"], control_lengths=[14])


@pytest.fixture
def actions():
    return torch.randn(9, 6, generator=torch.Generator().manual_seed(0))


def test_kinds_show_what_they_are_named_for(actions):
    kinds = list_actions(actions, SPACE, SETTINGS.controls, seed=0, together=9)
    assert set(kinds) == {
        *("rotation", "color", "zero-action"),
        *("rotation+shuffled", "color+shuffled", "rotation+foreign", "color+foreign"),
    }
    assert torch.equal(kinds["rotation"][:, :4], actions[:, :4])
    assert torch.equal(kinds["color"][:, 4:], actions[:, 4:])
    assert not kinds["zero-action"].any()
    for kind, shown in kinds.items():
        hidden = {"rotation": slice(4, 6), "color": slice(0, 4)}.get(kind.partition("+")[0], slice(0, 6))
        assert not shown[:, hidden].any(), kind


def test_a_single_pair_cannot_be_shuffled():
    """It would keep its own action, so fewer than two pairs are refused."""
    pairs = read_schema("evaluation", "contexts")["properties"]["pairs"]
    assert pairs["minimum"] == 2
    for together in (2, 3):
        for seed in range(5):
            others = _draw_others(3 * together, together, seed)
            assert (others != torch.arange(3 * together)).all()


def test_shuffled_gives_every_pair_the_action_of_another(actions):
    shuffled = list_actions(actions, SPACE, ["shuffled"], seed=0, together=9)["rotation+shuffled"][:, :4]
    matches = (shuffled[:, None] == actions[None, :, :4]).all(-1)
    assert (matches.sum(0) == 1).all()
    assert (matches.sum(1) == 1).all()
    assert not matches.diagonal().any()


def test_foreign_fills_a_group_with_the_others_values(actions):
    kinds = list_actions(actions, SPACE, ["foreign"], seed=0, together=9)
    assert torch.equal(kinds["rotation+foreign"][:, :4], actions[:, [4, 5, 4, 5]])
    assert torch.equal(kinds["color+foreign"][:, 4:], actions[:, [0, 1]])


def test_decoys_are_of_another_pair_and_the_group_is_true(actions):
    kinds = list_actions(actions, SPACE, ["decoys"], seed=0, together=9)
    groups = {"rotation": slice(0, 4), "color": slice(4, 6)}
    assert set(kinds) == {"rotation", "color", "rotation+decoys", "color+decoys"}
    for group, other in (("rotation", "color"), ("color", "rotation")):
        shown = kinds[f"{group}+decoys"]
        assert torch.equal(shown[:, groups[group]], actions[:, groups[group]])
        matches = (shown[:, None, groups[other]] == actions[None, :, groups[other]]).all(-1)
        assert (matches.sum(0) == 1).all()
        assert (matches.sum(1) == 1).all()
        assert not matches.diagonal().any()


def test_tokens_alternate_action_and_none_and_shorter_contexts_are_prefixes(actions):
    features = torch.randn(9, 2, 3)
    contexts = make_contexts(METHOD, features, actions, SETTINGS, seed=0)
    tokens, shown = contexts["rotation-14"]
    for pair in range(7):
        assert torch.equal(tokens[2 * pair], features[pair, 0])
        assert torch.equal(tokens[2 * pair + 1], features[pair, 1])
        assert torch.equal(shown[2 * pair, :4], actions[pair, :4])
        assert not shown[2 * pair + 1].any()
    assert torch.equal(contexts["rotation-2"][0], tokens[:2])
    assert len(contexts["color-0"][0]) == 0
    assert sorted(parse_context(name) for name in contexts if "+" in name or "zero" in name) == [
        ("color+foreign", 14),
        ("color+shuffled", 14),
        ("rotation+foreign", 14),
        ("rotation+shuffled", 14),
        ("zero-action", 14),
    ]


def test_a_method_with_an_invariant_environment_is_evaluated_in_it_at_every_length(actions):
    features = torch.randn(9, 2, 3)
    method = SimpleNamespace(space=SPACE, uses_actions=True, hides_actions=True)
    contexts = make_contexts(method, features, actions, SETTINGS, seed=0)
    assert {name for name in contexts if name.startswith("invariant")} == {f"invariant-{n}" for n in (0, 2, 14)}
    assert not contexts["invariant-14"][1].any()
    assert "zero-action-14" not in contexts  # it would be the same
    without = SimpleNamespace(space=SPACE, uses_actions=False, hides_actions=False)
    assert set(make_contexts(without, features, actions, SETTINGS, seed=0)) == {"none-0", "none-2", "none-14"}


def test_unknown_controls_are_named(actions):
    with pytest.raises(UserError, match="no context control 'none'"):
        list_actions(actions, SPACE, ["none"], seed=0, together=9)
