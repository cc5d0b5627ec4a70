"""Pretext prediction: its losses against slow loops, and which gradient of the class goes where."""

import math

import pytest
import torch
from torch.nn import functional as F
from watchable import CLASSES, SIDE, SPACE, list_gradients, make_batch, make_watched

from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.golden


def make(**settings):
    return make_watched("pretext", "rotation", **settings)


def draw_loss(method, batch):
    return method.loss(batch, torch.Generator().manual_seed(5))


def turn(batch):
    """The images as the loss turns them, one by one, and the turns."""
    turns = SPACE.draw("rotation", batch.views.shape[1], torch.Generator().manual_seed(5))[:, 0].int().tolist()
    return torch.stack([image.rot90(k, dims=(1, 2)) for image, k in zip(batch.views[0], turns, strict=True)]), turns


def slow_cross_entropy(scores, labels):
    terms = [math.log(sum(math.exp(x) for x in row)) - row[y] for row, y in zip(scores.tolist(), labels, strict=True)]
    return sum(terms) / len(terms)


def percent(scores, labels):
    return 100 * sum(row.index(max(row)) == y for row, y in zip(scores.tolist(), labels, strict=True)) / len(labels)


@pytest.mark.parametrize("seed", range(3))
def test_losses_and_accuracies_match_a_slow_loop(seed):
    method, batch = make(class_weight=0.7), make_batch(20, seed)
    with torch.no_grad():
        found = draw_loss(method, batch)
    images, turns = turn(batch)
    features, labels = method.encoder(images).detach(), batch.labels.tolist()
    hidden = (features @ method.head[0].weight.T + method.head[0].bias).clamp(min=0)
    scores = hidden @ method.head[2].weight.T + method.head[2].bias
    classes = features @ method.classifier.weight.T + method.classifier.bias
    assert scores.shape == (20, 4)
    assert float(found.minimised["pretext"]) == pytest.approx(slow_cross_entropy(scores, turns), abs=1e-5)
    assert float(found.minimised["class"]) == pytest.approx(0.7 * slow_cross_entropy(classes, labels), abs=1e-5)
    assert float(found.watched["pretext accuracy"]) == pytest.approx(percent(scores, turns))
    assert float(found.watched["class accuracy"]) == pytest.approx(percent(classes, labels))
    assert found.minimised.keys() == {"pretext", "class"}


def reference(method, batch):
    """Gradients by the encoder and the probe of the plain losses of the value and of the class, not detached."""
    images, turns = turn(batch)
    features = method.encoder(images)
    pretext = F.cross_entropy(method.head(features), torch.tensor(turns))
    own = F.cross_entropy(method.classifier(features), batch.labels)
    return {
        **{("pretext", name): g for name, g in list_gradients(method.encoder, pretext).items()},
        **{("class", name): g for name, g in list_gradients(method.encoder, own).items()},
        **{("probe", name): g for name, g in list_gradients(method.classifier, own).items()},
    }, own.item()


# What the loss of the class, times this, adds to the gradient of the encoder and is the gradient of the probe.
MODES = [
    ("detached", 1.0, 0, 1),
    ("detached", 0.25, 0, 0.25),
    ("joint", 0.5, 0.5, 0.5),
    ("joint", 0.0, 0, 0),
    ("joint", -9.0, -9, -9),
    ("adversarial", 9.0, -9, 1),
    ("adversarial", 1.0, -1, 1),
]


def teach(method, batch):
    """Bring the class loss below the logarithm of the number of classes."""
    images, _ = turn(batch)
    with torch.no_grad():
        solved = torch.linalg.lstsq(method.encoder(images), F.one_hot(batch.labels, CLASSES).float()).solution
        method.classifier.weight.copy_(solved.T)


@pytest.mark.parametrize(("mode", "weight", "encoder", "probe"), MODES)
def test_gradients_go_where_they_should(mode, weight, encoder, probe):
    method, batch = make(class_loss=mode, class_weight=weight), make_batch(20)
    teach(method, batch)
    expected, own = reference(method, batch)
    assert own < math.log(CLASSES) - 0.05
    total = torch.stack(list(draw_loss(method, batch).minimised.values())).sum()
    for name, found in list_gradients(method.encoder, total).items():
        assert expected["class", name].abs().max() > 1e-4
        torch.testing.assert_close(found, expected["pretext", name] + encoder * expected["class", name])
    for name, found in list_gradients(method.classifier, total).items():
        torch.testing.assert_close(found, probe * expected["probe", name])


@pytest.mark.parametrize(("mode", "weight", "probe"), [("joint", -9.0, 0), ("adversarial", 9.0, 1)])
def test_beyond_guessing_nobody_is_pushed_further(mode, weight, probe):
    method, batch = make(class_loss=mode, class_weight=weight), make_batch(20)
    teach(method, batch)
    with torch.no_grad():
        method.classifier.weight.mul_(-20)
    expected, own = reference(method, batch)
    assert own > math.log(CLASSES)
    found = draw_loss(method, batch)
    lowest = found.minimised["adversary" if mode == "adversarial" else "class"]
    assert lowest.item() == pytest.approx(-9 * math.log(CLASSES), rel=1e-6)
    total = torch.stack(list(found.minimised.values())).sum()
    for name, gradient in list_gradients(method.encoder, total).items():
        torch.testing.assert_close(gradient, expected["pretext", name])
    for name, gradient in list_gradients(method.classifier, total).items():
        torch.testing.assert_close(gradient, probe * expected["probe", name])


def test_the_adversarys_value_is_the_class_loss_turned_round():
    method, batch = make(class_loss="adversarial", class_weight=3.0), make_batch(20)
    teach(method, batch)
    parts = draw_loss(method, batch).minimised
    assert parts.keys() == {"pretext", "class", "adversary"}
    assert parts["adversary"].item() == pytest.approx(-3 * parts["class"].item(), rel=1e-6)


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["detached", "adversarial"])
def test_a_negative_weight_is_for_joint_only(mode):
    with pytest.raises(UserError, match=r"class_weight is -9\.0, but below 0 it goes with class_loss joint only"):
        make(class_loss=mode, class_weight=-9.0)


def make_patterns(count, generator):
    """Images whose class is a channel, bright at the top: turned, they still show both class and turn."""
    labels = torch.randint(2, (count,), generator=generator)
    images = 0.1 * torch.rand(count, 3, SIDE, SIDE, generator=generator)
    images[torch.arange(count), labels, : SIDE // 2] += 0.8
    return images, labels


def learn(mode, weight):
    """Train on such images, and return the accuracy of turns, and that of a new probe of the class [percent]."""
    method, generator = make(class_loss=mode, class_weight=weight), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    batch = make_batch(64)
    for _ in range(100):
        images, batch.labels = make_patterns(64, generator)
        batch.views = images[None]
        optimizer.zero_grad()
        torch.stack(list(method.loss(batch, generator).minimised.values())).sum().backward()
        optimizer.step()
    images, labels = make_patterns(400, generator)
    turns = SPACE.draw("rotation", 400, generator)
    with torch.no_grad():
        features = method.encoder(SPACE.apply("rotation", images, turns))
        told = method.head(features).argmax(dim=1) == turns[:, 0]
    inputs, signs = F.pad(features, (0, 1), value=1), 2.0 * labels[:, None] - 1
    fitted = torch.linalg.lstsq(inputs[:200], signs[:200]).solution
    right = (inputs[200:] @ fitted).sign() == signs[200:]
    return 100 * float(told.double().mean()), 100 * float(right.double().mean())


def test_turns_are_learnt_and_the_class_where_the_encoder_is_told_it():
    (turns, plain), (_, told) = learn("detached", 1.0), learn("joint", 0.5)
    assert turns > 95
    assert plain < 90
    assert told > 98
