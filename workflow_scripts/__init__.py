"""The steps of the workflow: a module at the top of this package is one command line, most of them of one rule."""
