"""Leave-one-out contrastive learning: its loss against a loop over samples, and what its views share."""

import math

import numpy as np
import pytest
import torch
from batches import Flatten
from torch.nn import functional as F

from workflow_scripts.data.actions import ActionSpace, difference
from workflow_scripts.data.batch import Batch
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.views import make_views
from workflow_scripts.methods.base import Task, make_method
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
SMALL = {"hidden": 6, "width": 4, "temperature": 0.3, "momentum": 0.7, "queue": 8}
SPACE = ActionSpace({"rotation": slice(0, 1), "color": slice(1, 3)}, difference, {"rotation": 4})
COUNT = 5


def make_batch(seed, left_out):
    """Views of 2x2 images, as LooC asks for; states with values of which some coincide."""
    random = torch.Generator().manual_seed(seed)
    views = torch.randn(2 + len(left_out), COUNT, 3, 2, 2, generator=random)
    states = torch.randint(3, (len(views), COUNT, 3), generator=random).float()
    for view, name in enumerate(left_out, 2):
        states[view][:, SPACE.groups[name]] = states[0][:, SPACE.groups[name]]
    return Batch(views, states, torch.zeros(COUNT, dtype=torch.int64), SPACE)


def make_looc(left_out, **changes):
    return make_method("looc", {**SMALL, "left_out": left_out, **changes}, Flatten(), Task(SPACE, 5), seed=1)


def embed(method, heads, encoder, space, image):
    return F.normalize(heads[space](encoder(image[None])), dim=1)[0].detach()


def loop(method, batch, left_out, positives):
    """The sum of section 2 of the specification, one sample, space and negative at a time."""
    parts = dict.fromkeys(("all", *left_out), 0.0)
    masses = dict.fromkeys(left_out, 0.0)
    for n in range(COUNT):
        for space, name in enumerate(parts):
            q = embed(method, method.heads, method.encoder, space, batch.views[0, n])
            keys = [embed(method, method.slow_heads, method.slow_encoder, space, view[n]) for view in batch.views[1:]]
            queued = [math.exp(float(q @ m) / 0.3) for m in method.queues[space]]
            own = [math.exp(float(q @ k) / 0.3) for k in keys]
            if not space:
                terms = [-math.log(e / (e + sum(queued))) for e in (own if positives == "all" else own[:1])]
                parts[name] += sum(terms) / len(terms)
                continue
            entries = SPACE.groups[name]
            others = sum(
                e
                for j, e in enumerate(own)
                if j != space and batch.states[1 + j, n, entries].tolist() != batch.states[0, n, entries].tolist()
            )
            whole = own[space] + others + sum(queued)
            parts[name] -= math.log(own[space] / whole)
            masses[name] += others / whole / COUNT
    return {name: value / COUNT / len(parts) for name, value in parts.items()}, masses


@pytest.mark.parametrize("positives", ["first", "all"])
@pytest.mark.parametrize("left_out", [["rotation"], ["color"], ["color", "rotation"]])
def test_the_loss_matches_a_loop_over_samples(left_out, positives):
    method, batch = make_looc(left_out, positives=positives), make_batch(7, left_out)
    loss = method.loss(batch, torch.Generator().manual_seed(0))
    parts, masses = loop(method, batch, left_out, positives)
    assert {name: value.item() for name, value in loss.minimised.items()} == pytest.approx(parts, abs=1e-5)
    watched = {name: loss.watched[f"mass of other keys, {name}"].item() for name in left_out}
    assert watched == pytest.approx(masses, abs=1e-6)
    assert all(mass > 0 for mass in masses.values())


def test_each_queue_gets_its_own_key():
    method, batch = make_looc(["color", "rotation"]), make_batch(2, ["color", "rotation"])
    method.loss(batch, torch.Generator().manual_seed(0))
    slow = [
        torch.stack([embed(method, method.slow_heads, method.slow_encoder, space, image) for image in view])
        for space, view in enumerate(batch.views[1:])
    ]
    method.after_step()
    torch.testing.assert_close(method.queues[:, :COUNT], torch.stack(slow), atol=1e-6, rtol=1e-5)


def test_the_mass_is_a_running_mean():
    method = make_looc(["color", "rotation"])
    seen = []
    for seed in range(4):
        loss = method.loss(make_batch(seed, ["color", "rotation"]), torch.Generator().manual_seed(seed))
        seen.append([loss.watched[f"mass of other keys, {name}"].item() for name in ("color", "rotation")])
        with torch.no_grad():
            method.after_step()
    np.testing.assert_allclose(method.negative_mass, np.mean(seen, axis=0), rtol=1e-5)


def test_views_share_exactly_the_group_of_their_space(smoke_packed):
    """Parameters to the last bit, so pixels too; what is not shared differs in every image."""
    kinds = [
        {"kind": "color_jitter", "group": "color", "probability": 0.8},
        {"kind": "grayscale", "group": "color"},
        {"kind": "rotation", "group": "rotation"},
    ]
    settings = {"kind": "augmented", "augmentations": kinds, "distinct": ["rotation"]}
    packed = PackedDataset(smoke_packed)
    views = make_views(packed, np.arange(30), settings, CPU)
    method = make_method("looc", {**SMALL}, Flatten(), Task(views.space, 3), seed=0)
    assert method.spaces == ("all", "color", "rotation")
    batch = views.sample(np.arange(30), method.sharing(), 0, "test")
    color, rotation = (batch.states[..., entries] for entries in views.space.groups.values())
    assert torch.equal(color[2], color[0])
    assert torch.equal(rotation[3], rotation[0])
    assert (rotation[1] != rotation[0]).all()
    assert (rotation[2] != rotation[0]).all()
    assert (color[1] != color[0]).any(dim=1).float().mean() > 0.9  # but where jitter is off in both: .2 * .2
    upright = torch.stack([image.rot90(-int(turns)) for image, turns in zip_turned(batch, 0, rotation)])
    again = torch.stack([image.rot90(-int(turns)) for image, turns in zip_turned(batch, 2, rotation)])
    torch.testing.assert_close(upright, again, atol=0, rtol=0)


def zip_turned(batch, view, rotation):
    """Images (H, W, 3) of a view, and their quarter turns."""
    return zip(batch.views[view].permute(0, 2, 3, 1), rotation[view, :, 0], strict=True)


@pytest.mark.parametrize("left_out", [["texture"], ["rotation", "hue"]])
def test_groups_that_are_not_there_are_refused(left_out):
    with pytest.raises(
        UserError, match=r"left_out names the group '(texture|hue)', but this data set has rotation, color"
    ):
        make_looc(left_out)


def test_data_without_groups_are_refused():
    with pytest.raises(UserError, match="left_out names no group, but this data set has none"):
        make_method("looc", SMALL, Flatten(), Task(ActionSpace({}, difference), 5), seed=1)
