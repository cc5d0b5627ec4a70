"""Views: their states, actions and images; what views share; fixed views."""

import itertools

import numpy as np
import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest

from workflow_scripts.data.augmentations.base import make_augmentation
from workflow_scripts.data.batch import INDEPENDENT, PAIR
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.views import make_views, open_views
from workflow_scripts.data.views.base import draw_different
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit

KINDS = {"crop": "resized_crop", "blur": "blur", "color": "color_jitter"}
DIMS = {group: make_augmentation(kind, {}, 32).dim for group, kind in KINDS.items()}
PAIRS = list(itertools.combinations(KINDS, 2))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=4, test=1))
    pack(manifest, folder / "packed", "cifar10", 32, workers=1)
    return folder / "packed"


def open_augmented(packed, augmentations, split="train", views=3):
    settings = {"kind": "augmented", "augmentations": augmentations, "evaluation_views": views}
    return open_views(packed, {"views": settings, "holdout": {"share": 0.25, "seed": 0}}, split, CPU)


def open_groups(packed, groups, split="train"):
    return open_augmented(packed, [{"kind": KINDS[group], "group": group} for group in groups], split)


def open_tabular(smoke_table, **settings):
    views = {"kind": "tabular", "groups": ["gender"], "replaced_share": 0.1, **settings}
    return open_views(smoke_table, {"views": views, "holdout": {"share": 0.0, "seed": 0}}, "train", CPU)


@pytest.mark.parametrize("groups", PAIRS)
def test_states_are_standardised(packed, groups):
    views = open_groups(packed, groups)
    batch = views.sample(np.arange(1500) % len(views), PAIR, 0, "test")
    assert batch.states.shape == (2, 1500, sum(DIMS[group] for group in groups))
    state, action, dim = batch.states[1], batch.action(), views.space.dim
    # Four standard errors of 1,500 draws; the two states of a pair are independent.
    torch.testing.assert_close(state.mean(0), torch.zeros(dim), atol=0.11, rtol=0)
    torch.testing.assert_close(state.std(0), torch.ones(dim), atol=0.11, rtol=0)
    torch.testing.assert_close(action.std(0), torch.full((dim,), 2**0.5), atol=0.16, rtol=0)


def test_what_never_changes_has_no_unit_and_a_group_of_such_is_refused(packed):
    fixed = {"kind": "color_jitter", "group": "color", "hue": 0.0}
    batch = open_augmented(packed, [fixed]).sample(np.arange(3), PAIR, 0)
    assert batch.states.isfinite().all()
    assert (batch.states == 0).all(dim=(0, 1)).sum() == 1  # the hue
    with pytest.raises(UserError, match="augmentations of the group 'color' draw the same for every view"):
        open_augmented(packed, [{**fixed, "probability": 0.0}, {"kind": "blur", "group": "blur"}])
    open_augmented(
        packed, [{"kind": "grayscale", "group": "grey", "probability": 0.0}, {"kind": "blur", "group": "blur"}]
    )


def test_states_have_the_same_units_in_every_split(packed):
    clean = [next(open_groups(packed, ("crop", "color"), split).fixed(2))[1][0, 0] for split in ("train", "test")]
    torch.testing.assert_close(clean[0], clean[1], rtol=0, atol=0)


@pytest.mark.parametrize("groups", PAIRS)
def test_fixed_views_begin_with_the_image_itself(packed, groups):
    views, data = open_groups(packed, groups), PackedDataset(packed)
    images, states = next(views.fixed(5))
    assert images.shape == (5, 4, 3, 32, 32)
    stored = torch.from_numpy(np.array(data.inputs[views.objects[:5], 0])).movedim(-1, 1) / 255
    mean, std = (torch.tensor(data.meta[key]).view(3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(images[:, 0], (stored - mean) / std, atol=1e-4, rtol=0)
    assert (states[:, 0] == states[0, 0]).all()
    again = next(views.fixed(5))
    assert all(torch.equal(a, b) for a, b in zip((images, states), again, strict=True))


def read_fixed(views, size):
    return tuple(torch.cat(parts) for parts in zip(*views.fixed(size), strict=True))


def test_fixed_views_are_of_the_object_and_the_number_of_the_view_alone(packed):
    """Not of the size of the chunk, of the other views, or of the split that the object stands in."""
    crop_blur = [{"kind": "resized_crop", "group": "crop"}, {"kind": "blur", "group": "blur"}]
    views = open_augmented(packed, crop_blur)
    images, states = read_fixed(views, 5)
    for size in (1, 7, 1000):
        other = read_fixed(views, size)
        assert torch.equal(states, other[1])
        assert torch.equal(images, other[0])
    assert torch.equal(states, read_fixed(open_augmented(packed, crop_blur, views=6), 5)[1][:, :4])
    data = PackedDataset(packed)
    some = make_views(data, views.objects[3:9:2], {"kind": "augmented", "augmentations": crop_blur}, CPU)
    assert torch.equal(read_fixed(some, 2)[1], states[3:9:2, :3])
    drawn = states[:, 1:].flatten(0, 1)
    assert len(drawn.unique(dim=0)) == len(drawn)


def test_actions_lead_from_the_first_to_the_second_state(packed):
    """A blur of 0 has a state of its own, which half of the views share: so a quarter of the actions are 0."""
    views = open_groups(packed, ("color", "blur"))
    none = next(views.fixed(1))[1][0, 0, 4]
    batch = views.sample(np.arange(1500) % len(views), PAIR, 0, "test")
    close = [torch.isclose(state, none, atol=1e-5) for state in batch.states[..., 4]]
    assert [float(c.float().mean()) for c in close] == pytest.approx([0.5, 0.5], abs=0.06)
    assert torch.equal(close[0] & close[1], batch.action()[:, 4] == 0)


SIMCLR = [
    {"kind": "resized_crop"},
    {"kind": "hflip"},
    {"kind": "color_jitter", "group": "color", "probability": 0.8},
    {"kind": "grayscale", "group": "color"},
    {"kind": "rotation", "group": "rotation"},
]


def test_base_augmentations_act_and_are_no_part_of_the_state(packed):
    views = open_augmented(packed, SIMCLR)
    assert views.space.groups == {"color": slice(0, 5), "rotation": slice(5, 6)}
    assert views.space.values == {"rotation": 4}
    batch = views.sample(np.zeros(200, dtype=np.int64), (INDEPENDENT, frozenset({"color", "rotation"})), 0, "test")
    assert torch.equal(batch.states[0], batch.states[1])
    same = (batch.views[0] == batch.views[1]).flatten(1).all(dim=1)
    assert float(same.float().mean()) < 0.05  # crops and flips differ all the same


def test_only_base_augmentations_leave_no_state(packed):
    views = open_augmented(packed, [{"kind": "hflip"}])
    batch = views.sample(np.arange(8), (INDEPENDENT,), 0, "test")
    assert batch.views.shape == (1, 8, 3, 32, 32)
    assert batch.states.shape == (1, 8, 0)


def test_each_view_shares_what_the_method_says(packed):
    views = open_augmented(packed, SIMCLR)
    sharing = (INDEPENDENT, INDEPENDENT, frozenset({"color"}), frozenset({"rotation"}))
    batch = views.sample(np.arange(400) % len(views), sharing, 0, "test")
    assert batch.views.shape[:2] == (4, 400)
    color, rotation = (batch.states[..., entries] for entries in views.space.groups.values())
    for view, groups in enumerate(sharing[1:], start=1):
        assert bool((color[view] == color[0]).all()) == ("color" in groups)
        assert bool((rotation[view] == rotation[0]).all()) == ("rotation" in groups)
    # Independent quarter turns coincide one time in four; four standard errors.
    assert float((rotation[1] == rotation[0]).float().mean()) == pytest.approx(0.25, abs=0.09)


def test_the_action_of_a_discrete_group_counts_round(packed):
    views = open_augmented(packed, SIMCLR)
    batch = views.sample(np.arange(400) % len(views), PAIR, 0, "test")
    first, second = batch.states[..., 5]
    assert set(batch.states[..., 5].flatten().tolist()) == {0, 1, 2, 3}
    assert torch.equal(batch.action()[:, 5], (second - first) % 4)


def test_views_differ_in_the_groups_that_are_to_be_distinct(packed):
    settings = {"kind": "augmented", "augmentations": SIMCLR, "distinct": ["rotation"]}
    views = make_views(PackedDataset(packed), np.arange(30), settings, CPU)
    sharing = (INDEPENDENT, INDEPENDENT, frozenset({"rotation"}))
    first, second, shared = views.sample(np.arange(900) % 30, sharing, 0, "test").states[..., 5]
    assert torch.equal(first, shared)
    steps = ((second - first) % 4).long().bincount(minlength=4) / 900
    torch.testing.assert_close(steps, torch.tensor([0, 1 / 3, 1 / 3, 1 / 3]), atol=0.065, rtol=0)  # 4 standard errors
    with pytest.raises(UserError, match="'color', which is no discrete group; there is rotation"):
        make_views(PackedDataset(packed), np.arange(3), {**settings, "distinct": ["color"]}, CPU)


def test_pixels_may_stay_as_they_are(packed):
    settings = {"kind": "augmented", "augmentations": [], "normalise": False}
    images, states = next(make_views(PackedDataset(packed), np.arange(3), settings, CPU).fixed(3))
    stored = torch.from_numpy(np.array(PackedDataset(packed).inputs[:3])).movedim(-1, -3) / 255
    torch.testing.assert_close(images, stored.expand_as(images))
    assert states.shape == (3, 3, 0)


def test_a_view_cannot_share_what_there_is_not(packed, smoke_packed):
    views = open_groups(packed, ("crop", "blur"))
    with pytest.raises(UserError, match="share the group 'hue', but this data set has crop, blur"):
        views.sample(np.arange(4), (INDEPENDENT, frozenset({"hue"})), 0)
    stored = open_views(smoke_packed, {"views": {"kind": "stored"}, "holdout": {"share": 0, "seed": 0}}, "train", CPU)
    with pytest.raises(UserError, match="views of this data set are stored"):
        stored.sample(np.arange(4), (INDEPENDENT, frozenset({"rotation"})), 0)
    with pytest.raises(UserError, match="needs 5 views of an object, but only 4 are stored"):
        stored.sample(np.arange(4), (INDEPENDENT,) * 5, 0)


@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
def test_stored_views_of_a_batch_are_different_and_all_alike(wanted):
    drawn = draw_different(4, wanted, 20_000, np.random.default_rng(0))
    assert drawn.shape == (wanted, 20_000)
    assert all(len(set(column)) == wanted for column in drawn.T[:500].tolist())
    orders, counts = np.unique(drawn, axis=1, return_counts=True)
    assert orders.shape[1] == np.prod([4, 3, 2, 1][:wanted])  # every order of every choice
    assert counts / 20_000 == pytest.approx(np.full(len(counts), 1 / len(counts)), abs=0.015)


@pytest.mark.parametrize("shared", [False, True])
def test_views_of_a_row_share_the_sensitive_feature_or_draw_it(shared, smoke_table):
    views = open_tabular(smoke_table)
    sharing = (INDEPENDENT, INDEPENDENT, frozenset({"gender"} if shared else ()))
    batch = views.sample(np.arange(len(views)), sharing, 0, "test")
    assert batch.views.shape[:2] == (3, len(views))
    assert torch.equal(batch.states[0, :, 0], torch.from_numpy(views.attributes["gender"]).float())
    assert bool((batch.states[2] == batch.states[0]).all()) == shared
    assert not bool((batch.states[1] == batch.states[0]).all())
    rest = (batch.views[1] != batch.views[0]).any(dim=1)
    assert 0 < float(rest.float().mean()) < 1


def test_plain_views_are_what_is_stored(packed):
    data, settings = PackedDataset(packed), {"kind": "plain"}
    views = make_views(data, np.array([3, 1]), settings, CPU)
    images, states = next(views.fixed(2))
    augmented = open_groups(packed, ("crop", "blur"))
    position = int(np.flatnonzero(augmented.objects == augmented.objects[0])[0])
    assert states.shape == (2, 1, 0)
    assert views.space.dim == 0
    own = make_views(data, augmented.objects[position : position + 1], settings, CPU)
    torch.testing.assert_close(next(own.fixed(1))[0][:, 0], next(augmented.fixed(1))[0][:, 0], atol=1e-5, rtol=0)
    assert torch.equal(views.sample(np.arange(2), (INDEPENDENT,), 0).views[0], images[:, 0])
