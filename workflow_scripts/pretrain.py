"""Rule `pretrain`: train one method on one data set with one seed.

Writes into the run folder: `run.json` (what the run is), `state/` (checkpoint and history, kept for
resumption), and last the weights, as safetensors with the run's identity in their metadata.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command
from workflow_scripts.support.gpus import WHOLE
from workflow_scripts.training.settings import EngineSettings


def read_switch(text: str) -> str:
    """Return "auto", "on" or "off"; YAML makes booleans of the last two. Raises `ValueError` for other text."""
    switches = {"True": "on", "False": "off", "auto": "auto", "on": "on", "off": "off"}
    if text not in switches:
        raise ValueError
    return switches[text]


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    engine = EngineSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--settings", type=json.loads, required=True, help="the run's settings, as JSON")
    parser.add_argument("--start", type=Path, help="weights of another run, whose encoder this one starts from")
    parser.add_argument("--device", default=engine.device, help="auto, cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--gpu-share", type=int, default=WHOLE, help="of a GPU's memory [%%] (default: all)")
    parser.add_argument("--threads", type=int, default=engine.threads, help="CPU threads")
    parser.add_argument("--log-every", type=int, default=engine.log_every, help="steps between lines of the history")
    parser.add_argument("--checkpoint-seconds", type=float, default=engine.checkpoint_seconds, help="seconds between")
    parser.add_argument("--compile", type=read_switch, default=engine.compile, help="the encoder: auto, on or off")
    return parser.parse_args()


@command
def main() -> None:
    """Train, or resume, one run."""
    arguments = parse_arguments()
    from workflow_scripts.data.packed import PackedDataset
    from workflow_scripts.data.views import open_views
    from workflow_scripts.experiment.identity import claim_run
    from workflow_scripts.methods.base import Task
    from workflow_scripts.support.locks import exclusive
    from workflow_scripts.training.devices import choose_device, describe_machine, keep_machine
    from workflow_scripts.training.loop import Engine, train
    from workflow_scripts.training.run import build_method, is_trained, save_weights, start_from
    from workflow_scripts.training.state import TrainingState

    device = choose_device(arguments.device, arguments.threads, arguments.gpu_share)
    settings = arguments.settings
    with exclusive(arguments.run):
        PackedDataset(arguments.data).verify()
        if is_trained(arguments.run, settings, arguments.data, arguments.start):
            print(f"{arguments.run} is trained already; to train it again, delete it")
            return
        machine = describe_machine(device, arguments.threads, arguments.compile)
        identity = claim_run(arguments.run, settings, arguments.data, arguments.start, machine)
        keep_machine(identity, machine, "/".join(arguments.run.absolute().parts[-3:]))
        views = open_views(arguments.data, settings["dataset"], "train", device)
        method = build_method(settings, Task(views.space, views.classes), arguments.data)
        if arguments.start:
            start_from(method, arguments.start, identity)
        if method.trains:
            state = TrainingState(arguments.run / "state", identity["hash"])
            engine = Engine(device, arguments.log_every, arguments.checkpoint_seconds, arguments.compile)
            train(method, views, settings["training"], settings["seed"], state, engine)
        save_weights(method, arguments.run / "weights.safetensors", identity)


if __name__ == "__main__":
    main()
