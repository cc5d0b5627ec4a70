"""Reader of 3DIEBench's official layout (Garrido et al. 2023): 50 rendered views of 52,472 objects.

    <class>/<object>/image_0.jpg ...    square RGB images
    <class>/<object>/latent_0.npy ...   seven floats each, see `LATENT_NAMES`
    train_images.npy, val_images.npy    the objects of each split, strings like "/02691156/<object>/"
    train_labels.npy, val_labels.npy    their classes, integers

A tree that does not match its split arrays is refused, with the first mismatch.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workflow_scripts.data.readers.base import TEST, TRAIN, ImageReader, Normalisation, decode_image
from workflow_scripts.data.readers.raw_files import explain, read_file
from workflow_scripts.support.errors import UserError

LATENT_NAMES = ("rotation_x", "rotation_y", "rotation_z", "floor_hue", "light_theta", "light_phi", "light_hue")
CLASSES = 55
POSES = True  # see `base.ImageReader`
OFFICIAL_OBJECTS = (41_920, 10_552)  # train, val
PUBLISHED = Normalisation(mean=(0.5016, 0.5037, 0.5060), std=(0.1030, 0.0999, 0.0969))

# Two folder names; the slashes around them are the official arrays' habit and no absolute path.
OBJECT_ID = re.compile(r"/?(?P<name>(?!\.\.?/)[\w.-]+/(?!\.\.?/?$)[\w.-]+)/?", re.ASCII)
FILES = (("image", "jpg"), ("latent", "npy"))  # what each view has
VIEW_FILE = re.compile(r"image_(\d+)\.jpg|latent_(\d+)\.npy")


@dataclass(frozen=True)
class Split:
    """The objects of one official split: ids (N,) unicode, labels (N,) int64, folders relative to the root."""

    objects: np.ndarray
    labels: np.ndarray
    folders: list[str]


def load_array(path: Path, kinds: str, what: str) -> np.ndarray:
    """Load a .npy file without ever unpickling; `kinds` are the numpy kind codes that it may have."""
    content = read_file(path)
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # a damaged header makes numpy raise many kinds
        if "pickle" in str(error):
            why = "holds pickled Python objects or is no .npy file, and pickles from outside are never opened"
        else:
            why = f"is damaged ({' '.join(str(error).split())})"
        raise UserError(f"{path} {why}; get the data set again") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
        raise UserError(f"{path} holds {getattr(array, 'dtype', 'an archive')} instead of {what}")
    return array


def read_split(images_path: Path, labels_path: Path) -> Split:
    """Read one official split. Raises `UserError` for arrays that cannot be a split."""
    objects = load_array(images_path, "U", "object names (strings)")
    labels = load_array(labels_path, "iu", "class labels (integers)")
    if objects.ndim != 1 or objects.shape != labels.shape or len(objects) == 0:
        raise UserError(
            f"{images_path} has shape {objects.shape} and {labels_path} has {labels.shape}; "
            "they must be lists of one length, not empty"
        )
    folders = []
    for position, name in enumerate(objects.tolist()):
        match = OBJECT_ID.fullmatch(name)
        if match is None:
            raise UserError(f"{images_path}: entry {position} is {name!r}, not of the form '/<class>/<object>/'")
        folders.append(match["name"])
    return Split(objects, labels.astype(np.int64), folders)


def list_classes(folders: Iterable[str], labels: np.ndarray) -> list[str]:
    """Return the class folder of each label ("" for a label without objects).

    Raises `UserError` unless labels and class folders correspond one to one, within range.
    """
    names: dict[int, str] = {}
    label_of: dict[str, int] = {}
    for folder, label in zip(folders, labels.tolist(), strict=True):
        name = folder.split("/")[0]
        if names.setdefault(label, name) != name or label_of.setdefault(name, label) != label:
            raise UserError(
                f"object {folder} has label {label}, but that label belongs to class folder {names[label]!r} and "
                f"that folder to label {label_of.get(name, label)}; the labels are not those of these objects"
            )
    lowest, highest, limit = min(names), max(names), max(CLASSES, len(names))
    if lowest < 0 or highest >= limit:
        wrong = lowest if lowest < 0 else highest
        raise UserError(
            f"label {wrong} of class folder {names[wrong]!r} is out of range; labels run from 0 to {limit - 1}"
        )
    return [names.get(label, "") for label in range(highest + 1)]


class ThreeDIEBench(ImageReader):
    """A tree in 3DIEBench's layout; see `base.Reader`. The object that comes first says how many views there are."""

    latent_names: Sequence[str] = LATENT_NAMES
    caveat = ""

    def __init__(self, root: Path) -> None:
        splits = [read_split(root / f"{name}_images.npy", root / f"{name}_labels.npy") for name in ("train", "val")]
        self._root = str(root)
        self._folders = splits[0].folders + splits[1].folders
        self._refuse_repeats()
        self.objects = np.concatenate([split.objects for split in splits])
        self.labels = np.concatenate([split.labels for split in splits])
        sizes = (len(splits[0].labels), len(splits[1].labels))
        self.splits = np.repeat(np.array([TRAIN, TEST], dtype=np.uint8), sizes)
        self.classes: Sequence[str] = list_classes(self._folders, self.labels)
        self.views = self._count_views()
        self._files = [f"{kind}_{view}.{end}" for view in range(self.views) for kind, end in FILES]
        self._wanted = frozenset(self._files)
        self.normalisation: Normalisation | None = PUBLISHED if sizes == OFFICIAL_OBJECTS else None

    def _refuse_repeats(self) -> None:
        seen: set[str] = set()
        for folder in self._folders:
            if folder in seen:
                raise UserError(f"{self._root}: object {folder} stands twice in train_images.npy and val_images.npy")
            seen.add(folder)

    def _list(self, index: int) -> set[str]:
        path = f"{self._root}/{self._folders[index]}"
        try:
            return set(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            self._refuse_tree_without_images()
            array = "train_images.npy" if self.splits[index] == TRAIN else "val_images.npy"
            raise UserError(
                f"{array} names object {self._folders[index]}, but there is no folder {path}; "
                "unpack the archive again, or give the split arrays that belong to this tree"
            ) from None
        except OSError as error:
            raise explain(path, error) from None

    def _refuse_tree_without_images(self) -> None:
        from workflow_scripts.data.rendering.tree import is_without_images

        if is_without_images(Path(self._root)):
            raise UserError(
                f"{self._root} holds no images, since its source says that they are drawn when they are packed; give "
                "the source the layout `rendered`, or a `jpeg_quality`"
            )

    def _count_views(self) -> int:
        found = self._list(0)
        views = 0
        while f"image_{views}.jpg" in found:
            views += 1
        if views == 0:
            raise UserError(f"{self._root}/{self._folders[0]} has no image_0.jpg; this is not 3DIEBench's layout")
        return views

    def check(self, index: int) -> None:
        """Raise `UserError` unless the object's folder has each view's image and latents, and no more views."""
        found = self._list(index)
        folder = f"{self._root}/{self._folders[index]}"
        if not self._wanted <= found:
            first = next(name for name in self._files if name not in found)
            raise UserError(
                f"{folder} has no {first}; expected the {self.views} views of the first object "
                f"({self._folders[0]}): unpack the archive again"
            )
        extra = sorted(name for name in found - self._wanted if VIEW_FILE.fullmatch(name))
        if extra:
            raise UserError(
                f"{folder} has {extra[0]}, beyond the {self.views} views of the first object ({self._folders[0]}); "
                "unpack the archive again"
            )

    def read(self, index: int, resolution: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return images (V, resolution, resolution, 3) uint8 and latents (V, 7) float32 of an object."""
        folder = f"{self._root}/{self._folders[index]}"
        images = []
        latents = np.empty((self.views, len(LATENT_NAMES)), dtype=np.float32)
        for view in range(self.views):
            # Latents first: they are cheap, and a wrong one is found before an image is decoded.
            latents[view] = read_latents(Path(f"{folder}/latent_{view}.npy"))
            images.append(decode_image(f"{folder}/image_{view}.jpg", resolution))
        if len({image.shape for image in images}) > 1:
            raise UserError(f"{folder} holds images of several sizes, which cannot be taken as they are stored")
        return np.stack(images), latents


open_reader = ThreeDIEBench


def read_latents(path: Path) -> np.ndarray:
    """Return the seven latents of a view, float32. Raises `UserError` where they are not seven finite floats."""
    latents = load_array(path, "f", "latents (floats)")
    if latents.shape != (len(LATENT_NAMES),):
        raise UserError(
            f"{path} has shape {latents.shape} instead of ({len(LATENT_NAMES)},): {', '.join(LATENT_NAMES)}"
        )
    with np.errstate(over="ignore"):
        latents = latents.astype(np.float32)  # before the check: a huge double is no float
    if not np.isfinite(latents).all():
        wrong = LATENT_NAMES[int(np.flatnonzero(~np.isfinite(latents))[0])]
        raise UserError(f"{path} has the {wrong} {latents[~np.isfinite(latents)][0]}; latents must be finite numbers")
    return latents
