"""Augmentations with known parameters, one module a kind, found by name."""
