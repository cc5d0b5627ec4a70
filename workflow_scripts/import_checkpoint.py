"""Rule `import_checkpoint`: make a run of ContextSSL from a checkpoint that its authors released.

Writes into the run folder what `pretrain` does: `run.json` and the weights. A checkpoint that does not fit the run's
settings in every name and every shape is refused, and nothing is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.support.errors import UserError, command

if TYPE_CHECKING:
    from torch import Tensor

    from workflow_scripts.data.actions import ActionSpace
    from workflow_scripts.methods.base import Method


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="file of a state_dict with the authors' names")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run to make")
    parser.add_argument("--settings", type=json.loads, required=True, help="the run's settings, as JSON")
    return parser.parse_args()


def check_source(checkpoint: Path, settings: dict[str, Any]) -> None:
    """Raise `UserError` where a run is not one of ContextSSL that says it is imported from this very file."""
    if settings["method"] != "contextssl":
        raise UserError(f"the run's method is {settings['method']}; only runs of contextssl can be imported")
    named = settings["training"].get("import")
    if named is None or Path(named) != checkpoint:
        raise UserError(
            f"the run's settings have the training.import {named!r}, but the checkpoint is {checkpoint}; "
            "name it there, so that an imported run never passes for a trained one"
        )


def compare_settings(
    inferred: dict[str, Any], action_dim: int, settings: dict[str, Any], space: ActionSpace
) -> list[str]:
    """Say in what the settings that a checkpoint shows differ from a run's."""
    wanted = settings["method_settings"]
    found = inferred["method_settings"]
    # null = the number of features, which a ResNet-18 has 512 of
    stated = {**wanted, "output_dim": wanted.get("output_dim") or 512}
    pairs = {f"method_settings.{key}": (value, stated.get(key)) for key, value in found.items()}
    pairs["encoder"] = (inferred.get("encoder", settings["encoder"]), settings["encoder"])
    pairs["number of entries of an action"] = (action_dim, space.dim)
    differences = [f"{key} is {a} in the checkpoint, {b} in the run" for key, (a, b) in pairs.items() if a != b]
    if "width" in found and found["width"] % wanted.get("heads", 1):
        differences.append(f"a width of {found['width']} does not divide into method_settings.heads {wanted['heads']}")
    return differences


def load_released(
    checkpoint: Path, tensors: dict[str, Tensor], settings: dict[str, Any], space: ActionSpace, data: Path
) -> Method:
    """Return the method of a run with the tensors of a checkpoint, counters of batches aside.

    Raises `UserError`, with every difference between the checkpoint and the run's settings, where there is one.
    """
    import torch

    from workflow_scripts.data.actions import ActionSpace, difference
    from workflow_scripts.models.released import compare_tensors, infer_settings, translate_name
    from workflow_scripts.training.run import build_method

    inferred, action_dim = infer_settings(tensors)
    action_dim = action_dim or space.dim
    # Tensors are compared with the model that the checkpoint itself shows: a width that differs from the run's is one
    # difference of settings, not one of every tensor.
    shown = {**settings, **inferred, "group": ""}
    shown["method_settings"] = {**settings["method_settings"], **inferred["method_settings"]}
    with torch.device("meta"):
        own = build_method(shown, ActionSpace({"all": slice(0, action_dim)}, difference), data).state_dict()
    differences = [
        *compare_settings(inferred, action_dim, settings, space),
        *compare_tensors(tensors, {translate_name(name): tensor for name, tensor in own.items()}),
    ]
    if differences:
        raise UserError(
            f"{checkpoint} does not fit the run: {'; '.join(differences)}; "
            "mend the run's settings, or give a checkpoint that was trained with them"
        )
    method = build_method(settings, space, data)
    state = method.state_dict()
    state.update({name: tensors[translate_name(name)] for name in state if translate_name(name) in tensors})
    method.load_state_dict(state)
    return method


@command
def main() -> None:
    """Import one run."""
    arguments = parse_arguments()
    import torch

    from workflow_scripts.data.views import open_views
    from workflow_scripts.experiment.identity import claim_run
    from workflow_scripts.models.released import UNUSED, read_state_dict
    from workflow_scripts.support.files import exclusive, hash_file
    from workflow_scripts.training.run import save_weights

    checkpoint, settings = arguments.checkpoint, arguments.settings
    check_source(checkpoint, settings)
    tensors = read_state_dict(checkpoint)
    space = open_views(arguments.data, settings["dataset"], "train", torch.device("cpu")).space
    method = load_released(checkpoint, tensors, settings, space, arguments.data)
    with exclusive(arguments.run):
        identity = claim_run(arguments.run, settings, arguments.data)
        save_weights(method, arguments.run / "weights.safetensors", identity)
    unused = sum(UNUSED.fullmatch(name) is not None for name in tensors)
    print(f"imported {checkpoint} (SHA-256 {hash_file(checkpoint)}): {len(tensors)} tensors, {unused} of them unused")


if __name__ == "__main__":
    main()
