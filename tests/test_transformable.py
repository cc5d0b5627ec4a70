"""Transformable views: base augmentations on every view, transformations left to methods, held-out images."""

import numpy as np
import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest

from workflow_scripts.data.batch import INDEPENDENT
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.transformations import TransformationSpace, WatchableBatch
from workflow_scripts.data.views import make_views, open_views
from workflow_scripts.experiment.checking import check_schema
from workflow_scripts.experiment.code import list_evaluation_code, list_training_code
from workflow_scripts.experiment.rooms import read_schema
from workflow_scripts.experiment.runs import list_groups
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
GROUPS = {"turn": {"kind": "rotation"}, "smooth": {"kind": "kernel_blur", "sigma": (1.0, 2.0)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, unsynced):
    """Of ten classes 4 training and 2 test images each."""
    folder = tmp_path_factory.mktemp("cifar")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=4, test=2))
    pack(manifest, folder / "packed", "cifar10", 32, workers=1)
    return folder / "packed"


def open_kind(folder, split="train", share=0.25, **settings):
    views = {"kind": "transformable", "groups": GROUPS, **settings}
    return open_views(folder, {"views": views, "holdout": {"share": share, "seed": 0}}, split, CPU)


def read_clean(folder, objects):
    return torch.from_numpy(PackedDataset(folder).inputs[objects, 0]).movedim(-1, 1).float() / 255


def test_views_are_images_in_0_to_1_at_the_identity_of_every_group(folder):
    views = open_kind(folder)
    chosen = np.array([5, 2, 2, 9])
    batch = views.sample(chosen, (INDEPENDENT, frozenset({"turn"})), 0, "test")
    assert isinstance(batch, WatchableBatch)
    assert isinstance(views.space, TransformationSpace)
    assert batch.space is views.space
    assert views.space.values == {"turn": 4, "smooth": 4}
    assert views.space.groups == {"turn": slice(0, 1), "smooth": slice(1, 2)}
    assert torch.equal(batch.states, torch.zeros(2, 4, 2))
    assert batch.labels.tolist() == views.labels[chosen].tolist()
    clean = read_clean(folder, views.objects[chosen])
    assert all(torch.equal(view, clean) for view in batch.views)
    with pytest.raises(UserError, match="is to share the group 'colour', but this data set has turn, smooth"):
        views.sample(chosen, (INDEPENDENT, frozenset({"colour"})), 0, "test")


def test_every_view_draws_its_own_base_augmentations(folder):
    views = open_kind(folder, augmentations=({"kind": "hflip"}, {"kind": "inversion"}))
    chosen = np.arange(600) % len(views)
    batch = views.sample(chosen, (INDEPENDENT,) * 3, 0, "test")
    clean = read_clean(folder, views.objects[chosen])
    changes = torch.stack([clean, clean.flip(-1), 1 - clean, 1 - clean.flip(-1)])
    same = torch.stack([(view - changes).abs().amax(dim=(2, 3, 4)) < 1e-6 for view in batch.views])  # (3, 4, N)
    assert bool((same.sum(1) == 1).all())
    drawn = same.int().argmax(1)  # (3, N)
    pairs = torch.stack([torch.bincount(4 * a + b, minlength=16) for a, b in (drawn[:2], drawn[1:], drawn[::2])])
    assert float((pairs / 600 - 1 / 16).abs().max()) < 0.04  # four standard errors: even, and independent
    assert torch.equal(batch.views, views.sample(chosen, (INDEPENDENT,) * 3, 0, "test").views)
    assert not torch.equal(batch.views, views.sample(chosen, (INDEPENDENT,) * 3, 1, "test").views)


def test_the_fixed_view_is_the_image_itself(folder):
    augmentations = ({"kind": "resized_crop"}, {"kind": "color_jitter"})
    for split in ("train", "val", "test"):
        views = open_kind(folder, split, augmentations=augmentations)
        parts = list(views.fixed(7))
        images, states = (torch.cat(part) for part in zip(*parts, strict=True))
        assert torch.equal(images[:, 0], read_clean(folder, views.objects))
        assert images.shape[1] == views.views == 1
        assert torch.equal(states, torch.zeros(len(views), 1, 2))


def read_held_out(views, size=6):
    batch = views.sample(np.arange(2), (INDEPENDENT,), 0, "test")
    images, labels = (torch.cat(part) for part in zip(*batch.held_out.iterate(size), strict=True))
    assert torch.equal(labels, batch.held_out.labels)
    assert len(images) == len(batch.held_out)
    return images, labels


def test_held_out_images_are_the_clean_ones_of_the_test_split(folder):
    test = open_kind(folder, "test")
    assert len(test) == 20
    for views in (open_kind(folder), open_kind(folder, share=0.0, augmentations=({"kind": "inversion"},)), test):
        for size in (1, 6, 20, 100):
            images, labels = read_held_out(views, size)
            assert torch.equal(images, read_clean(folder, test.objects))
            assert labels.tolist() == test.labels.tolist()


def test_some_held_out_images_are_part_of_more(folder):
    places = []
    for count in (5, 12, 20, 1000):
        images, labels = read_held_out(open_kind(folder, held_out=count))
        assert len(images) == min(count, 20)
        distance = (images[:, None] - read_clean(folder, open_kind(folder, "test").objects)).abs().amax(dim=(2, 3, 4))
        assert bool(((distance == 0).sum(1) == 1).all())
        places.append((distance == 0).int().argmax(1).tolist())
        assert labels.tolist() == open_kind(folder, "test").labels[places[-1]].tolist()
    assert places == [sorted(place) for place in places]
    assert set(places[0]) < set(places[1]) < set(places[2])
    assert places[0] != list(range(5))


def test_data_without_test_images_are_refused(folder):
    data = PackedDataset(folder)
    data.splits = np.zeros_like(data.splits)
    with pytest.raises(UserError, match="has no test images, which training is watched on"):
        make_views(data, np.arange(4), {"kind": "transformable"}, CPU)


def test_a_transformation_has_its_settings(folder):
    space = open_kind(folder).space
    sigma = space.draw("smooth", 1000, torch.Generator().manual_seed(0))[:, 1]
    assert 1 <= float(sigma.min()) < 1.1
    assert float(sigma.max()) <= 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"groups": {"colour": {"kind": "color_jitter"}}},
            r"views\.groups\.colour is of the kind 'color_jitter', which",
        ),
        ({"groups": {"turn": {}}}, r"views\.groups\.turn has no kind; write turn: \{kind: <augmentation>"),
        ({"groups": {"turn": {"kind": "rotation", "group": "a"}}}, r"views\.groups\.turn has a `group`, but its name"),
        ({"augmentations": ({"kind": "hflip", "group": "flip"},)}, r"views\.augmentations has a group, 'flip', but"),
        ({"groups": {"turn": {"kind": "swirl"}}}, "there is no augmentation 'swirl'"),
    ],
)
def test_wrong_settings_are_refused_in_one_sentence(folder, settings, message):
    with pytest.raises(UserError, match=message):
        open_kind(folder, **settings)


def test_planning_knows_the_groups_and_their_settings():
    views = {"kind": "transformable", "groups": {"turn": {"kind": "rotation"}, "smooth": {"kind": "kernel_blur"}}}
    assert list_groups({"views": views}) == ["turn", "smooth"]
    schema = read_schema("views", "transformable")
    check_schema(views, schema, "config")
    views["groups"]["smooth"]["kernel"] = 5
    with pytest.raises(UserError, match=r"unknown key 'kernel' at groups\.smooth; did you mean 'kernels'\?"):
        check_schema(views, schema, "config")


def test_the_code_of_a_transformation_counts_for_the_runs_that_have_it():
    views = {"kind": "transformable", "augmentations": [{"kind": "hflip"}], "groups": {"a": {"kind": "kernel_blur"}}}
    settings = {"method": "simclr", "encoder": {"kind": "small"}, "training": {}, "dataset": {"views": views}}
    used = {f"data/augmentations/{name}.py" for name in ("base", "hflip", "kernel_blur", "blur")}
    for files in (list_training_code(settings), list_evaluation_code(settings, ["classes"])):
        own = {file for file in files if file.startswith("data/augmentations/")}
        assert own - {"data/augmentations/__init__.py"} == used
        assert {"data/views/transformable.py", "data/views/augmented.py", "data/transformations.py"} <= set(files)
