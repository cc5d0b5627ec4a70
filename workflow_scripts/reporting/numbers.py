"""Numbers as text."""

from __future__ import annotations


def format_number(value: float | None, digits: int) -> str:
    """Write a number, without the zero before the point as papers do; "" for none."""
    if value is None:
        return ""
    text = f"{value:z.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
