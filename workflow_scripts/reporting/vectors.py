"""SVG as matplotlib writes it, made fit for a page: small, in the page's color and font."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
INK = "#000000"  # of text and axes
NUMBER = re.compile(r"-?\d+\.\d+")
FAMILY = re.compile(r"font-family: [^;]*;? ?")
UNTURNED = re.compile(r"rotate\(-?0 [^)]*\)")
NUMBERED = ("d", "x", "y", "width", "height", "points", "transform", "viewBox", "style")


def simplify_svg(text: str) -> str:
    """Return an `<svg>` element that can stand in a page.

    Black becomes currentColor; families of fonts are left to the page; metadata, rules for all of the page's elements,
    the ground, groups and names without use, and decimals that nobody sees go.
    """
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(text)
    root.attrib |= {"fill": "currentColor", "stroke-linejoin": "round", "font-family": "system-ui, sans-serif"}
    _simplify(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _simplify(element: ET.Element) -> None:
    """Simplify what is in an element, and then its own attributes."""
    kept = []
    for child in element:
        _simplify(child)
        name = child.tag.removeprefix(f"{{{SVG}}}")
        if name in ("metadata", "style") or (name == "path" and child.get("style") == "fill: none"):
            continue
        is_empty = name in ("g", "defs") and not len(child)
        kept += [] if is_empty else list(child) if name == "g" and not child.attrib else [child]
    element[:] = kept
    if element.tag == f"{{{SVG}}}g":
        element.attrib.pop("id", None)
    for key, value in list(element.attrib.items()):
        if short := _shorten(key, value):
            element.set(key, short)
        else:
            del element.attrib[key]
    element.tail = None  # line breaks
    if element.text and not element.text.strip():
        element.text = None


def _shorten(key: str, value: str) -> str:
    """Return an attribute's value in fewer letters; "" where it says nothing."""
    if key == "style":
        value = FAMILY.sub("", value).replace(INK, "currentColor")
    if key == "transform":
        value = UNTURNED.sub("", value).strip()
    if key == "d":
        value = " ".join(value.split())
    if key in NUMBERED:
        value = NUMBER.sub(lambda number: _round(number[0], 1 if key in ("d", "x", "y") else 2), value)
    return value


def _round(number: str, decimals: int) -> str:
    """Return a number with so many decimals, without zeros at its end."""
    return f"{float(number):z.{decimals}f}".rstrip("0").rstrip(".")
