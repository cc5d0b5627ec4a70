"""What stands where an image, or an object, should: pipes, devices, loops of links, names that no disk can hold."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.attack.case import RIGHT, Case, Seen, attempt
from tests.attack.trees import as_command, draw, encode, make_tree, pack_tree, run_unprivileged

OBJECT = Path("raw/cup/0000")
IMAGE = OBJECT / "image_0.jpg"
PACK = as_command(
    "from pathlib import Path\n"
    "from workflow_scripts.data.packing import pack\n"
    "pack(Path('raw.json'), Path('packed'), 'threediebench', 8, workers=1)"
)


def bind(path: Path) -> None:
    """Make a socket. Its path may be too long for one: it is named from its folder."""
    where = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(where)


def link_in_a_loop(path: Path) -> None:
    path.symlink_to("loop")
    (path.parent / "loop").symlink_to(path.name)


def make_endless(path: Path) -> None:
    """Make a file that says to have 16 TB, and holds none of it."""
    with open(path, "wb") as file:
        file.truncate((16 << 40) - 4096)


# Name: what is made in the place of an image, and the sentence.
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "image_0.jpg is missing or not a file: it is a pipe; get the data set again"),
    "a link to /dev/zero": (lambda path: path.symlink_to("/dev/zero"), "not a file: it is a device; get the data"),
    "a link to /dev/random": (lambda path: path.symlink_to("/dev/random"), "not a file: it is a device"),
    "a folder": (Path.mkdir, "not a file: it is a folder; get the data set again"),
    "a socket": (bind, r"image_0.jpg cannot be read \(No such device or address\); get the data set again"),
    "a loop of links": (link_in_a_loop, r"image_0.jpg cannot be read \(Too many levels of symbolic links\); get the"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "image_0.jpg is missing or not a file; get the"),
    "an endless file": (make_endless, r"image_0.jpg has 17,592,186 MB, and at most 537 MB are read; it is not what"),
    "an endless file of the kernel": (lambda path: path.symlink_to("/proc/self/pagemap"), "is a damaged image"),
}


def replace(make: Callable[[Path], object]) -> Callable[[Path], Seen]:
    """Return an attack that puts something in the place of an image."""

    def act(folder: Path) -> Seen:
        make_tree(folder)
        (folder / IMAGE).unlink()
        make(folder / IMAGE)
        return attempt(lambda: pack_tree(folder) and None)

    return act


def name_at_length(folder: Path) -> Seen:
    """An object whose name no disk can hold."""
    make_tree(folder)
    np.save(folder / "raw/train_images.npy", [f"/cup/{'x' * 300}/", "/cup/0001/", "/cup/0002/"])
    return attempt(lambda: pack_tree(folder) and None)


def loop_folder(folder: Path) -> Seen:
    make_tree(folder)
    shutil.rmtree(folder / OBJECT)
    link_in_a_loop(folder / OBJECT)
    return attempt(lambda: pack_tree(folder) and None)


def list_at_length(folder: Path) -> Seen:
    """A photograph in an official list, with a name that no disk can hold."""
    lists = {
        "classes": ["001.Bird"],
        "images": [f"001.Bird/{'x' * 300}.jpg"],
        "image_class_labels": ["1"],
        "train_test_split": ["1"],
    }
    make_tree(folder)
    for name, values in lists.items():
        (folder / f"raw/{name}.txt").write_text("".join(f"{i} {value}\n" for i, value in enumerate(values, 1)))

    def check() -> None:
        from workflow_scripts.data.readers.cub200 import open_reader

        open_reader(folder / "raw").check(0)

    return attempt(check)


def forbid(path: Path) -> Callable[[Path], Seen]:
    """Return an attack by somebody who may not read a path of the tree."""

    def act(folder: Path) -> Seen:
        make_tree(folder)
        (folder / path).chmod(0)
        seen = run_unprivileged(PACK, folder)
        (folder / path).chmod(0o755)
        return seen

    return act


def link_out_of_the_tree(folder: Path) -> Seen:
    """An object, and an image, that stand elsewhere: people sort large sets by links. The same is packed."""
    make_tree(folder)
    whole = np.load(pack_tree(folder) / "inputs.npy")
    (folder / "packed/meta.json").unlink()
    for name, target in ((OBJECT, "elsewhere"), (Path("raw/cup/0001/image_0.jpg"), "other.jpg")):
        os.rename(folder / name, folder / target)
        (folder / name).symlink_to(folder / target)

    def check() -> str:
        found = np.load(pack_tree(folder) / "inputs.npy")
        return "" if np.array_equal(found, whole) else "other pixels were packed"

    return attempt(check)


def mend(folder: Path) -> Seen:
    """The advice is followed: a pipe is refused, the image is put back, and packing goes on to the whole result."""
    make_tree(folder)
    (folder / IMAGE).unlink()
    os.mkfifo(folder / IMAGE)
    refused = attempt(lambda: pack_tree(folder) and None)
    (folder / IMAGE).unlink()
    (folder / IMAGE).write_bytes(encode(Image.fromarray(draw(0))))

    def check() -> str:
        found = np.load(pack_tree(folder) / "inputs.npy")[:, 0]
        return "" if refused.code == 1 and all((image == draw(i)).all() for i, image in enumerate(found)) else "wrong"

    return attempt(check)


def fill_temporary_folder(folder: Path) -> Seen:
    """Packing with processes, whose sockets stand in the temporary folder, while that one is full."""
    make_tree(folder)
    (folder / "tmp").mkdir()
    script = (
        "if mount -t tmpfs -o size=4k,nr_inodes=8 tmpfs tmp; then head -c 4096 /dev/zero > tmp/full; fi\n"
        'exec "$0" -m workflow_scripts.pack --manifest raw.json --output packed --layout threediebench '
        "--resolution 8 --workers 2"
    )
    import sys

    from tests.attack.case import ROOT

    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    room = ["unshare", "--mount", *["--map-root-user"] * (os.getuid() != 0)]
    command = [*room, "sh", "-c", script, sys.executable]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    found = np.load(folder / "packed/inputs.npy") if done.returncode == 0 else []
    wrong = not all((image == draw(i)).all() for i, image in enumerate(found[:, 0])) if len(found) else False
    return Seen(done.returncode, done.stdout + done.stderr, "other pixels were packed" if wrong else "")


FORBIDDEN = r"cannot be read \(Permission denied\); let its owner give you the right to read it"
LONG = r"raw/cup/x+ cannot be read \(File name too long\); get the data set again"
CASES = [
    *(
        Case(f"in place of an image: {name}", replace(make), says=says, quick=True)
        for name, (make, says) in WRONG.items()
    ),
    Case("an object id of 300 characters", name_at_length, says=LONG, quick=True),
    Case("a loop of links in place of an object", loop_folder, says=r"cup/0000 cannot be read \(Too many", quick=True),
    Case(
        "a listed photograph with a name of 300 characters", list_at_length, says="is missing or not a file", quick=True
    ),
    Case("an image that may not be read", forbid(IMAGE), says=f"image_0.jpg {FORBIDDEN}"),
    Case("an object that may not be read", forbid(OBJECT), says=f"0000 {FORBIDDEN}"),
    Case("links out of the tree", link_out_of_the_tree, RIGHT, quick=True),
    Case("a pipe that is replaced as advised", mend, RIGHT, quick=True),
    Case("a full temporary folder while packing", fill_temporary_folder, RIGHT),
]
