"""Rule `import_checkpoint`: make a run from a checkpoint that the authors of its method released.

Writes into the run folder what `pretrain` does: `run.json` and the weights. A checkpoint that does not fit the run's
settings in every name and every shape is refused, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="file of a state_dict with the authors' names")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run to make")
    parser.add_argument("--settings", type=json.loads, required=True, help="the run's settings, as JSON")
    return parser.parse_args()


@command
def main() -> None:
    """Import one run."""
    arguments = parse_arguments()
    import torch

    from workflow_scripts.data.views import open_views
    from workflow_scripts.experiment.identity import claim_run
    from workflow_scripts.methods.base import Task
    from workflow_scripts.support.files import hash_file
    from workflow_scripts.support.locks import exclusive
    from workflow_scripts.training.importing import check_source, load_released
    from workflow_scripts.training.run import save_weights

    checkpoint, settings = arguments.checkpoint, arguments.settings
    check_source(checkpoint, settings)
    views = open_views(arguments.data, settings["dataset"], "train", torch.device("cpu"))
    method, said = load_released(checkpoint, settings, Task(views.space, views.classes), arguments.data)
    with exclusive(arguments.run):
        identity = claim_run(arguments.run, settings, arguments.data)
        save_weights(method, arguments.run / "weights.safetensors", identity)
    print(f"imported {checkpoint} (SHA-256 {hash_file(checkpoint)}): {said}")


if __name__ == "__main__":
    main()
