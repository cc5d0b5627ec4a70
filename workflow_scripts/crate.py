"""`make crate`: a finished experiment as a Workflow Run RO-Crate, an archive beside its report."""

from __future__ import annotations

import argparse

from workflow_scripts.experiment.overrides import add_config_arguments, load_config
from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Write the archive, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    from workflow_scripts.sharing.crate import make_crate

    archive = make_crate(load_config(arguments.configfile, arguments.config))
    print(f"The crate: {archive.resolve()} ({archive.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
