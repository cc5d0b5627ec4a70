"""Control: the randomly initialised encoder. What any method must beat."""

from __future__ import annotations

from workflow_scripts.methods.base import Method


class RandomEncoder(Method):
    """An encoder that is never trained."""

    trains = False


METHOD = RandomEncoder
