"""Figures of a paper's views: a module is a kind of figure, and is found by its name."""
