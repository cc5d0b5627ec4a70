"""What holds for every encoder, every kind of views and every method there is, found by name."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from crossed import pack_crossed
from raw_trees import make_cifar_tree, write_manifest

from workflow_scripts.data.batch import Batch
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.data.views import make_views
from workflow_scripts.methods.base import ContextMethod, PredictorMethod, Task, make_method
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import list_plugins, load_plugin

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
VIEWS = {
    "stored": {},
    "crossed": {},
    "augmented": {
        "augmentations": [
            {"kind": "hflip"},
            {"kind": "resized_crop", "group": "crop"},
            {"kind": "rotation", "group": "turn"},
        ]
    },
    "tabular": {},
    "plain": {},
    "transformable": {
        "augmentations": [{"kind": "hflip"}, {"kind": "crop", "padding": 2}],
        "groups": {"turn": {"kind": "rotation"}, "smooth": {"kind": "kernel_blur"}},
        "held_out": 6,
    },
}
TRAINED = [kind for kind in VIEWS if kind != "plain"]  # plain ones are for evaluations
ROWS = {"small": False, "resnet18": False, "mlp": True}
METHODS = list_plugins("methods", "METHOD")
COUNT = 16


@pytest.fixture(scope="module")
def folders(smoke_packed, smoke_table, tmp_path_factory):
    crossed = pack_crossed(
        tmp_path_factory.mktemp("crossed"), side=32, views=4, objects_per_class={"train": 14, "test": 1}
    )
    folder = tmp_path_factory.mktemp("cifar")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=4, test=1))
    pack(manifest, folder / "packed", "cifar10", 32, workers=1)
    images = folder / "packed"
    return {"stored": smoke_packed, "crossed": crossed, "tabular": smoke_table} | dict.fromkeys(
        ("augmented", "plain", "transformable"), images
    )


def open_kind(folders, kind):
    packed = PackedDataset(folders[kind])
    return make_views(packed, np.arange(30), {"kind": kind, **VIEWS[kind]}, CPU)


def shrink(settings):
    """Settings of a class with its defaults, networks made small."""
    values = {field.name: getattr(settings(), field.name) for field in dataclasses.fields(settings)}
    small = {name: [8] * len(v) for name, v in values.items() if isinstance(v, list) and all(type(x) is int for x in v)}
    return small | {name: 16 for name, v in values.items() if type(v) is int and v > 16}


def test_nothing_is_left_out():
    assert set(list_plugins("data.views", "VIEWS")) == set(VIEWS)
    assert set(list_plugins("models.encoders", "ENCODER")) >= set(ROWS)


@pytest.mark.parametrize("kind", list_plugins("models.encoders", "ENCODER"))
def test_every_encoder_maps_inputs_to_its_features(kind):
    cls = load_plugin("models.encoders", kind, "ENCODER")
    inputs = torch.randn(4, 7) if cls.reads_rows else torch.randn(4, 3, 32, 32)
    encoder = make_encoder({"kind": kind}, inputs.shape[-1], cls.reads_rows, 0)
    assert type(encoder.dim) is int
    assert encoder(inputs).shape == (4, encoder.dim)
    again = make_encoder({"kind": kind}, inputs.shape[-1], cls.reads_rows, 0)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), again.parameters(), strict=True))
    with pytest.raises(UserError, match="choose one that reads"):
        make_encoder({"kind": kind}, 32, not cls.reads_rows, 0)


@pytest.mark.parametrize("kind", VIEWS)
def test_every_kind_of_views_keeps_its_promises(kind, folders):
    views = open_kind(folders, kind)
    dim, count = views.space.dim, len(views)
    assert views.labels.shape == (count,)
    assert 0 <= views.labels.min() <= views.labels.max() < views.classes
    assert all(values.shape == (count,) for values in views.attributes.values())
    inputs, states = next(views.fixed(7))
    assert inputs.shape[:2] == states.shape[:2] == (7, views.views)
    assert states.shape[2] == dim
    assert max(views.class_views.stop, views.pair_views.stop) <= views.views
    batch = views.sample(np.arange(5), (frozenset(),), 0, "test")
    assert batch.views.shape[:2] == batch.states.shape[:2] == (1, 5)
    assert torch.equal(batch.labels, torch.from_numpy(views.labels[:5]))
    again = views.sample(np.arange(5), (frozenset(),), 0, "test")
    assert torch.equal(batch.views, again.views)
    entries = [i for own in views.space.groups.values() for i in range(own.start, own.stop)]
    assert entries == list(range(dim))
    assert views.space.values.keys() <= views.space.groups.keys()


def build(name, views, folders, kind):
    method = load_plugin("methods", name, "METHOD")
    group = next(iter(views.space.groups), "") if method.needs_group else ""
    rows = kind == "tabular"
    width = RowEncoder(PackedDataset(folders[kind]).meta["columns"]).width if rows else 32
    encoder = make_encoder({"kind": "mlp" if rows else "small"}, width, rows, 0)
    return make_method(name, shrink(method.Settings), encoder, Task(views.space, views.classes), 0, group)


def prepare(name, folders, kind):
    """A method in training and its batch; None for views that cannot be what it asks for, and say so."""
    views = open_kind(folders, kind)
    try:
        method = build(name, views, folders, kind).train()
        return method, views.sample(np.arange(COUNT), method.sharing(), 0, "test")
    except UserError:
        return None


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_some_kind_of_views(name, folders):
    assert any(prepare(name, folders, kind) for kind in TRAINED)


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_on_every_kind_of_views(name, kind, folders):
    prepared = prepare(name, folders, kind)
    if prepared is None or not prepared[0].trains:
        return
    method, batch = prepared
    assert len(batch.views) == len(method.sharing())
    losses = [method.loss(batch, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert losses[0].minimised
    assert not losses[0].minimised.keys() & losses[0].watched.keys()
    for values in (loss.minimised | loss.watched for loss in losses):
        assert all(value.dim() == 0 and torch.isfinite(value) for value in values.values())
    assert all(torch.equal(value, losses[1].minimised[part]) for part, value in losses[0].minimised.items())
    torch.stack(list(losses[0].minimised.values())).sum().backward()
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.parameters())
    with torch.no_grad():
        method.after_step()
    other = build(name, open_kind(folders, kind), folders, kind)
    other.load_state_dict(method.state_dict())


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_evaluated(name, kind, folders):
    views = open_kind(folders, kind)
    try:
        method = build(name, views, folders, kind).eval()
    except UserError:
        return  # these data cannot be what the method asks for, and say so
    inputs, _ = next(views.fixed(6))
    with torch.inference_mode():
        features = method.encoder(inputs[:, 0])
        named = [r.replace("<group>", group) for r in type(method).readouts for group in views.space.groups or [""]]
        assert set(method.embeddings(features)) <= set(named)  # planning knows them
        for embedding in method.embeddings(features).values():
            assert embedding.shape[0] == 6
            assert torch.isfinite(embedding).all()
        logits = method.logits(features)
        assert logits is None or logits.shape == (6, views.classes)
        action = torch.zeros(6, views.space.dim)
        if isinstance(method, PredictorMethod):
            assert method.predict(method.project(features), action).shape == method.project(features).shape
        if isinstance(method, ContextMethod):
            embedded = method.embed(features, action, method.cache_context(features[:4], action[:4]))
            assert embedded.shape[0] == 6
            # A context is read only: embedding one image does not depend on the others.
            alone = method.embed(features[:1], action[:1], method.cache_context(features[:4], action[:4]))
            torch.testing.assert_close(embedded[:1], alone, atol=1e-5, rtol=1e-4)


def test_a_batch_tells_the_action_between_any_two_views(folders):
    views = open_kind(folders, "augmented")
    batch = views.sample(np.arange(4), (frozenset(),) * 3, 0, "test")
    assert torch.equal(batch.action(0, 2), views.space.relate(batch.states[0], batch.states[2]))
    assert isinstance(copy.copy(batch), Batch)
