"""Where raw data come from: the table of sources, downloads, packages, archives."""
