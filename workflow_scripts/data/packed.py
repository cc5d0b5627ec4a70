"""The packed data set: every image decoded once, in arrays that are opened without being read.

inputs.npy   uint8   (N, V, H, W, 3)   RGB images, or
             float32 (N, V, C)         rows of a table, see `readers.table.Feature`; train objects first, then test
latents.npy  float32 (N, V, L)
labels.npy   int64   (N,)              indices into meta's `classes`
splits.npy   uint8   (N,)              0 official train, 1 official test
objects.npy  unicode (N,)              object ids
meta.json    what the arrays are, how to normalise, and their SHA-256 digests
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, read_json, write_json
from workflow_scripts.support.seeding import numpy_generator

LARGE = 2**30  # bytes
ARRAYS = ("inputs", "latents", "labels", "splits", "objects")
DTYPES = {"latents": np.float32, "labels": np.int64, "splits": np.uint8}
META_KEYS = (
    *("source", "description", "caveat", "layout", "resolution", "views", "classes", "latents", "objects"),
    *("columns", "counts", "mean", "std", "settings_hash", "sha256"),
)


def is_whole(value: Any, least: int = 0) -> bool:
    """Tell whether a value of JSON is a whole number of at least `least`."""
    return type(value) is int and value >= least


def is_list(value: Any, *kinds: type) -> bool:
    """Tell whether a value of JSON is a list of such values."""
    return isinstance(value, list) and all(isinstance(entry, kinds) for entry in value)


def is_scale(value: Any, above: float = -math.inf) -> bool:
    """Tell whether a value of JSON is three finite numbers above a bound, one a channel; or there is none."""
    is_three = is_list(value, int, float) and len(value) == 3
    return value is None or (is_three and all(above < entry < math.inf for entry in value))


# What entries of meta.json must be for the arrays to be read by them.
SOUND: dict[str, Callable[[Any], bool]] = {
    "resolution": lambda value: value is None or is_whole(value, 1),
    "views": lambda value: is_whole(value, 1),
    "classes": lambda value: is_list(value, str),
    "latents": lambda value: is_list(value, str),
    "objects": lambda value: (
        isinstance(value, dict) and value.keys() == {"train", "test"} and all(map(is_whole, value.values()))
    ),
    "columns": lambda value: is_list(value, dict),
    "mean": is_scale,
    "std": lambda value: is_scale(value, above=0),
    "sha256": lambda value: isinstance(value, dict),
}


def lay_out_input(resolution: int | None, columns: Sequence[Any]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of one view: a row of a table with `columns`, or else a square image."""
    if columns:
        return (len(columns),), np.dtype(np.float32)
    assert resolution is not None
    return (resolution, resolution, 3), np.dtype(np.uint8)


class PackedDataset:
    """A packed data set, opened read-only. `inputs` and `latents` stay on disk (memory maps).

    Raises `UserError` where the folder is not whole: a missing or truncated file, or one that does
    not fit meta.json.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.meta: dict[str, Any] = read_json(self.folder / "meta.json")
        if not isinstance(self.meta, dict) or (missing := [key for key in META_KEYS if key not in self.meta]):
            what = f"lacks {missing[0]!r}" if isinstance(self.meta, dict) else "is no table"
            raise self._broken(f"{self.folder / 'meta.json'} {what}")
        wrong = [key for key, is_sound in SOUND.items() if not is_sound(self.meta[key])]
        if wrong or (self.meta["resolution"] is None and not self.meta["columns"]):
            wrong = [*wrong, "resolution"]
            raise self._broken(f"{self.folder / 'meta.json'} is damaged: its {wrong[0]!r} cannot be right")
        self._input_shape, input_type = lay_out_input(self.meta["resolution"], self.meta["columns"])
        self._dtypes = {"inputs": input_type, **DTYPES}
        self.inputs = self._open("inputs", "r")
        self.latents = self._open("latents", "r")
        self.labels = self._open("labels")
        self.splits = self._open("splits")
        self.objects = self._open("objects")
        for name, counts in (("labels", len(self.meta["classes"])), ("splits", 2)):
            values = getattr(self, name)
            if len(values) and not (values.min() >= 0 and values.max() < counts):
                raise self._broken(f"{self.folder / name}.npy holds other values than 0 to {counts - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def _broken(self, what: str) -> UserError:
        return UserError(f"{what}; delete the folder {self.folder} and pack the data set again")

    def _shape(self, name: str) -> tuple[int, ...]:
        meta = self.meta
        n, v = sum(meta["objects"].values()), meta["views"]
        shapes = {"inputs": (n, v, *self._input_shape), "latents": (n, v, len(meta["latents"]))}
        return shapes.get(name, (n,))

    def _open(self, name: str, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        try:
            shape, dtype, start = read_header(path)
        except FileNotFoundError:
            raise self._broken(f"{path} is missing") from None
        except Exception as error:  # a damaged header makes numpy raise many kinds
            raise self._broken(f"{path} is damaged ({error})") from None
        expected = start + math.prod(shape) * dtype.itemsize
        if (size := path.stat().st_size) != expected:
            raise self._broken(f"{path} is incomplete: {size:,} bytes of {expected:,}")
        wrong_type = dtype != self._dtypes[name] if name in self._dtypes else dtype.kind != "U"
        if shape != self._shape(name) or wrong_type:
            raise self._broken(f"{path} holds {dtype} {shape}, but meta.json describes {self._shape(name)}")
        return np.asarray(np.load(path, mmap_mode=mmap_mode, allow_pickle=False))

    def verify(self) -> None:
        """Compute every array's SHA-256 digest again. Raises `UserError` for the first that differs.

        Arrays of more than `LARGE` bytes, which take minutes, are trusted as long as size and time of modification
        are those they were last verified with (verified.json). In a folder that others own they are read every time.
        """
        stamp = self.folder / "verified.json"
        known, found = _read_stamp(stamp), {}
        for name in ARRAYS:
            path = self.folder / f"{name}.npy"
            status = path.stat()
            if status.st_size > LARGE:
                found[path.name] = [status.st_size, status.st_mtime_ns]
                if known.get(path.name) == found[path.name]:
                    continue
            if hash_file(path) != self.meta["sha256"].get(path.name):
                raise self._broken(f"{path} is not what was packed (its SHA-256 digest differs)")
        if found != known:
            try:
                write_json(stamp, found)
            except OSError as error:  # the data are whole, and that is what was asked
                print(f"{self.folder} was verified in full, and will be again: {stamp.name} says {error.strerror}")

    def indices(self, split: str, holdout: float, seed: int) -> np.ndarray:
        """Return the objects of an evaluation split, ascending: "train", "val" or "test".

        test: the official test split. val: the share `holdout` of each class of the official
        train split, drawn by `seed`; a larger share contains a smaller one. train: the rest.
        """
        if split not in ("train", "val", "test"):
            raise UserError(f"there is no split {split!r}; choose from train, val, test")
        if not 0 <= holdout < 1:
            raise UserError(f"the holdout share is {holdout}; choose one from 0 to below 1")
        if split == "test":
            return np.flatnonzero(self.splits == TEST)
        held_out = np.zeros(len(self), dtype=bool)
        for label in np.unique(self.labels[self.splits == TRAIN]).tolist():
            members = np.flatnonzero((self.splits == TRAIN) & (self.labels == label))
            order = numpy_generator(seed, "holdout", label).permutation(len(members))
            held_out[members[order[: round(holdout * len(members))]]] = True
        return np.flatnonzero((self.splits == TRAIN) & (held_out == (split == "val")))


def _read_stamp(path: Path) -> dict[str, Any]:
    """Return what was verified when, or nothing where that cannot be read: it then is verified again."""
    try:
        known = read_json(path)
    except (UserError, OSError):
        return {}
    return known if isinstance(known, dict) else {}


def read_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, dtype and the offset of the data of a .npy file."""
    with open(path, "rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if fortran and len(shape) > 1:
            raise ValueError("its order is Fortran's")
        return shape, dtype, file.tell()
