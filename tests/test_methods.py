"""Methods: ContextSSL's loss against a slow version, and what holds for every method."""

import math

import numpy as np
import pytest
import torch
from batches import SPACE, TASK, Flatten, make_batch, make_small

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.methods.base import Loss, make_method
from workflow_scripts.models.context import draw_context_mask
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden


def make_contextssl(**changes):
    settings = {"width": 16, "block_tokens": 8, "auxiliary_widths": [8], "output_dim": 6, "environments": "all"}
    return make_small("contextssl", **{**settings, "init_std": 0.09, "action_scale": 10.0, **changes})


def slow_environment_loss(method, batch, group, masks):
    """The formulas of the paper, token by token and pair by pair."""
    s, entries = method.settings, {"rotation": range(0, 4), "color": range(4, 6)}[group]
    count, block = batch.views.shape[1], s.block_tokens // 2
    outputs = {}
    for begin in range(0, count, block):
        features, actions = [], []
        for i in range(begin, begin + block):
            shown = torch.tensor([float(batch.given[i, k]) if k in entries else 0.0 for k in range(6)])
            features += [batch.views[0, i].flatten(), batch.views[1, i].flatten()]
            actions += [shown, torch.zeros(6)]
        out = method.predictor(torch.stack(features)[None], torch.stack(actions)[None], masks)[0]
        for k in range(block):
            outputs[begin + k] = (out[2 * k], out[2 * k + 1])
    rows = [outputs[i][0] for i in range(count)] + [outputs[i][1] for i in range(count)]
    contrastive = 0.0
    for i, row in enumerate(rows):
        logits = [max(float(torch.cosine_similarity(row, r, dim=0)), 1e-7) / s.temperature for r in rows]
        total = sum(math.exp(x) for j, x in enumerate(logits) if j != i)
        contrastive += (math.log(total) - logits[(i + count) % len(rows)]) / len(rows)
    squares = []
    for i in range(count):
        for token in outputs[i]:
            predicted = method.auxiliary(token / token.norm())
            squares += [float((predicted[k] - batch.states[1, i, k]) ** 2) for k in entries]
    return contrastive, s.auxiliary_weight * sum(squares) / len(squares)


def test_contextssl_loss_matches_the_slow_version():
    method, batch = make_contextssl(), make_batch(8)
    loss = method.loss(batch, torch.Generator().manual_seed(7))
    parts = loss.minimised
    generator = torch.Generator().manual_seed(7)
    expected = [
        slow_environment_loss(method, batch, group, draw_context_mask(8, 3, 0.9, generator))
        for group in ("rotation", "color")
    ]
    contrastive, auxiliary = np.mean(expected, axis=0)
    assert float(parts["contrastive"].detach()) == pytest.approx(contrastive, rel=1e-5)
    assert float(parts["auxiliary"].detach()) == pytest.approx(auxiliary, rel=1e-5)
    # What is watched is each group's own error, without the weight.
    errors = {f"auxiliary {group}": own / 5 for group, (_, own) in zip(("rotation", "color"), expected, strict=True)}
    assert {name: float(value) for name, value in loss.watched.items()} == pytest.approx(errors, rel=1e-5)
    assert not any(value.requires_grad for value in loss.watched.values())


def test_sampled_environments_show_each_group_half_of_the_time():
    method, batch = make_contextssl(environments="sample"), make_batch(8)
    seen = []
    method._environment_loss = lambda group, *_: seen.append(group) or Loss({"contrastive": torch.zeros(())})
    for step in range(400):
        method.loss(batch, torch.Generator().manual_seed(step))
    assert abs(seen.count("rotation") / 400 - 0.5) < 0.1


def test_decoys_leave_one_group_true_and_give_all_others_another_pairs_action():
    method = make_small("contextssl_decoyed", width=16, block_tokens=8, auxiliary_widths=[8])
    actions = torch.randn(8, 6)
    for group, true, false in (("rotation", slice(0, 4), slice(4, 6)), ("color", slice(4, 6), slice(0, 4))):
        shown = method.show_environment(actions, group, torch.Generator().manual_seed(3))
        assert torch.equal(shown[:, true], actions[:, true])
        source = (shown[:, None, false] == actions[None, :, false]).all(-1).long().argmax(1)
        assert torch.equal(shown[:, false], actions[source, false])
        assert sorted(source.tolist()) == list(range(8))
        assert (source != torch.arange(8)).all()


def test_the_invariant_environment_shows_no_action_and_has_no_auxiliary_loss():
    method, batch = make_contextssl(invariant_environment=True), make_batch(8)
    seen = []
    own = method._environment_loss
    method._environment_loss = lambda group, *rest: seen.append(group) or own(group, *rest)
    method.loss(batch, torch.Generator().manual_seed(0))
    assert seen == ["rotation", "color", None]
    features = method.encode(batch).transpose(0, 1)
    before = own(None, features, batch, torch.Generator().manual_seed(0))
    batch.given += 1
    after = own(None, features, batch, torch.Generator().manual_seed(0))
    assert torch.equal(before.minimised["contrastive"], after.minimised["contrastive"])
    assert float(before.minimised["auxiliary"]) == 0
    assert not before.watched


def test_the_hidden_group_has_no_influence():
    method, batch = make_contextssl(environments="sample", auxiliary_weight=0.0), make_batch(8)
    method.space = ActionSpace({"rotation": slice(0, 4), "color": slice(4, 6)}, SPACE.relate)
    features = method.encode(batch).transpose(0, 1)
    before = method._environment_loss("rotation", features, batch, torch.Generator().manual_seed(0))
    batch.given[:, 4:] += 100
    after = method._environment_loss("rotation", features, batch, torch.Generator().manual_seed(0))
    batch.given[:, :4] += 1
    moved = method._environment_loss("rotation", features, batch, torch.Generator().manual_seed(0))
    assert torch.equal(before.minimised["contrastive"], after.minimised["contrastive"])
    assert not torch.equal(before.minimised["contrastive"], moved.minimised["contrastive"])


def test_vicreg_loss_matches_numpy():
    method, batch = make_small("vicreg", projector=[8, 5]).eval(), make_batch(16)
    parts = method.loss(batch, torch.Generator()).minimised
    z, z2 = (method.projector(h).detach().double().numpy() for h in method.encode(batch))
    variance = np.mean([np.maximum(0, 1 - np.sqrt(a.var(axis=0, ddof=1) + 1e-4)).mean() for a in (z, z2)])
    covariances = [np.cov(a.T) for a in (z, z2)]
    off_diagonal = sum((c**2).sum() - (np.diag(c) ** 2).sum() for c in covariances) / 5
    assert float(parts["invariance"].detach()) == pytest.approx(10 * ((z - z2) ** 2).mean(), rel=1e-4)
    assert float(parts["variance"].detach()) == pytest.approx(10 * variance, rel=1e-4)
    assert float(parts["covariance"].detach()) == pytest.approx(off_diagonal, rel=1e-4)


def test_methods_of_a_seed_share_the_initial_encoder():
    weights = [make_encoder({"kind": "small"}, 32, False, seed).project.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_resnet_encoders_have_512_features():
    for stem in ("imagenet", "cifar"):
        encoder = make_encoder({"kind": "resnet18", "stem": stem}, 32, False, seed=0).eval()
        assert encoder(torch.zeros(2, 3, 32, 32)).shape == (2, 512)


@pytest.mark.parametrize(("name", "group"), [("simclr", "rotation"), ("sie", ""), ("sen", "gender")])
def test_groups_that_do_not_fit_are_named(name, group):
    with pytest.raises(UserError, match=f"method {name} (takes no|needs a) group; write {name}"):
        make_method(name, {}, Flatten(), TASK, 0, group)


def test_wrong_settings_are_named():
    with pytest.raises(UserError, match="unknown setting of method simclr: colour"):
        make_method("simclr", {"projector": [4], "temperature": 1, "colour": 1}, Flatten(), TASK, 0)
    with pytest.raises(UserError, match=r"there is no method 'nothing': .*methods/nothing\.py"):
        make_method("nothing", {}, Flatten(), TASK, 0)
