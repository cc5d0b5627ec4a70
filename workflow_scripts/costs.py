"""Rule `costs`: device hours, disk and memory of an experiment, before anything starts."""

from __future__ import annotations

import argparse
import json

from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Print the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="the whole config, as JSON")
    arguments = parser.parse_args()
    from workflow_scripts.experiment.plan import describe_costs

    print(describe_costs(arguments.config))


if __name__ == "__main__":
    main()
