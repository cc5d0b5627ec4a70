"""What becomes of an image file: which ones are taken, and how their pixels become RGB of 8 bits.

Taken are JPEG and PNG files, told by their content. Pixels are those that Pillow's `convert("RGB")` gives, and so the
usual loaders of torchvision. There is one exception: Pillow cuts grey values of 16 bits off at 255.

    Pillow's mode   file                          becomes
    RGB             JPEG, PNG of 8 bits           its pixels. One color that PNG declares transparent is kept
    RGB             PNG of 16 bits                the upper 8 bits of each value (Pillow reads no more)
    L               JPEG, PNG of 2, 4 or 8 bits   three equal channels; 2 and 4 bits are spread over 0 to 255
    1               PNG of 1 bit                  black and white
    P               PNG with a palette            the palette's colors, also of transparent entries
    LA, RGBA        PNG with alpha                without alpha: the stored colors, also of transparent pixels
    I;16            PNG of 16 bits, grey          the upper 8 bits of each value, three equal channels
    CMYK            JPEG (also Adobe's YCCK)      Pillow's conversion, which knows no color profile
    all others      (neither JPEG nor PNG)        refused: F, I, LAB, HSV and YCbCr among them

Not looked at: the orientation that EXIF asks for, color profiles, gamma. Of several images in a file, the first counts.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workflow_scripts.data.readers.raw_files import read_file
from workflow_scripts.support.errors import UserError

FORMATS = ("JPEG", "PNG")
CONVERTED = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")  # by Pillow, rightly
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # names that versions of Pillow have for a PNG of 16 bits, grey

# Decoded, they take some 360 MB of a worker. It is the limit above which Pillow warns.
MOST_PIXELS = 89_478_485
MOST_BYTES = 1 << 29  # of a file: more than so many pixels need
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # they are refused

# What Pillow's decoders raise for damaged files.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error)


def load_image(path: Path | str, square: bool = False) -> Image.Image:
    """Return an image file as RGB. square: refuse others, before they are decoded.

    Raises `UserError` for a file that is missing, damaged, none of the table above, or of too many pixels.
    """
    content = read_file(path, MOST_BYTES)
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{width:,} x {height:,} pixels")
        if width == height or not square:
            image.load()
            return convert(image, path)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{path} would take gigabytes when decoded ({str(error).split(' of ')[0]}), at most {MOST_PIXELS:,} pixels "
            "are read; get the data set again, or store that image smaller"
        ) from None
    except DAMAGE as error:
        reason = " ".join(str(error).split()) if "BytesIO" not in str(error) else "neither JPEG nor PNG"
        raise UserError(f"{path} is a damaged image ({reason}); get the data set again") from None
    raise UserError(f"{path} is {width} x {height} pixels; only square images are read")


def convert(image: Image.Image, path: Path | str) -> Image.Image:
    """Return a decoded image as RGB, see the table above. path: for the error.

    Raises one of `DAMAGE`, or `UserError` for a mode that the table does not have.
    """
    if image.mode == "RGB":
        return image
    if image.mode in DEEP:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode not in CONVERTED:
        raise UserError(f"{path} has pixels of Pillow's mode {image.mode}, which is not read; store them as RGB")
    if image.mode == "P":
        highest: Any = image.getextrema()[1]
        if highest >= len(image.getpalette() or []) // 3:
            raise ValueError("its palette lacks colors that its pixels have")  # Pillow would make them up
        if "transparency" in image.info:
            image = image.convert("RGBA")  # the same colors; Pillow would warn
    return image.convert("RGB")
