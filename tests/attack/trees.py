"""Small trees of raw data for attacks, and files that are written byte by byte, so that nobody's decoder is trusted."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.attack.case import ROOT, Seen

SIDE = 8  # of images [pixels]
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # PNG's types of color


def write_png(
    rows: Sequence[bytes], width: int, depth: int, kind: int, extra: Sequence[tuple[bytes, bytes]] = (), height: int = 0
) -> bytes:
    """Return a PNG file of rows of packed samples. depth: bits of a sample. extra: chunks before the pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height or len(rows), depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return an image as a file."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def draw(number: int, side: int = SIDE) -> np.ndarray:
    """Return image `number`, (side, side, 3) uint8: each is another one."""
    return np.random.default_rng([11, number]).integers(0, 256, (side, side, 3), dtype=np.uint8)


def make_tree(folder: Path, train: int = 3, test: int = 1, views: int = 1, side: int = SIDE) -> Path:
    """Write a tree of objects with views and latents, and its manifest, which is returned. Images are `draw`'s."""
    root, number = folder / "raw", 0
    root.mkdir(parents=True)
    for split, start, count in (("train", 0, train), ("val", train, test)):
        names = [f"/cup/{i:04d}/" for i in range(start, start + count)]
        np.save(root / f"{split}_images.npy", names)
        np.save(root / f"{split}_labels.npy", np.zeros(count, dtype=np.int64))
        for name in names:
            place = root / name.strip("/")
            place.mkdir(parents=True)
            for view in range(views):
                (place / f"image_{view}.jpg").write_bytes(encode(Image.fromarray(draw(number, side))))
                np.save(place / f"latent_{view}.npy", np.full(7, 0.1 * view))
                number += 1
    return write_manifest(folder / "raw.json", root)


def write_manifest(path: Path, root: Path) -> Path:
    """Write the manifest of a tree."""
    about = {"source": "attack", "description": "an attack", "caveat": "", "settings_hash": "0"}
    path.write_text(json.dumps({"root": str(root), **about}))
    return path


def pack_tree(folder: Path, layout: str = "threediebench", resolution: int | None = SIDE) -> Path:
    """Pack what `folder` holds, in this process, into its folder `packed`, which is returned."""
    from workflow_scripts.data.packing import pack

    pack(folder / "raw.json", folder / "packed", layout, resolution, workers=1)
    return folder / "packed"


@functools.cache
def _pack_once() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """Return a packed tree, and what deletes it when the process ends."""
    place = tempfile.TemporaryDirectory()
    make_tree(Path(place.name))
    return place, pack_tree(Path(place.name))


def copy_packed(folder: Path) -> Path:
    """Put a packed tree into the folder `packed` of `folder`, and return that."""
    shutil.copytree(_pack_once()[1], folder / "packed")
    return folder / "packed"


def run_unprivileged(lines: str, cwd: Path, seconds: float = 60) -> Seen:
    """Run lines of Python as somebody who may not write, or read, where permissions say so; root may."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    command = [*drop * (os.getuid() == 0), sys.executable, "-c", lines]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=seconds)
    return Seen(done.returncode, done.stdout + done.stderr)


def as_command(lines: str) -> str:
    """Return lines of Python that run others as a command of the project does."""
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"from workflow_scripts.support.errors import command\n@command\ndef main():\n{body}\nmain()\n"
