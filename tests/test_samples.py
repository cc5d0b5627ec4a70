"""Contact sheets of packed images: training images of their class, in their place."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.reporting.samples import IMAGES, lay_out_sheet, pick_views, plot_samples

pytestmark = pytest.mark.unit


def test_views_are_of_training_objects_of_the_class(smoke_packed):
    data = PackedDataset(smoke_packed)
    for label in range(len(data.meta["classes"])):
        found = pick_views(data, label)
        objects = [n for n in range(len(data)) if data.labels[n] == label and data.splits[n] == 0]
        wanted = [data.inputs[n][view] for view in range(data.meta["views"]) for n in objects[:IMAGES]][:IMAGES]
        assert np.array_equal(found, wanted)


def test_images_stand_in_a_grid(random):
    rows = [random.integers(0, 255, (n, 8, 8, 3)).astype(np.uint8) for n in (IMAGES, 3)]
    sheet, pitch = lay_out_sheet(rows)
    assert sheet.shape == (2 * pitch, IMAGES * pitch, 3)
    for row, images in enumerate(rows):
        for column in range(IMAGES):
            tile = sheet[row * pitch : row * pitch + 8, column * pitch : column * pitch + 8]
            assert np.array_equal(tile, images[column] if column < len(images) else np.full_like(tile, 255))


def test_the_figure_names_classes_and_caveat(smoke_packed, tmp_path):
    figure = plot_samples(smoke_packed, "smoke")
    text = " ".join(t.get_text() for t in [*figure.texts, *figure.axes[0].get_yticklabels()])
    meta = PackedDataset(smoke_packed).meta
    assert meta["caveat"].rstrip(".") in text
    assert all(name in text for name in meta["classes"][:12])
    plt.close(figure)
    gone = plot_samples(tmp_path, "smoke")
    assert "Nothing to draw" in gone.texts[0].get_text()
    plt.close(gone)
