"""Synthetic raw data of known structure, one module a kind, found by name."""
