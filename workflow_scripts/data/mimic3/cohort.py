"""Who belongs to the cohort, and what is asked of them."""

ADULT_YEARS = 18
OLDEST_YEARS = 90  # ages over 89 are not disclosed
LONG_DAYS = 3.0  # a longer stay is a long one
