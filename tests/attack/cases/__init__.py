"""Attacks as tables: a module for each part of the project, whose `CASES` say what is done and what must come of it."""
