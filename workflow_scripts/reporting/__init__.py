"""Reporting: views of the tidy rows beside the published values. Never imports torch."""
