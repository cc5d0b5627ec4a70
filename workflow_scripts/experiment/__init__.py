"""From a config file to the table of runs. Never imports torch."""
