"""Evaluators, one module each, found by name: what is measured of a run, or why it is not."""
