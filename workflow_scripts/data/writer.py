"""Filling a packed data set: restartable, in parallel, without ever holding more than a few objects.

The arrays grow in a folder of their own beside a journal of one byte an object. A byte is set only
after the object's inputs and latents have reached the disk, so that after a kill or a power loss
every object whose byte is set is whole, and all others are simply read again.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.digests import GrowingDigest
from workflow_scripts.data.overlap import digest_images
from workflow_scripts.data.packed import read_header
from workflow_scripts.data.readers.base import DrawingReader, Reader, average_blocks
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import atomic_path, hash_file, read_json, write_bytes, write_json
from workflow_scripts.support.progress import make_bar
from workflow_scripts.support.workers import open_workers

IMAGES_PER_TASK = 256
LARGE = ("inputs", "latents")  # arrays that are filled object by object
SUMS = "sums"  # int64 (N, 2, 3): of each object's images, where they are to be measured; see `sum_channels`
DIGESTS = "digests"  # uint64 (N, V): of each image, by which those of the splits are compared; see `overlap`
ROWS_PER_SUM = 65_536  # of one byte each, whose squares add up to less than 2**32
MARGIN = 64 << 20  # bytes to leave free on the disk


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class PartialPack:
    """The unfinished arrays of one packing, in a folder that only packing with the same settings reuses."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self._settings = settings
        self._stamp = folder / "settings.json"
        self._journal = folder / "done"
        if self._stamp.exists() and read_json(self._stamp) != settings:
            print(f"{folder} holds the beginning of another packing; discarded")
            self._clear()

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if not path.name.startswith(".lock"):  # of the lock and its lease
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def path(self, name: str) -> Path:
        """Return the file of an array."""
        return self.folder / f"{name}.npy"

    @property
    def meta(self) -> Path:
        """The file that describes the arrays; there once they are finished."""
        return self.folder / "meta.json"

    def prepare(self, small: dict[str, np.ndarray], large: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
        """Create the arrays that are not there; the large ones are given by their shapes and types, and start empty.

        Raises `UserError` where the disk is too small for what is still to be written.
        """
        count = len(small["labels"])
        whole = [self._stamp, self._journal, *map(self.path, large)]
        if fresh := not all(path.exists() for path in whole):
            self._clear()
        total = sum(math.prod(shape) * dtype.itemsize for shape, dtype in large.values())
        share = 1.0 if fresh else len(self.remaining()) / count
        needed, available = share * total + MARGIN, shutil.disk_usage(self.folder).free
        if share > 0 and needed > available:
            raise UserError(
                f"packing needs {needed / 1e9:.1f} GB in {self.folder.parent}, but {available / 1e9:.1f} GB are free; "
                "make room or choose a lower resolution"
            )
        for name, array in small.items():
            with atomic_path(self.path(name)) as temporary:
                np.save(temporary, array, allow_pickle=False)
        if fresh:
            for name, (shape, dtype) in large.items():
                _create(self.path(name), shape, dtype)
            write_bytes(self._journal, bytes(count))
            write_json(self._stamp, self._settings)  # last: without it, all the rest is discarded
            sync(self.folder)

    def remaining(self) -> np.ndarray:
        """Return the positions of the objects that are not yet stored."""
        return np.flatnonzero(np.fromfile(self._journal, dtype=np.uint8) == 0)

    def mark(self, positions: list[int]) -> None:
        """Record that these objects are stored, after making sure that they are."""
        for path in filter(Path.exists, map(self.path, (*LARGE, SUMS, DIGESTS))):
            sync(path)
        with open(self._journal, "rb+", buffering=0) as journal:
            for position in positions:
                os.pwrite(journal.fileno(), b"\1", position)
            os.fsync(journal.fileno())

    def forget(self, positions: list[int]) -> None:
        """Record that these objects are to be read again."""
        journal = bytearray(self._journal.read_bytes())
        for position in positions:
            journal[position] = 0
        write_bytes(self._journal, bytes(journal))


def _create(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Make a .npy file of full size that holds no blocks yet."""
    with open(path, "wb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + math.prod(shape) * dtype.itemsize)
        os.fsync(file.fileno())


@dataclass(frozen=True)
class Job:
    """What a worker needs.

    chosen: the reader's index of each packed object. resolution: side of packed images [pixels], None for rows.
    folder: of the arrays. average: stored pixels a side that become one; with 1, images are resized where necessary.
    """

    reader: Reader
    chosen: np.ndarray
    resolution: int | None
    folder: Path
    average: int = 1

    @property
    def is_of_images(self) -> bool:
        """Whether images are stored, and not rows of a table."""
        return not self.reader.columns

    @property
    def measures(self) -> bool:
        """Whether images are summed while they are stored: for their mean and deviation, where none is published."""
        return self.is_of_images and self.reader.normalisation is None

    @property
    def threads(self) -> int:
        """How many threads of one process read at most; 0 where processes do."""
        reader = self.reader
        return reader.gpu_threads if isinstance(reader, DrawingReader) and reader.device != "cpu" else 0


def check_objects(job: Job, positions: list[int]) -> None:
    """Check that the files of the objects are there."""
    for position in positions:
        job.reader.check(int(job.chosen[position]))


def read_object(job: Job, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (V, ...) and latents (V, L) of a packed object.

    Raises `UserError` for images that averaging alone does not bring to the resolution: a resize would come first.
    """
    index = int(job.chosen[position])
    if job.resolution is None or job.average == 1:
        return job.reader.read(index, job.resolution)
    images, latents = job.reader.read(index, None)
    side, wanted = images.shape[1], job.resolution * job.average
    if side != wanted:
        raise UserError(
            f"{job.reader.objects[index]} is stored with {side} pixels a side, but {job.resolution} averaged over "
            f"{job.average}x{job.average} need {wanted}; change resolution or average, or leave average out"
        )
    return average_blocks(images, job.average), latents


def store_objects(job: Job, positions: list[int]) -> None:
    """Read the objects and write them to their places in the arrays."""
    names = (*LARGE, *[DIGESTS] * job.is_of_images, *[SUMS] * job.measures)
    paths = {name: job.folder / f"{name}.npy" for name in names}
    starts = {name: read_header(path)[2] for name, path in paths.items()}
    handles = {name: os.open(path, os.O_WRONLY) for name, path in paths.items()}
    try:
        for position in positions:
            arrays: tuple[np.ndarray, ...] = read_object(job, position)
            images = arrays[0]
            if job.is_of_images:
                arrays = (*arrays, digest_images(images))
            if job.measures:
                arrays = (*arrays, sum_channels(images))
            for name, array in zip(names, arrays, strict=True):
                # Not a memory map: there, a full disk kills the process instead of raising an error.
                _write(handles[name], array.tobytes(), starts[name] + position * array.nbytes)
    finally:
        for handle in handles.values():
            os.close(handle)


def sum_channels(images: np.ndarray) -> np.ndarray:
    """Return the sums over pixels, and those of their squares, (2, 3) int64, of images (..., W, 3) uint8.

    Whole numbers: the sum over objects depends neither on their order nor on who added what.
    """
    rows = images.reshape(-1, images.shape[-2] * 3)
    sums = np.zeros((2, 3), dtype=np.int64)
    for start in range(0, len(rows), ROWS_PER_SUM):
        block = rows[start : start + ROWS_PER_SUM]
        # 32 bits suffice for a column of a block, and are added up several times as fast as 64.
        for power, values in enumerate((block, np.square(block, dtype=np.uint16))):
            sums[power] += values.sum(axis=0, dtype=np.uint32).astype(np.int64).reshape(-1, 3).sum(axis=0)
    return sums


def _write(handle: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def fill(partial: PartialPack, job: Job, workers: int, journal_seconds: float) -> str:
    """Store every object that is not yet stored; what is finished at a failure stays stored.

    Returns the SHA-256 digest of the inputs' file, which is computed while it is filled.
    """
    remaining = partial.remaining().tolist()
    views, total = job.reader.views, len(job.chosen)
    if 0 < len(remaining) < total:
        print(f"going on: {total - len(remaining):,} of {total:,} objects are already packed")
    per_task = max(1, IMAGES_PER_TASK // views)
    tasks = [remaining[start : start + per_task] for start in range(0, len(remaining), per_task)]
    shape, dtype, start_of_data = read_header(partial.path("inputs"))
    object_bytes = math.prod(shape[1:]) * dtype.itemsize
    if not tasks:
        return hash_file(partial.path("inputs"))
    with GrowingDigest(partial.path("inputs")) as digest, open_workers(job, workers, job.threads) as pool:
        with make_bar("check", len(remaining), " objects") as bar:
            for task in pool.run(check_objects, tasks):
                bar.update(len(task))
        with make_bar("pack", total * views, " images", (total - len(remaining)) * views) as bar:

            def report(task: list[int]) -> None:
                bar.update(len(task) * views)
                # Tasks end in order, so all objects before this one's last are stored.
                digest.advance(start_of_data + (task[-1] + 1) * object_bytes)

            _store(partial, pool.run(store_objects, tasks), journal_seconds, report)
        return digest.finish()


def _store(
    partial: PartialPack, ended: Iterator[list[int]], journal_seconds: float, report: Callable[[list[int]], None]
) -> None:
    """Take note of tasks as they end."""
    finished: list[int] = []
    last = time.monotonic()
    try:
        for task in ended:
            finished += task
            report(task)
            if time.monotonic() - last >= journal_seconds:
                partial.mark(finished)
                finished, last = [], time.monotonic()
    finally:
        partial.mark(finished)
