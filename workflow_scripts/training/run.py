"""From a run's settings to its model, and from its model to weights and back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from workflow_scripts.data.row_encoder import RowEncoder
from workflow_scripts.data.views import open_views
from workflow_scripts.experiment.identity import check_data, check_identity, hash_run, read_identity, tell_apart
from workflow_scripts.methods.base import Method, Task, make_method
from workflow_scripts.models.encoders.base import make_encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import read_json, write_bytes
from workflow_scripts.training.divergence import check_finite


def build_method(settings: dict[str, Any], task: Task, data: Path) -> Method:
    """Build the method of a run's settings with its initial weights. data: folder of the packed data."""
    meta, seed = read_json(data / "meta.json"), settings["seed"]
    rows = bool(meta["columns"])
    inputs = RowEncoder(meta["columns"]).width if rows else meta["resolution"]
    encoder = make_encoder(settings["encoder"], inputs, rows, seed)
    return make_method(settings["method"], settings["settings"], encoder, task, seed, settings["group"])


def save_weights(method: Method, path: Path, identity: dict[str, str]) -> None:
    """Write all weights of a method, with its identity as metadata. Raises `UserError` where some are not finite."""
    check_finite(method.state_dict(), path.parent, f"the weights of {path.parent}")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in method.state_dict().items()}
    # One metadata key: the order of several is not the same in every process.
    described = json.dumps({**identity, "tensors": hash_tensors(tensors)}, sort_keys=True)
    write_bytes(path, save(tensors, metadata={"identity": described}))


def hash_tensors(tensors: dict[str, Tensor]) -> str:
    """Return a digest of names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a weights file by name, and the identity of the run that they are of.

    Raises `UserError` where the file is absent, damaged, without a digest, or holds weights that are not finite.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist; train the run first")
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads((file.metadata() or {}).get("identity", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if not isinstance(found, dict):
            raise ValueError("its identity is no map")
    except (SafetensorError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again") from None
    if (digest := found.pop("tensors", None)) is None:
        raise UserError(f"{path} has no digest of its weights, so nobody knows what they are; delete it and run again")
    if digest != hash_tensors(tensors):
        raise UserError(f"{path} is damaged (its weights differ from their digest); delete it and run again")
    check_finite(tensors, path.parent, str(path))
    return tensors, found


def is_trained(run: Path, settings: dict[str, Any], data: Path, start: Path | None) -> bool:
    """Tell whether the weights of a run are there: whole, and of these settings, data and weights to start from.

    Raises `UserError` where the folder belongs to other settings or other data.
    """
    if not (run / "weights.safetensors").exists() or not (run / "run.json").exists():
        return False
    check_identity(run, settings)
    check_data(run, data)
    wanted = hash_run(settings, data, start)
    try:
        _, found = read_weights(run / "weights.safetensors")
    except UserError:
        return False  # to be made again, from the checkpoint if there is one
    return not tell_apart(found, wanted) and not tell_apart(read_identity(run)[1], wanted)


def load_run(run: Path | str, data: Path | str, device: torch.device | str = "cpu", task: Task | None = None) -> Method:
    """Return a trained run's method, ready to evaluate: `method.encoder` maps normalised images to features.

    run: its folder. data: folder of the packed data it was trained on. task: of its data, if they are open already.
    Raises `UserError` for weights that are damaged or of another run.
    """
    run, data, device = Path(run), Path(data), torch.device(device)
    settings, identity = read_identity(run)
    if task is None:
        views = open_views(data, settings["dataset"], "train", device)
        task = Task(views.space, views.classes)
    method = build_method(settings, task, data)
    load_weights(method, run / "weights.safetensors", identity)
    return method.to(device).eval()


def start_from(method: Method, path: Path, identity: dict[str, str]) -> None:
    """Load the encoder of another run, a warm start. identity: of the run that begins.

    Refuses weights that are not those of the run beside them, of a run on other data, and of another architecture.
    """
    tensors, found = read_weights(path)
    _check_owner(path, found, read_identity(path.parent)[1])
    if found["data"] != identity["data"]:
        raise UserError(
            f"{path} was trained on other data ({found['data']}, not {identity['data']}), and a run starts from one on "
            f"its own; move or delete {path.parent}, then run again"
        )
    prefix = "encoder."
    encoder = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    try:
        method.encoder.load_state_dict(encoder)
    except RuntimeError as error:
        raise UserError(
            f"the encoder of {path} does not fit this run's: {' '.join(str(error).split())}; "
            "give both runs the same encoder, or name another run in training.warm_start"
        ) from None


def load_weights(method: Method, path: Path, identity: dict[str, str]) -> None:
    """Load weights into a method; refuse weights of another run, of other data, or of other shapes."""
    tensors, found = read_weights(path)
    _check_owner(path, found, identity)
    try:
        method.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not fit this method: {' '.join(str(error).split())}; delete it and run again"
        ) from None


def _check_owner(path: Path, found: dict[str, str], identity: dict[str, str]) -> None:
    if other := tell_apart(found, identity):
        raise UserError(f"{path} holds weights of {other}; put back those that were there, or delete it and run again")
