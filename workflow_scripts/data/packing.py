"""Packing: decode and resize every image of a data set once, into arrays that open in no time.

Reads the tree that the manifest (raw.json) names, writes the folder of a packed data set. Work in
progress stands in `<output>.partial`; a stopped run goes on from there, and the result is the same.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.overlap import Overlap, find_overlap
from workflow_scripts.data.packed import ARRAYS, PackedDataset, lay_out_input, read_header
from workflow_scripts.data.readers.base import TRAIN, DrawingReader, Normalisation, Reader, take_per_class
from workflow_scripts.data.writer import DIGESTS, SUMS, Job, PartialPack, fill, sync
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, hash_settings, read_json, write_json
from workflow_scripts.support.locks import exclusive
from workflow_scripts.support.plugins import load_plugin

MANIFEST_KEYS = {"root", "source", "description", "caveat", "settings_hash"}
FORMAT = 2  # of the packed folder; part of its settings hash


def open_reader(layout: str, root: Path) -> Reader:
    """Return the reader of the data in `root`, of the module data/readers/<layout>.py."""
    reader: Reader = load_plugin("data.readers", layout, "open_reader")(root)
    return reader


def read_manifest(path: Path) -> tuple[dict[str, Any], Path]:
    """Return a manifest and the folder of raw data it names (relative to here, or to the manifest)."""
    manifest = read_json(path)
    if not (isinstance(manifest, dict) and manifest.keys() >= MANIFEST_KEYS):
        raise UserError(f"{path} is not a manifest of raw data; delete it and run the step that writes it again")
    for root in (Path(manifest["root"]), path.parent / manifest["root"]):
        if root.is_dir():
            return manifest, root
    raise UserError(f"{path} names the folder {manifest['root']}, which does not exist; delete {path} and run again")


def list_settings(
    manifest: dict[str, Any],
    reader: Reader,
    layout: str,
    resolution: int | None,
    limits: tuple[int | None, int | None],
    **further: int | None,
) -> dict[str, Any]:
    """Return all that decides the packed bytes. Where the tree lies does not, nor a further setting that is not set."""
    catalogue = hashlib.sha256()
    for array in (reader.objects, reader.labels, reader.splits):
        catalogue.update(array.tobytes())
    return {
        "format": FORMAT,
        "manifest": {key: manifest[key] for key in sorted(MANIFEST_KEYS - {"root"})},
        "layout": layout,
        "resolution": resolution,
        "per_class": list(limits),
        "catalogue": catalogue.hexdigest(),
        **{key: value for key, value in further.items() if value is not None},
    }


def find_normalisation(sums: np.ndarray, pixels: int) -> Normalisation:
    """Return mean and standard deviation per channel. sums (2, 3): over so many pixels, and over their squares."""
    if not pixels:
        raise UserError("there are no train images to take a mean over; keep some, or name another source")
    mean, square = sums / pixels / [[255], [255**2]]
    std = np.sqrt(np.maximum(square - mean**2, 0))
    if not (std > 0).all():
        raise UserError("the train images have a channel of one single value; they cannot be normalised")
    return Normalisation(tuple(mean.tolist()), tuple(std.tolist()))


def make_meta(
    manifest: dict[str, Any],
    job: Job,
    settings: dict[str, Any],
    partial: PartialPack,
    inputs_sha256: str,
    overlap: Overlap | None,
) -> dict[str, Any]:
    """Return meta.json of the finished arrays. inputs_sha256: the digest of the inputs' file. overlap: of images."""
    reader = job.reader
    classes = list(reader.classes)[: settings.get("classes")]
    official = reader.official_classes or len(reader.classes)
    caveats = [
        manifest["caveat"],
        reader.caveat if "JPEG" not in manifest["caveat"] else "",
        f"{len(classes)} of the {official} classes" if len(classes) < official else "",
        f"each pixel is the mean of {job.average}x{job.average} stored ones" if job.average > 1 else "",
        # In the published files of a data set, everybody has them.
        str(overlap) if overlap and overlap.images and not reader.is_published else "",
    ]
    splits = np.load(partial.path("splits"))
    train = int((splits == TRAIN).sum())
    normalisation = reader.normalisation
    if job.measures:
        shape = read_header(partial.path("inputs"))[0]
        sums = np.load(partial.path(SUMS))[:train].sum(axis=0)
        normalisation = find_normalisation(sums, train * math.prod(shape[1:-1]))
    return {
        **{key: manifest[key] for key in ("source", "description")},
        "caveat": "; ".join(filter(None, caveats)),
        **{key: settings[key] for key in ("layout", "resolution")},
        "views": reader.views,
        "classes": classes,
        "latents": list(reader.latent_names),
        "objects": {"train": train, "test": len(splits) - train},
        "columns": list(reader.columns),
        "counts": list(reader.counts.items()),  # in their order, which a map of JSON loses
        "mean": list(normalisation.mean) if normalisation else None,
        "std": list(normalisation.std) if normalisation else None,
        **({"test_images_in_train": overlap.images} if overlap else {}),
        "settings": settings,
        "settings_hash": hash_settings(settings),
        "sha256": {
            f"{name}.npy": inputs_sha256 if name == "inputs" else hash_file(partial.path(name)) for name in ARRAYS
        },
    }


def compare_splits(partial: PartialPack, reader: Reader) -> Overlap:
    """Return, and print, how many test images are training images. Raises `UserError` where too many are.

    Their objects are then read again by the next packing, so that it takes what was mended since.
    """
    splits = np.load(partial.path("splits"))
    overlap = find_overlap(np.load(partial.path(DIGESTS)), splits)
    if overlap.is_too_large:
        assert overlap.pair is not None
        partial.forget(overlap.objects.tolist())
        objects = np.load(partial.path("objects"))
        test, train = (
            f"{str(objects[position])!r}" + (f" (view {view})" if reader.views > 1 else "")
            for position, view in overlap.pair
        )
        raise UserError(
            f"{overlap}, the first of them {test}, which has the pixels of {train}: what is measured on them would be "
            "too good; get the data set again, or take these images out of one of the splits"
        )
    if len(np.unique(splits)) > 1:
        print(overlap)
    return overlap


def is_packed(output: Path, settings_hash: str) -> bool:
    """Tell whether `output` is a whole data set packed with these settings."""
    return is_whole(output) and bool(PackedDataset(output).meta["settings_hash"] == settings_hash)


def is_whole(output: Path) -> bool:
    """Tell whether `output` is a whole data set, packed with any settings."""
    try:
        PackedDataset(output)
    except UserError:
        return False
    return True


def take_back(partial: PartialPack, output: Path) -> None:
    """Undo a publication that was interrupted, so that it can be done again from the start."""
    if (output / "meta.json").exists():
        return  # an earlier data set, untouched so far
    for name in ARRAYS:
        moved = output / f"{name}.npy"
        if not partial.path(name).exists() and moved.exists():
            os.replace(moved, partial.path(name))


def publish(partial: PartialPack, output: Path) -> None:
    """Move the finished files to `output`, meta.json last: a folder with meta.json is whole."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "meta.json").unlink(missing_ok=True)
    sync(output)
    for name in reversed(ARRAYS):  # inputs, the costly ones, as late as possible
        os.replace(partial.path(name), output / f"{name}.npy")
    sync(output)
    os.replace(partial.meta, output / "meta.json")
    sync(output)


def build(
    partial: PartialPack,
    manifest: dict[str, Any],
    job: Job,
    settings: dict[str, Any],
    workers: int,
    journal_seconds: float,
) -> None:
    """Bring the unfinished arrays to their end, and describe them in meta.json."""
    reader, count = job.reader, len(job.chosen)
    small = {name: getattr(reader, name)[job.chosen] for name in ("labels", "splits", "objects")}
    shape, dtype = lay_out_input(job.resolution, reader.columns)
    latents = (count, reader.views, len(reader.latent_names)), np.dtype(np.float32)
    large = {"inputs": ((count, reader.views, *shape), dtype), "latents": latents}
    if job.is_of_images:
        large[DIGESTS] = (count, reader.views), np.dtype(np.uint64)
    if job.measures:
        large[SUMS] = (count, 2, 3), np.dtype(np.int64)
    partial.prepare(small, large)
    if not partial.meta.exists():
        digest = fill(partial, job, workers, journal_seconds)
        overlap = compare_splits(partial, reader) if job.is_of_images else None
        write_json(partial.meta, make_meta(manifest, job, settings, partial, digest, overlap))


def check_form(
    reader: Reader, source: str, resolution: int | None, classes: int | None, average: int | None, key: str
) -> None:
    """Raise `UserError` where a source cannot be packed as it is asked for. key: where its settings stand."""
    have, official = len(reader.classes), reader.official_classes or len(reader.classes)
    if reader.columns and (classes or average):
        raise UserError(f"{source} is a table: classes and average are settings of images; remove them from {key}")
    if resolution is None and not reader.columns:
        raise UserError(f"{source} holds images: give the side that they are packed with, {key}.resolution")
    if classes is None and have < official:
        raise UserError(
            f"what is given holds {have} of the {official} classes of {source}; get the whole data set, or say that a "
            f"part is meant: {key}.classes: {have}"
        )
    if classes is not None and classes > have:
        raise UserError(f"{source} has {have} classes here, not {classes}; set {key}.classes to at most {have}")


def pack(
    manifest_path: Path,
    output: Path,
    layout: str,
    resolution: int | None,
    limits: tuple[int | None, int | None] = (None, None),
    workers: int = 2,
    journal_seconds: float = 10.0,
    device: str = "cpu",
    classes: int | None = None,
    average: int | None = None,
    keeps: bool = False,
) -> None:
    """Pack the raw data of a manifest into `output`.

    limits: objects per class of the official train and test split. workers: processes, which change no byte.
    journal_seconds: between entries of the journal, what a kill can lose. device: where a reader that does so draws.
    classes: keep so many, the first of the data set's own list. average: of images whose side is `resolution` times
    this, blocks of that many pixels a side become one, see `readers.base.average_blocks`. keeps: refuse to replace a
    whole data set that was packed from other files or with other settings (`UserError`).
    """
    manifest, root = read_manifest(manifest_path)
    reader = open_reader(layout, root)
    average = None if average == 1 else average
    if isinstance(reader, DrawingReader):
        reader.device = device
    check_form(reader, manifest["source"], resolution, classes, average, f"sources.{output.absolute().parent.name}")
    form = None if reader.columns else resolution
    settings = list_settings(manifest, reader, layout, form, limits, classes=classes, average=average)
    folder = output.with_name(f"{output.name}.partial")
    with exclusive(folder):
        if is_packed(output, hash_settings(settings)):
            print(f"{output} is already packed")
        elif keeps and is_whole(output):
            raise UserError(
                f"{output} holds data that were packed from other files or with other settings; move or delete "
                f"{output.parent} and the runs that were made from it, or give the changed source a name of its own"
            )
        else:
            partial = PartialPack(folder, settings)
            if partial.meta.exists():
                take_back(partial, output)
            chosen = take_per_class(reader.labels, reader.splits, limits)
            if classes is not None:
                chosen = chosen[reader.labels[chosen] < classes]
            job = Job(reader, chosen, settings["resolution"], folder, average or 1)
            build(partial, manifest, job, settings, workers, journal_seconds)
            publish(partial, output)
            said = f"{len(reader.columns)} columns" if reader.columns else f"{resolution} px"
            print(f"packed {output}: {len(chosen):,} objects, views {reader.views}, {said}")
        shutil.rmtree(folder, ignore_errors=True)
