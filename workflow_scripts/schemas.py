"""Write the schemas of all settings, as their dataclasses declare them; with --check, only say which are stale."""

from __future__ import annotations

import argparse

from workflow_scripts.support.errors import UserError, command


@command
def main() -> None:
    """Write, or check, schemas/<room>/<name>.yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a schema is stale")
    arguments = parser.parse_args()
    from workflow_scripts.experiment.rooms import ROOT
    from workflow_scripts.experiment.schema import find_stale, write_schemas

    stale = find_stale()
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if arguments.check and stale:
        raise UserError(f"stale schemas: {names}; run `make schemas`")
    write_schemas(stale)
    print(f"written: {names}" if stale else "all schemas are those of their dataclasses")


if __name__ == "__main__":
    main()
