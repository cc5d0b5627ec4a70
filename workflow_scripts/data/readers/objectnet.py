"""Reader of ObjectNet (Barbu et al. 2019): photographs of things in unusual places, turned and seen from odd sides.

    images/<class>/<name>.png     each with a border of red pixels, of which 2 are cut off, as the authors do

Read are the 13 of its 313 classes that are among ImageNet-100's, by the authors' table from its classes to ImageNet's
(mappings/objectnet_to_imagenet_1k.json), and labelled as those are. All are test images: the licence forbids to train
on them.
"""

from __future__ import annotations

from pathlib import Path

from workflow_scripts.data.readers.photographs import IMAGENET, Photographs, list_photographs, read_imagenet100

# Folder and id of ImageNet's class. Where the authors name several, as of chairs, the one that ImageNet-100 has.
CLASSES = {
    "bench": "n03891251",
    "bottle_cap": "n02877765",
    "chair": "n04099969",
    "helmet": "n03379051",
    "iron_for_clothes": "n03584829",
    "jeans": "n03594734",
    "keyboard": "n03085013",
    "lampshade": "n03637318",
    "laptop_open": "n03642806",
    "mixing_salad_bowl": "n03775546",
    "safety_pin": "n04127249",
    "vacuum_cleaner": "n04517823",
    "wheel": "n02974003",
}


class ObjectNet(Photographs):
    """Some classes of a tree in ObjectNet's layout, labelled as ImageNet-100's; see `base.Reader`."""

    normalisation = IMAGENET
    border = 2
    caveat = "of each photograph the resized central square is kept"

    def __init__(self, root: Path) -> None:
        names = read_imagenet100()
        ids = list(names)
        test = [
            (file, ids.index(name))
            for folder, name in CLASSES.items()
            for file in list_photographs(root, f"images/{folder}", f"images of the class {folder.replace('_', ' ')}")
        ]
        super().__init__(root, list(names.values()), [], test)


open_reader = ObjectNet
