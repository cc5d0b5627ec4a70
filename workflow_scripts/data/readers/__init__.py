"""Readers of raw data, one module a layout, found by name."""
