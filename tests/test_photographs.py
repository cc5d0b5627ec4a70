"""The central square of photographs of any shape and kind, against torchvision, and what is refused."""

import numpy as np
import pytest
from PIL import Image
from raw_trees import make_image
from torchvision.transforms import CenterCrop, Compose, Resize

from workflow_scripts.data.readers.base import decode_photograph
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
SIZES = [(500, 375), (333, 500), (257, 300), (256, 256), (225, 224), (61, 40), (300, 100)]


def write(path, random, size, mode="RGB", **options):
    image = make_image(random, 40).resize(size).convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("resolution", "shorter"), [(224, 256), (64, 73), (32, 37)])
def test_the_square_is_that_of_torchvision(tmp_path, random, size, resolution, shorter):
    path = write(tmp_path / "a.png", random, size)
    wanted = Compose([Resize(shorter), CenterCrop(resolution)])(Image.open(path))
    np.testing.assert_array_equal(decode_photograph(path, resolution), np.asarray(wanted))


@pytest.mark.parametrize("size", SIZES)
def test_without_a_resolution_it_is_the_largest_square(tmp_path, random, size):
    path = write(tmp_path / "a.png", random, size)
    wanted = np.asarray(CenterCrop(min(size))(Image.open(path)))
    np.testing.assert_array_equal(decode_photograph(path, None), wanted)


@pytest.mark.parametrize("size", [(50, 41), (41, 50), (44, 44)])
def test_a_border_is_cut_off_first(tmp_path, random, size):
    """A red border leaves no trace, and what is inside is as if it had been alone."""
    inside = make_image(random, 40).resize(size)
    framed = Image.new("RGB", (size[0] + 4, size[1] + 4), "red")
    framed.paste(inside, (2, 2))
    inside.save(tmp_path / "inside.png")
    framed.save(tmp_path / "framed.png")
    wanted = decode_photograph(tmp_path / "inside.png", 32)
    np.testing.assert_array_equal(decode_photograph(tmp_path / "framed.png", 32, border=2), wanted)
    assert (decode_photograph(tmp_path / "framed.png", 32) != wanted).any()


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.jpg"), ("CMYK", "a.JPEG"), ("RGBA", "a.png"), ("P", "a.png"), ("1", "a.png"), ("I;16", "a.png")],
)
def test_every_kind_of_image_becomes_rgb(tmp_path, random, mode, name):
    path = tmp_path / name
    if mode == "I;16":
        Image.fromarray(random.integers(0, 2**16, (50, 60), dtype=np.uint16)).save(path)
    else:
        write(path, random, (60, 50), mode)
    square = decode_photograph(path, 32)
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)
    image = Image.open(path)
    if mode == "I;16":  # whose values Pillow would cut off at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    wanted = Compose([Resize(37), CenterCrop(32)])(image.convert("RGB"))
    np.testing.assert_array_equal(square, np.asarray(wanted))


def test_the_content_counts_and_not_the_name(tmp_path, random):
    """One of ImageNet's files called JPEG is a PNG."""
    path = write(tmp_path / "a.JPEG", random, (60, 50), format="PNG")
    assert decode_photograph(path, 16).shape == (16, 16, 3)


def test_what_is_no_photograph_is_refused(tmp_path, random):
    path = write(tmp_path / "a.png", random, (1500, 10))
    with pytest.raises(UserError, match=r"a\.png is 1500 x 10 pixels, no photograph"):
        decode_photograph(path, 32)
    write(path, random, (30, 4))
    with pytest.raises(UserError, match="30 x 4 pixels, no photograph"):
        decode_photograph(path, 32, border=2)
    write(path, random, (30, 40))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"a\.png is a damaged image"):
        decode_photograph(path, 32)
    Image.new("RGB", (20, 30)).save(path, format="GIF")
    with pytest.raises(UserError, match="neither JPEG nor PNG"):
        decode_photograph(path, 32)
    with pytest.raises(UserError, match=r"b\.png is missing or not a file"):
        decode_photograph(tmp_path / "b.png", 32)
