"""What an experiment will cost, before anything starts: device hours, disk and memory, from the config alone.

Times rest on a throughput that the config states with its source (`throughput`); what was trained already on this
machine is not counted again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.experiment.config import ROOT, read_yaml
from workflow_scripts.experiment.kinds import OF_EACH_GROUP
from workflow_scripts.experiment.runs import Run, get_settings, list_runs

GIB = 2**30
ROW_BYTES = 1024  # an upper bound: tables are small
FEATURES = {"resnet18": 512}  # of encoders that do not name their width
SOURCES = ROOT / "workflow_scripts" / "data" / "sources.yaml"


def count_inputs(config: dict[str, Any], source: str) -> int:
    """Return the number of images, or rows of a table, of a source, train and test together."""
    entry = config["sources"][source]
    if "render" in entry:
        settings = parse_settings(entry["render"])
        return settings.classes * sum(settings.objects_per_class.values()) * settings.views
    if share := entry.get("per_class"):
        return 10 * (share["train"] + share["val"])
    if "synthesize" in entry:
        return int(entry["synthesize"]["patients"])
    return int(read_yaml(SOURCES)[entry["download"]]["inputs"])


def packed_bytes(config: dict[str, Any], source: str) -> int:
    """Return the size of a packed source: uint8 and three channels, or a row of at most `ROW_BYTES`."""
    side = config["sources"][source].get("resolution")
    return int(count_inputs(config, source) * (side**2 * 3 if side else ROW_BYTES))


def embedding_bytes(config: dict[str, Any], run: Run) -> int:
    """Return the size of a run's embeddings: float32, h, g and rho, or z+ and z_r under each context."""
    settings, evaluation = get_settings(config, run), config["evaluation"]
    dataset = config["dataset_settings"][run.dataset]
    inputs = count_inputs(config, dataset["source"]) * (1 + (dataset["evaluation_views"] or 0))
    encoder, own = settings["encoder"], settings["method_settings"]
    width = encoder.get("dim") or FEATURES[encoder["kind"]]
    numbers = width
    if "block_tokens" in own:
        output, lengths = own["output_dim"] or width, len(evaluation["context_lengths"])
        groups = len(dataset["groups"]) if "action_scale" in own else 0
        kinds = sum(groups if name in OF_EACH_GROUP else 1 for name in evaluation["context_controls"])
        controls = kinds * len(evaluation["control_lengths"])
        invariant = lengths if own.get("invariant_environment") else 0
        numbers += output * ((2 * groups * lengths + controls + invariant) if groups else lengths)
    elif "projector" in own:
        # g, and of a method with an action its prediction, rho.
        numbers += own["projector"][-1] * (2 if run.group else 1)
    return int(4 * inputs * numbers)


def count_trained(config: dict[str, Any], run: Run) -> int:
    """Return how many images a run's training still has to read: 0 where its weights exist."""
    training = get_settings(config, run)["training"]
    trained = (Path(run.folder) / "weights.safetensors").exists() or "import" in training
    if trained or not config["method_settings"][run.method]["settings"]:
        return 0
    return int(2 * training["steps"] * training["batch_pairs"])


def describe_costs(config: dict[str, Any]) -> str:
    """Return the costs of an experiment as a few lines of text."""
    runs = list_runs(config)
    sources = dict.fromkeys(config["dataset_settings"][name]["source"] for name in config["datasets"])
    packed = {source: packed_bytes(config, source) for source in sources}
    embeddings = {run: embedding_bytes(config, run) for run in runs}
    largest = max(embeddings, key=lambda run: embeddings[run])
    images = sum(count_trained(config, run) for run in runs)
    lines = [f"Runs: {len(runs)}, of which to train: {sum(count_trained(config, run) > 0 for run in runs)}"]
    throughput = config["throughput"]
    hours = images / throughput["images_per_second"] / 3600
    stated = f"at {throughput['images_per_second']} images/s on one {throughput['device']}: {throughput['source']}"
    lines.append(f"Training: {images:,} images, {hours:,.1f} {throughput['device']} hours ({stated})")
    sizes = ", ".join(f"{source} {size / GIB:,.1f} GiB" for source, size in packed.items())
    lines.append(f"Disk for packed data: {sizes} (raw images and archives come on top)")
    lines.append(
        f"Disk for embeddings: at most {embeddings[largest] / GIB:,.1f} GiB a run ({largest.name}) "
        "while it is evaluated, then deleted"
    )
    lines.append(
        f"Memory: packed data are mapped, not loaded; an evaluation reads up to {embeddings[largest] / GIB:,.1f} GiB"
    )
    return "\n".join(lines)
