"""Crossed views: every pose in every color, as they are drawn, packed and sampled."""

import numpy as np
import pytest
import torch
from crossed import CROSSED, make_crossed_tree, pack_crossed
from raw_trees import pack_small_3diebench

from workflow_scripts.data.batch import INDEPENDENT, PAIR
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.readers.rendered import Rendered
from workflow_scripts.data.readers.rendered_crossed import RenderedCrossed
from workflow_scripts.data.rendering.crossing import are_crossed, count_poses, cross_latents
from workflow_scripts.data.rendering.raycaster import Lighting, render
from workflow_scripts.data.rendering.scenes import list_objects, make_classes, make_object, sample_latents
from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.data.views import make_views
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")
ROTATION, COLOR = frozenset({"rotation"}), frozenset({"color"})
P = 3  # poses and colors


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> PackedDataset:
    """Ten objects in nine views. Read only."""
    return PackedDataset(pack_crossed(tmp_path_factory.mktemp("crossed")))


def open_crossed(packed, objects=range(10), **settings):
    return make_views(packed, np.array(objects), {"kind": "crossed", **settings}, CPU)


# --- latents and reader -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poses", [2, 3, 7])
def test_latents_are_crossed_view_by_view(poses, random):
    drawn = random.normal(size=(poses**2, 7))
    crossed = cross_latents(drawn)
    for i in range(poses):
        for j in range(poses):
            view = i * poses + j
            rx, ry, rz = drawn[i][:3]
            theta, phi = drawn[view][4:6]  # the light's direction, of neither group
            np.testing.assert_array_equal(crossed[view], [rx, ry, rz, drawn[j][3], theta, phi, drawn[j][6]])
    assert are_crossed(crossed[None])
    assert not are_crossed(drawn[None])


def test_what_is_not_crossed_is_told_apart(random):
    crossed = np.stack([cross_latents(random.normal(size=(16, 7))) for _ in range(5)])
    assert are_crossed(crossed)
    for column, told in zip(range(7), (True, True, True, True, False, False, True), strict=True):
        changed = crossed.copy()
        changed[3, 6, column] += 1e-6
        assert are_crossed(changed) != told, column
    for column, view in ((0, 4), (3, 1)):  # the second pose, the second color: as the last one
        changed, entries = crossed.copy(), [0, 1, 2] if column == 0 else [3, 6]
        places = range(view, view + 4) if column == 0 else range(view, 16, 4)
        for place in places:
            changed[2][place, entries] = changed[2][15, entries]
        assert not are_crossed(changed), "two that are the same do not differ"
    assert not are_crossed(crossed[:, :15])
    assert not are_crossed(crossed[:, :1])
    assert not are_crossed(crossed[..., :0])


def test_only_squares_have_poses():
    squares = {p * p: p for p in range(2, 40)}
    assert [count_poses(views) for views in range(1600)] == [squares.get(views, 0) for views in range(1600)]


def test_reader_draws_every_pose_in_every_color(tmp_path):
    root = make_crossed_tree(tmp_path / "raw", resolution=16, shadow=False)
    settings = parse_settings({**CROSSED, "resolution": 16, "shadow": False})
    reader, plain = RenderedCrossed(root), Rendered(root)
    names = [name for split in ("train", "val") for name in list_objects(settings, split)]
    assert len(reader.objects) == len(names) == 10
    templates = make_classes(settings)
    for index in (0, 7):
        name = names[index]
        scene, composite = sample_latents(settings, name), make_object(templates[name.label], settings, name)
        expected = scene.copy()
        for view in range(9):
            expected[view, :3] = scene[view // P, :3]
            expected[view, [3, 6]] = scene[view % P, [3, 6]]
        images, latents = reader.read(index, 16)
        np.testing.assert_array_equal(latents, expected.astype(np.float32))
        np.testing.assert_array_equal(images, render(composite, expected, 16, 1, Lighting(shadow=False)))
        assert (images.dtype, latents.dtype) == (np.uint8, np.float32)
        np.testing.assert_array_equal(images[0], plain.read(index, 16)[0][0])
        assert reader.read(index, 12)[0].shape == (9, 12, 12, 3)


@pytest.mark.faults
@pytest.mark.parametrize(("views", "near"), [(2, "4 or 9"), (8, "4 or 9"), (40, "36 or 49")])
def test_views_that_are_no_square_are_refused(views, near, tmp_path):
    root = make_crossed_tree(tmp_path / "raw", views=views)
    with pytest.raises(
        UserError, match=f"has {views} views of an object.* every pose in every color.* such as {near}$"
    ):
        RenderedCrossed(root)


# --- views --------------------------------------------------------------------------------------------------------


def find_places(packed, objects, states, views):
    """Pose and color (K, N) of each view of a batch, found by its state among all that are stored."""
    stored = torch.cat([states for _, states in views.fixed(4)])[objects]  # (N, V, A)
    match = (stored[None] == states[:, :, None]).all(dim=-1)
    assert (match.sum(dim=-1) == 1).all()
    return divmod(match.int().argmax(dim=-1).numpy(), P)


def test_views_share_what_the_method_says_and_differ_in_all_else(packed):
    views, sharing = open_crossed(packed), (INDEPENDENT, INDEPENDENT, ROTATION, COLOR, INDEPENDENT)
    objects = np.arange(3000) % 10
    batch = views.sample(objects, sharing, 0, "test")
    assert batch.views.shape == (5, 3000, 3, 8, 8)
    assert torch.equal(batch.labels, torch.from_numpy(views.labels[objects]))
    pose, color = find_places(packed, objects, batch.states, views)
    for view, groups in enumerate(sharing[1:], 1):
        for own, group in ((pose, "rotation"), (color, "color")):
            steps = np.bincount((own[view] - own[0]) % P, minlength=P) / 3000
            expected = [1, 0, 0] if group in groups else [0, 0.5, 0.5]
            np.testing.assert_allclose(steps, expected, atol=0.037)  # four standard errors
    first = np.bincount(pose[0] * P + color[0], minlength=9) / 3000
    np.testing.assert_allclose(first, np.full(9, 1 / 9), atol=0.023)
    again = np.mean((pose[1] == pose[4]) & (color[1] == color[4]))
    assert again == pytest.approx(1 / 4, abs=0.032), "two that share nothing with the first are drawn apart"


def test_images_and_states_are_of_one_view(packed):
    views = open_crossed(packed, range(4, 10), hue="circular", canonical_quaternions=True)
    batch = views.sample(np.array([5, 0, 3]), (INDEPENDENT, ROTATION, COLOR), 7, "test")
    images, states = (torch.cat(parts) for parts in zip(*views.fixed(4), strict=True))
    pose, color = find_places(packed, np.array([5, 0, 3]), batch.states, views)
    for view in range(3):
        for place, index in enumerate((5, 0, 3)):
            stored = pose[view, place] * P + color[view, place]
            torch.testing.assert_close(batch.views[view, place], images[index, stored], atol=1e-6, rtol=0)
            pixels = torch.from_numpy(packed.inputs[4 + index, stored] / 255).permute(2, 0, 1)
            mean, std = (torch.tensor(packed.meta[key]).view(3, 1, 1) for key in ("mean", "std"))
            torch.testing.assert_close(batch.views[view, place].double(), (pixels - mean) / std, atol=1e-5, rtol=0)
    assert states.shape == (6, 9, 8)
    # An action between views that share a group is none of that group.
    torch.testing.assert_close(batch.action(0, 1)[:, :4], torch.tensor([[0.0, 0, 0, 1]] * 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(batch.action(0, 2)[:, 4:], torch.tensor([[0.0, 1, 0, 1]] * 3), atol=1e-6, rtol=0)


def test_draws_are_of_their_purpose_alone(packed):
    views, objects = open_crossed(packed), np.arange(10)
    batch = views.sample(objects, PAIR, 3, "pairs", 5)
    assert torch.equal(batch.states, views.sample(objects, PAIR, 3, "pairs", 5).states)
    for other in ((3, "pairs", 6), (4, "pairs", 5), (3, "other", 5)):
        assert not torch.equal(batch.states, views.sample(objects, PAIR, *other).states)


def test_the_rest_is_as_of_stored_views(packed):
    views, stored = open_crossed(packed), make_views(packed, np.arange(10), {"kind": "stored"}, CPU)
    assert views.space.groups == stored.space.groups
    assert (views.views, views.pair_views, views.classes) == (stored.views, stored.pair_views, stored.classes)
    chosen = np.array([[0, 8, 4], [3, 3, 2]])
    for own, other in zip(
        (views.gather(np.arange(3), chosen), *views.fixed(10)),
        (stored.gather(np.arange(3), chosen), *stored.fixed(10)),
        strict=True,
    ):
        pairs = zip(own, other, strict=True) if isinstance(own, tuple) else [(own.views, other.views)]
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.faults
def test_what_cannot_be_is_refused(packed, tmp_path):
    views = open_crossed(packed)
    with pytest.raises(UserError, match="share rotation and color with the first, but the one stored view that does"):
        views.sample(np.arange(4), (INDEPENDENT, ROTATION | COLOR), 0)
    with pytest.raises(UserError, match="share the group 'hue', but this data set has rotation, color"):
        views.sample(np.arange(4), (INDEPENDENT, frozenset({"hue"})), 0)
    with pytest.raises(UserError, match="share the group 'color', but this data set has rotation"):
        open_crossed(packed, groups=("rotation",)).sample(np.arange(4), (INDEPENDENT, COLOR), 0)
    refused = "does not hold each pose of an object in each color; pack its source with the layout rendered_crossed"
    for folder in (pack_crossed(tmp_path, layout="rendered"), pack_small_3diebench(tmp_path / "tree", views=4)):
        with pytest.raises(UserError, match=refused):
            open_crossed(PackedDataset(folder), range(3))
