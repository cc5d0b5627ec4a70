"""Documents that show results: what reports leave for README.md and docs/, and how it is set there."""
