"""Rule `embed`: encode every image, or row, of the evaluated splits once, and embed it under every context."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed data set")
    parser.add_argument("--run", type=Path, required=True, help="folder of the trained run")
    parser.add_argument("--evaluation", type=json.loads, required=True, help="evaluation settings, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder of embeddings to write")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    return parser.parse_args()


@command
def main() -> None:
    """Embed one run."""
    arguments = parse_arguments()
    import torch

    from workflow_scripts.data.views import open_views
    from workflow_scripts.evaluation.contexts import Contexts, draw_context, make_contexts
    from workflow_scripts.evaluation.embeddings import embed_split, write_arrays
    from workflow_scripts.experiment.identity import read_identity
    from workflow_scripts.methods.base import ContextMethod
    from workflow_scripts.support.files import write_json
    from workflow_scripts.training.run import build_method, choose_device, load_weights

    device = choose_device(arguments.device, arguments.threads)
    settings, identity = read_identity(arguments.run)
    evaluation = arguments.evaluation
    train = open_views(arguments.data, settings["dataset"], "train", device)
    method = build_method(settings, train.space, arguments.data)
    load_weights(method, arguments.run / "weights.safetensors", identity)
    method.to(device).eval()
    contexts: Contexts = {}
    with torch.inference_mode():
        if isinstance(method, ContextMethod):
            longest = max([*evaluation["context_lengths"], *evaluation["control_lengths"]])
            features, actions = draw_context(method, train, longest // 2, evaluation["seed"])
            contexts = make_contexts(method, features, actions, evaluation)
        arguments.output.mkdir(parents=True, exist_ok=True)
        for split in ("train", *evaluation["splits"]):
            views = open_views(arguments.data, settings["dataset"], split, device)
            arrays = embed_split(method, views, contexts, device)
            write_arrays(arguments.output, split, arrays)
    write_json(
        arguments.output / "manifest.json",
        {
            "groups": {name: [entries.start, entries.stop] for name, entries in method.space.groups.items()},
            "arrays": sorted(arrays),
            "contexts": list(contexts),
            "attributes": list(train.attributes),
            "class_views": [train.class_views.start, train.class_views.stop],
            "pair_views": [train.pair_views.start, train.pair_views.stop],
            "splits": ["train", *evaluation["splits"]],
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        },
    )


if __name__ == "__main__":
    main()
