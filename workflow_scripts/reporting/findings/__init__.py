"""Sentences under a table, computed from the rows: a module is a kind of finding, and is found by its name."""
