"""Numbers as text: the zero before the point, and the digits that a spread supports."""

import pytest

from workflow_scripts.reporting.numbers import count_digits, format_mean, format_number


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        *((0.5064, 3, ".506"), (-1e-6, 3, ".000"), (-0.25, 2, "-.25"), (1.0, 3, "1.000")),
        *((10.05, 1, "10.1"), (-10.0, 1, "-10.0"), (None, 3, "")),
    ],
)
def test_a_number_has_no_zero_before_its_point(value, digits, text):
    assert format_number(value, digits) == text


@pytest.mark.parametrize(
    ("mean", "std", "digits", "text"),
    [
        (0.10533, 0.0829, 3, ".11 ± .08"),  # one significant digit
        (0.10533, 0.0163, 3, ".105 ± .016"),  # two, for it starts with 1
        (0.10533, 0.0297, 3, ".11 ± .03"),  # rounded before it is looked at
        (0.10533, 0.0996, 3, ".11 ± .10"),
        (0.97412, 0.00041, 3, ".974 ± .000"),  # never more than the column's
        (0.534, 0.0, 3, ".534 ± .000"),
        (0.534, None, 3, ".534"),
        (63.24, 4.7, 1, "63 ± 5"),
        (63.24, 1.26, 1, "63.2 ± 1.3"),
        (5123.4, 312.0, 0, "5123 ± 312"),  # no zeros that were never measured
        (None, None, 3, ""),
    ],
)
def test_a_mean_has_the_digits_that_its_spread_supports(mean, std, digits, text):
    assert format_mean(mean, std, digits) == text


def test_more_spread_never_means_more_digits():
    counts = [count_digits(std, 3) for std in (0.0004, 0.004, 0.02, 0.04, 0.2, 0.4, 2.0, 40.0)]
    assert counts == sorted(counts, reverse=True) == [3, 3, 3, 2, 2, 1, 1, 0]
