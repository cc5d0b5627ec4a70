"""The order of the views of an object that is stored under corruptions: 15 of them, each at 5 strengths.

Names, groups and order are those of Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", section 3.
"""

from __future__ import annotations

GROUPS = {
    "noise": ("gaussian noise", "shot noise", "impulse noise"),
    "blur": ("defocus blur", "glass blur", "motion blur", "zoom blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic transform", "pixelate", "jpeg compression"),
}
CORRUPTIONS = tuple(name for names in GROUPS.values() for name in names)
STRENGTHS = (1, 2, 3, 4, 5)

# Corruption and strength of each of the 75 views.
VIEWS = tuple((name, strength) for name in CORRUPTIONS for strength in STRENGTHS)
