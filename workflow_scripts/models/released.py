"""The checkpoint that ContextSSL's authors released: its names for our tensors, and what it says of its model.

A `state_dict` of `enc` (torchvision's ResNet-18), `predictor` (a GPT-2-like transformer without positions) and
`aug_predictor` (the auxiliary predictor), beside probes and heads that no embedding depends on. All of its Linear
weights are (out, in), its attention packs queries, keys and values in this order, and its transformer reads
[features, action] (released code of ContextSSL, Gupta et al. 2024).
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.support.errors import UserError

EXPORT = "save it again with torch.save(model.state_dict(), FILE)"

# Our prefixes, then our parts of a transformer block, and the authors' names for them.
PREFIXES = {
    "encoder.network.": "enc.",
    "predictor.read_in.": "predictor._read_in.",
    "predictor.read_out.": "predictor._read_out.",
    "predictor.norm.": "predictor.transformer.ln_f.",
    "predictor.blocks.": "predictor.transformer.h.",
    "auxiliary.": "aug_predictor.",
}
BLOCK_PARTS = {
    "attention_norm": "ln_1",
    "query_key_value": "attn.c_attn",
    "attention_out": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp_in": "mlp.c_fc",
    "mlp_out": "mlp.c_proj",
}

BLOCK = re.compile(r"predictor\.transformer\.h\.(\d+)\.")
CAUSAL_MASK = re.compile(r"predictor\.transformer\.h\.\d+\.attn\.bias")
AUXILIARY_LAYER = re.compile(r"aug_predictor\.(\d+)\.(weight|bias)")
# Probes and heads of the authors' training, and GPT-2's buffers: no embedding depends on them.
UNUSED = re.compile(r"equiv_linear\..+|rel_aug_predictor\..+|predictor\.transformer\.h\.\d+\.attn\.(bias|masked_bias)")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `state_dict` by name, without running any code that the file may hold.

    The `state_dict` may stand under "state_dict" or "model", its names behind the "module." of DataParallel. Raises
    `UserError` for a file that cannot be read, is damaged, holds code, or holds no `state_dict`.
    """
    found = _load(path)
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no state_dict, a map from names to tensors; {EXPORT}")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta:
            raise UserError(f"{path} holds no state_dict: its entry {name!r} is no dense tensor with a name; {EXPORT}")
    prefix = "module." if all(name.startswith("module.") for name in found) else ""
    return {name.removeprefix(prefix): value for name, value in found.items()}


def _load(path: Path) -> Any:
    """Return what torch.save wrote to a file."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give the path of a checkpoint") from None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.testzip():  # torch compares no checksums: a flipped bit would become a weight
                    raise zipfile.BadZipFile
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not whole
        code = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, UnpicklingError) else None
        what = f"holds code ({code[1]}), which is not run" if code else "is damaged, or not a file of torch.save"
        raise UserError(f"{path} {what}; {'' if code else 'get it again, or '}{EXPORT}") from None


def infer_settings(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], int | None]:
    """Return the settings that the tensors show, as an overlay of a run's, and the number of entries of an action.

    Of `method_settings` it has what can be seen: never the number of heads, and the block length only where causal
    masks were saved. What a missing tensor would show is left out, or None. Biases are read before weights, which
    another implementation may have transposed.
    """

    def count_rows(layer: str) -> int | None:
        shapes = [tensors[name].shape for name in (f"{layer}.bias", f"{layer}.weight") if name in tensors]
        return shapes[0][0] if shapes and shapes[0] else None

    blocks = {match[1] for name in tensors if (match := BLOCK.match(name))}
    layers = sorted({int(match[1]) for name in tensors if (match := AUXILIARY_LAYER.fullmatch(name))})
    widths = [count_rows(f"aug_predictor.{layer}") for layer in layers] or [None]
    lengths = sorted({mask.shape[-1] for name, mask in tensors.items() if CAUSAL_MASK.fullmatch(name) and mask.ndim})
    shown = {
        "width": count_rows("predictor.transformer.ln_f"),
        "layers": len(blocks) or None,
        "output_dim": count_rows("predictor._read_out"),
        "auxiliary_widths": None if None in widths else widths[:-1],
        "block_tokens": lengths if lengths[1:] else next(iter(lengths), None),
    }
    overlay: dict[str, Any] = {"method_settings": {key: value for key, value in shown.items() if value is not None}}
    if "enc.conv1.weight" in tensors:
        small = tensors["enc.conv1.weight"].shape[-2:] == (3, 3)
        overlay["encoder"] = {"kind": "resnet18", "stem": "cifar" if small else "imagenet"}
    return overlay, widths[-1]


def translate_name(name: str) -> str:
    """Return the authors' name of a tensor of our `ContextSSL`."""
    for ours, theirs in PREFIXES.items():
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            break
    if BLOCK.match(name):
        for ours, theirs in BLOCK_PARTS.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
    return name


def compare_tensors(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """Say in what the tensors of a checkpoint differ from a model's: names, shapes, kinds, values.

    expected: tensors with the authors' names, of which shape and dtype are read.
    """
    missing = [name for name in expected if name not in tensors and not name.endswith(".num_batches_tracked")]
    left = [name for name in tensors if name not in expected and not UNUSED.fullmatch(name)]
    positions = [name for name in left if ".wpe." in name]
    unexpected = [name for name in left if name not in positions]
    differences = [f"{name} is a positional embedding, which ContextSSL does not have" for name in positions]
    if missing:
        differences.append(f"missing: {', '.join(missing)}")
    if unexpected:
        differences.append(f"unexpected: {', '.join(unexpected)}")
    for name, wanted in expected.items():
        if (value := tensors.get(name)) is None:
            continue
        if value.shape != wanted.shape:
            differences.append(f"{name} has the shape {tuple(value.shape)}, not {tuple(wanted.shape)}")
        elif value.is_floating_point() != wanted.is_floating_point():
            differences.append(f"{name} holds {value.dtype}, not {wanted.dtype}")
        elif not value.to(wanted.dtype).isfinite().all():
            differences.append(f"{name} holds values that are not finite")
    for name, value in tensors.items():
        if CAUSAL_MASK.fullmatch(name) and not _is_causal(value):
            differences.append(f"{name} is not a causal mask of one block")
    return differences


def _is_causal(mask: Tensor) -> bool:
    """Say whether a buffer (..., T, T) is ones on and below its diagonal, zeros above."""
    if mask.ndim < 2 or mask.shape[-1] ** 2 != mask.numel():
        return False
    return bool((mask.bool().reshape(mask.shape[-2:]) == torch.ones(mask.shape[-2:]).tril().bool()).all())
