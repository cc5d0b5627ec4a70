"""The steps of the workflow: a module at the top of this package is one rule and one command line."""
