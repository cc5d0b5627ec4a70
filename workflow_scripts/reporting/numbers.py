"""Numbers as text, with the digits that they deserve."""

from __future__ import annotations


def format_number(value: float | None, digits: int) -> str:
    """Write a number, without the zero before the point as papers do; "" for none."""
    if value is None:
        return ""
    text = f"{value:z.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def count_digits(std: float | None, digits: int) -> int:
    """Return how many decimals a spread supports, at most `digits`, which is the answer without a spread, too.

    A spread over a few seeds is itself known to a third or worse. It gets one significant digit, or two where it
    starts with 1 or 2 and one digit would change it by up to half: .0829 supports two decimals, .0163 three. This is
    the rule of the Particle Data Group, whose bound is 3.5.
    """
    if not std:
        return digits
    leading, exponent = f"{std:.1e}".split("e")  # rounded first: .0297 is .030, which starts with 3
    wanted = -int(exponent) + (float(leading) < 3)
    return max(0, min(digits, wanted))


def format_mean(mean: float | None, std: float | None, digits: int) -> str:
    """Write "mean ± std", both with the decimals that the spread supports; "" without a mean.

    std: standard deviation over seeds, None of one seed. digits: decimals at most; a mean without a spread has all.
    """
    text = format_number(mean, count_digits(std, digits))
    return f"{text} ± {format_number(std, count_digits(std, digits))}" if text and std is not None else text
