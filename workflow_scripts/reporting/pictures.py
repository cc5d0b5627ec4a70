"""What the page holds of figures and libraries: everything is inside it, so that it needs no network."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

LIBRARIES = Path(__file__).parent / "libraries"
PLOTLY, SORTABLE = LIBRARIES / "plotly-basic.min.js.gz", LIBRARIES / "sortable.min.js"
QUALITY = 80  # of images that are made smaller, in percent: text in them stays sharp
CLOSING = re.compile(r"<(?=[/!])")


def describe_figure(folder: Path, stem: str) -> dict[str, Any] | None:
    """Return a figure as the page shows it; None where there is no such figure.

    stem: its path in the folder, without the ending. `svg` is a drawing, `source` an image where there is no drawing;
    `plotly` is its JSON, with `height` in pixels on a wide screen and on a narrow one.
    """
    image, drawing, file = (folder / f"{stem}.{ending}" for ending in ("png", "svg", "json"))
    if not image.exists():
        return None
    figure: dict[str, Any] = {"name": stem, "svg": None, "source": None, "plotly": None, "height": None}
    if drawing.exists():
        figure["svg"] = Markup(drawing.read_text())
    else:
        figure["source"] = embed_image(image)
    if file.exists():
        text = file.read_text()
        figure |= {"plotly": Markup(CLOSING.sub(r"\\u003c", text)), "height": measure(json.loads(text))}
    return figure


def measure(plotly: dict[str, Any]) -> tuple[int, int] | None:
    """Return the height of a figure on a wide and on a narrow screen, in pixels; None where it does not say."""
    wide = plotly["layout"].get("height")
    narrow = plotly.get("narrow", {}).get("height", wide)
    return (round(wide), round(narrow)) if wide else None


def embed_image(path: Path) -> str:
    """Return a PNG as a data URI: as WebP, where that is smaller."""
    from PIL import Image

    content, kind = path.read_bytes(), "png"
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.save(buffer, "WEBP", quality=QUALITY, method=6)
    if buffer.tell() < len(content):
        content, kind = buffer.getvalue(), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def embed_libraries() -> dict[str, Markup]:
    """Return the source of what sorts tables, and plotly's compressed, which is unpacked when a chart is first seen."""
    return {
        "sortable": Markup(SORTABLE.read_text()),
        "plotly": Markup(base64.b64encode(PLOTLY.read_bytes()).decode()),
    }
