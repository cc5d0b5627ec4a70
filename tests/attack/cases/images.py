"""Kinds of image files: what becomes of each, against pixels computed here, or in which sentence it is refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.attack.case import REFUSED, RIGHT, Case, Seen, attempt
from tests.attack.trees import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    SIDE,
    draw,
    encode,
    write_png,
)
from workflow_scripts.data.readers.base import decode_image

COLORS = draw(99)
VALUES = COLORS[..., 0]  # grey values (SIDE, SIDE)
DEEP = np.random.default_rng(5).integers(0, 2**16, (SIDE, SIDE, 3), dtype=np.uint16)
ALPHA = np.where(np.arange(SIDE) < 4, 0, 200).astype(np.uint8)[None, :, None].repeat(SIDE, axis=0)
PLANES = draw(98).reshape(-1, 3)[:16]  # a palette
INDICES = VALUES % 16
FLAT = np.tile(np.array([[200, 120, 40]], dtype=np.uint8), (SIDE, SIDE, 1))  # which JPEG keeps
HALVES = np.where(np.arange(SIDE)[None, :, None] < 4, 30, 220).astype(np.uint8).repeat(SIDE, 0).repeat(3, 2)


def grey(values: np.ndarray) -> np.ndarray:
    """Return grey values (H, W) as three channels of 8 bits."""
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def rows(samples: np.ndarray) -> list[bytes]:
    """Return samples (H, W, C), of 8 or 16 bits, as PNG's rows."""
    return [row.astype(f">u{samples.dtype.itemsize}").tobytes() for row in samples]


def narrow(values: np.ndarray, bits: int) -> list[bytes]:
    """Return values (H, W) below 2**bits as PNG's rows of less than 8 bits a sample."""
    unpacked = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    return [row.tobytes() for row in np.packbits(unpacked.reshape(len(values), -1), axis=1)]


def jpeg(image: Image.Image, **options: object) -> bytes:
    return encode(image, "JPEG", quality=100, subsampling=0, **options)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    return jpeg(Image.fromarray(HALVES), exif=exif)


def by_ink() -> tuple[bytes, np.ndarray]:
    """Return a CMYK file and its colors: what an ink, and black, leave of white."""
    ink = np.tile(np.array([[40, 90, 200, 60]], dtype=np.uint8), (SIDE, SIDE, 1))
    left = (255 - ink.astype(float)) / 255
    return jpeg(Image.fromarray(ink, "CMYK")), np.rint(255 * left[..., :3] * left[..., 3:]).astype(np.uint8)


def animated() -> bytes:
    frames = [Image.fromarray(draw(i)) for i in (97, 96)]
    return encode(frames[0], save_all=True, append_images=frames[1:])


PLTE = (b"PLTE", PLANES.tobytes())
HOLES = (b"tRNS", bytes([0, 128]))
ONE_COLOR = (b"tRNS", np.array(COLORS[0, 0], dtype=">u2").tobytes())
CMYK = by_ink()
# Name: the file, the pixels that it is packed as, and by how many levels a lossy file may differ.
TAKEN: dict[str, tuple[bytes, np.ndarray, int]] = {
    "PNG, grey, 1 bit": (write_png(narrow(VALUES % 2, 1), SIDE, 1, GREY), grey(VALUES % 2 * 255), 0),
    "PNG, grey, 2 bits": (write_png(narrow(VALUES % 4, 2), SIDE, 2, GREY), grey(VALUES % 4 * 85), 0),
    "PNG, grey, 4 bits": (write_png(narrow(VALUES % 16, 4), SIDE, 4, GREY), grey(VALUES % 16 * 17), 0),
    "PNG, grey, 8 bits": (write_png(rows(VALUES), SIDE, 8, GREY), grey(VALUES), 0),
    "PNG, grey, 16 bits": (write_png(rows(DEEP[..., 0]), SIDE, 16, GREY), grey(DEEP[..., 0] // 256), 0),
    "PNG, grey and alpha, 8 bits": (
        write_png(rows(np.dstack([VALUES, ALPHA])), SIDE, 8, GREY_ALPHA),
        grey(VALUES),
        0,
    ),
    "PNG, grey and alpha, 16 bits": (
        write_png(rows(np.dstack([DEEP[..., 0], ALPHA.astype(np.uint16) * 257])), SIDE, 16, GREY_ALPHA),
        grey(DEEP[..., 0] // 256),
        0,
    ),
    "PNG, RGB, 8 bits": (write_png(rows(COLORS), SIDE, 8, RGB), COLORS, 0),
    "PNG, RGB, 16 bits": (write_png(rows(DEEP), SIDE, 16, RGB), (DEEP // 256).astype(np.uint8), 0),
    "PNG, RGB, one color transparent": (write_png(rows(COLORS), SIDE, 8, RGB, [ONE_COLOR]), COLORS, 0),
    "PNG, RGB and alpha, 8 bits": (write_png(rows(np.dstack([COLORS, ALPHA])), SIDE, 8, RGB_ALPHA), COLORS, 0),
    "PNG, RGB and alpha, 16 bits": (
        write_png(rows(np.dstack([DEEP, ALPHA.astype(np.uint16) * 257])), SIDE, 16, RGB_ALPHA),
        (DEEP // 256).astype(np.uint8),
        0,
    ),
    "PNG, palette": (write_png(narrow(INDICES, 4), SIDE, 4, PALETTE, [PLTE]), PLANES[INDICES], 0),
    "PNG, palette of 8 bits": (write_png(rows(INDICES), SIDE, 8, PALETTE, [PLTE]), PLANES[INDICES], 0),
    "PNG, palette, transparent": (write_png(rows(INDICES), SIDE, 8, PALETTE, [PLTE, HOLES]), PLANES[INDICES], 0),
    "PNG, two images": (animated(), draw(97), 0),
    "PNG with a gamma": (
        write_png(rows(COLORS), SIDE, 8, RGB, [(b"gAMA", struct.pack(">I", 10_000))]),
        COLORS,
        0,
    ),
    "JPEG, grey": (jpeg(Image.fromarray(FLAT[..., 0])), grey(FLAT[..., 0]), 1),
    "JPEG, RGB": (jpeg(Image.fromarray(FLAT)), FLAT, 2),
    "JPEG, CMYK": (*CMYK, 3),
    "JPEG that is to be shown turned": (turned(), HALVES, 2),
}


def deepen(content: bytes) -> bytes:
    """Return a JPEG that claims to have 12 bits a sample."""
    start = content.index(b"\xff\xc0")
    return content[: start + 4] + bytes([12]) + content[start + 5 :]


def tiff(mode: str) -> bytes:
    image = Image.fromarray(COLORS)
    content = io.BytesIO()
    (image.convert("L").convert(mode) if mode in ("F", "I", "I;16") else image.convert(mode)).save(content, "TIFF")
    return content.getvalue()


def bomb(side: int) -> bytes:
    """Return a PNG of a few kilobytes that says to have so many pixels a side."""
    return write_png([bytes(side)] * 8, side, 8, GREY, height=side)


NEITHER = "image_0.jpg is a damaged image .neither JPEG nor PNG.; get the data set again"
LARGE = r"would take gigabytes when decoded \(13,000 x 13,000 pixels\), at most 89,478,485 pixels are read; get the"

PICTURE = Image.fromarray(COLORS)
# Name: the file, and the sentence.
WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    **{f"TIFF of mode {mode}": (partial(tiff, mode), NEITHER) for mode in ("F", "I", "I;16", "LAB", "YCbCr")},
    **{kind: (partial(encode, PICTURE, kind), NEITHER) for kind in ("GIF", "BMP", "WEBP", "TIFF", "PPM")},
    "JPEG of 12 bits": (lambda: deepen(jpeg(PICTURE)), "image_0.jpg is a damaged image"),
    "PNG, palette missing": (lambda: write_png(rows(INDICES), SIDE, 8, PALETTE), "its palette lacks colors"),
    "PNG, palette too short": (
        lambda: write_png(rows(INDICES), SIDE, 8, PALETTE, [(b"PLTE", PLANES[:5].tobytes())]),
        "its palette lacks colors that its pixels have",
    ),
    "PNG cut short": (lambda: encode(PICTURE)[:-60], "image_0.jpg is a damaged image"),
    "empty file": (lambda: b"", NEITHER),
    "PNG of 13,000 pixels a side, few bytes": (lambda: bomb(13_000), LARGE),
    "PNG of 50,000 pixels a side": (lambda: bomb(50_000), "would take gigabytes when decoded"),
    "PNG of 2**31 - 1 pixels a side": (lambda: write_png([b"x"], 2**31 - 1, 8, GREY, height=2**31 - 1), "image_0.jpg"),
    "PNG that is not square": (
        lambda: encode(Image.new("RGB", (8, 9))),
        "is 8 x 9 pixels; only square images are read",
    ),
}


def take(content: bytes, wanted: np.ndarray, levels: int) -> Callable[[Path], Seen]:
    """Return an attack that reads a file as packing does, and compares what comes out."""

    def act(folder: Path) -> Seen:
        (folder / "image_0.jpg").write_bytes(content)

        def check() -> str:
            found = decode_image(folder / "image_0.jpg", SIDE)
            apart = int(np.abs(found.astype(int) - wanted.astype(int)).max())
            return f"pixels are up to {apart} levels off" if apart > levels else ""

        return attempt(check)

    return act


def refuse(make: Callable[[], bytes]) -> Callable[[Path], Seen]:
    """Return an attack with a file that must be refused."""

    def act(folder: Path) -> Seen:
        (folder / "image_0.jpg").write_bytes(make())
        return attempt(lambda: f"it became {decode_image(folder / 'image_0.jpg', SIDE).shape}")

    return act


CASES = [
    *(Case(f"image: {name}", take(*entry), RIGHT, quick=True) for name, entry in TAKEN.items()),
    *(Case(f"image: {name}", refuse(make), REFUSED, says, quick=True) for name, (make, says) in WRONG.items()),
]
