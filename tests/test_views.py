"""Views made by augmentations: their states, actions and images."""

import itertools

import numpy as np
import pytest
import torch
from raw_trees import make_cifar_tree, write_manifest

from workflow_scripts.data.augment import AUGMENTATIONS
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.views import open_views

pytestmark = pytest.mark.unit

PAIRS = list(itertools.combinations(AUGMENTATIONS, 2))


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    manifest = write_manifest(folder / "raw.json", make_cifar_tree(folder / "raw", train=4, test=1))
    pack(manifest, folder / "packed", "cifar10", 32, workers=1)
    return folder / "packed"


def open_augmented(packed, groups, split="train"):
    settings = {"views": "augmented", "groups": list(groups), "holdout": {"share": 0.25, "seed": 0}}
    return open_views(packed, {**settings, "evaluation_views": 3}, split, torch.device("cpu"))


@pytest.mark.parametrize("groups", PAIRS)
def test_states_are_standardised(packed, groups):
    views = open_augmented(packed, groups)
    pairs = views.pairs(np.arange(1500) % len(views), 0, "test")
    assert pairs.action.shape == pairs.state.shape == (1500, sum(AUGMENTATIONS[group].dim for group in groups))
    # Four standard errors of 1,500 draws; the two states of a pair are independent.
    torch.testing.assert_close(pairs.state.mean(0), torch.zeros(views.space.dim), atol=0.11, rtol=0)
    torch.testing.assert_close(pairs.state.std(0), torch.ones(views.space.dim), atol=0.11, rtol=0)
    torch.testing.assert_close(pairs.action.std(0), torch.full((views.space.dim,), 2**0.5), atol=0.16, rtol=0)


def test_states_have_the_same_units_in_every_split(packed):
    clean = [next(open_augmented(packed, ("crop", "color"), split).fixed(2))[1][0, 0] for split in ("train", "test")]
    torch.testing.assert_close(clean[0], clean[1], rtol=0, atol=0)


@pytest.mark.parametrize("groups", PAIRS)
def test_fixed_views_begin_with_the_image_itself(packed, groups):
    views, data = open_augmented(packed, groups), PackedDataset(packed)
    images, states = next(views.fixed(5))
    assert images.shape == (5, 4, 3, 32, 32)
    stored = torch.from_numpy(np.array(data.inputs[views.objects[:5], 0])).movedim(-1, 1) / 255
    mean, std = (torch.tensor(data.meta[key]).view(3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(images[:, 0], (stored - mean) / std, atol=1e-4, rtol=0)
    assert (states[:, 0] == states[0, 0]).all()
    again = next(views.fixed(5))
    assert all(torch.equal(a, b) for a, b in zip((images, states), again, strict=True))


def test_actions_lead_from_the_first_to_the_second_state(packed):
    """A blur of 0 has a state of its own, which half of the views share: so a quarter of the actions are 0."""
    views = open_augmented(packed, ("color", "blur"))
    none = next(views.fixed(1))[1][0, 0, 4]
    pairs = views.pairs(np.arange(1500) % len(views), 0, "test")
    first = pairs.state[:, 4] - pairs.action[:, 4]
    close = [torch.isclose(state, none, atol=1e-5) for state in (first, pairs.state[:, 4])]
    assert [float(c.float().mean()) for c in close] == pytest.approx([0.5, 0.5], abs=0.06)
    assert torch.equal(close[0] & close[1], pairs.action[:, 4] == 0)
