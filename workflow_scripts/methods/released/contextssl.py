"""The checkpoint that ContextSSL's authors released: its names for our tensors, and what it says of its model.

A `state_dict` of `enc` (torchvision's ResNet-18), `predictor` (a GPT-2-like transformer without positions) and
`aug_predictor` (the auxiliary predictor), beside probes and heads that no embedding depends on. All of its Linear
weights are (out, in), its attention packs queries, keys and values in this order, and its transformer reads
[features, action] (released code of ContextSSL, Gupta et al. 2024).
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.methods.released.base import Shown

FEATURES = 512  # of a ResNet-18: the width of an output whose `output_dim` is null

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
POSITIONS = re.compile(r".+\.wpe\..+")
# Probes and heads of the authors' training, and GPT-2's buffers: no embedding depends on them.
UNUSED = re.compile(r"equiv_linear\..+|rel_aug_predictor\..+|predictor\.transformer\.h\.\d+\.attn\.(bias|masked_bias)")


class ReleasedContextSSL:
    """See `Released`."""

    def infer(self, tensors: dict[str, Tensor]) -> Shown:
        """Return what the tensors show.

        Never the number of heads, and the block length only where causal masks were saved. Biases are read before
        weights, which another implementation may have transposed.
        """

        def count_rows(layer: str) -> int | None:
            shapes = [tensors[name].shape for name in (f"{layer}.bias", f"{layer}.weight") if name in tensors]
            return shapes[0][0] if shapes and shapes[0] else None

        blocks = {match[1] for name in tensors if (match := BLOCK.match(name))}
        layers = sorted({int(match[1]) for name in tensors if (match := AUXILIARY_LAYER.fullmatch(name))})
        widths = [count_rows(f"aug_predictor.{layer}") for layer in layers] or [None]
        lengths = sorted(
            {mask.shape[-1] for name, mask in tensors.items() if CAUSAL_MASK.fullmatch(name) and mask.ndim}
        )
        shown = {
            "width": count_rows("predictor.transformer.ln_f"),
            "layers": len(blocks) or None,
            "output_dim": count_rows("predictor._read_out"),
            "auxiliary_widths": None if None in widths else widths[:-1],
            "block_tokens": lengths if lengths[1:] else next(iter(lengths), None),
        }
        encoder = None
        if "enc.conv1.weight" in tensors:
            small = tensors["enc.conv1.weight"].shape[-2:] == (3, 3)
            encoder = {"kind": "resnet18", "stem": "cifar" if small else "imagenet"}
        return Shown({key: value for key, value in shown.items() if value is not None}, encoder, widths[-1])

    def compare_settings(self, shown: Shown, settings: dict[str, Any]) -> list[str]:
        """Say in what the settings differ."""
        found, stated = shown.settings, {**settings, "output_dim": settings["output_dim"] or FEATURES}
        differences = [
            f"settings.{key} is {value} in the checkpoint, {stated[key]} in the run"
            for key, value in found.items()
            if value != stated[key]
        ]
        if "width" in found and found["width"] % stated["heads"]:
            differences.append(f"a width of {found['width']} does not divide into settings.heads {stated['heads']}")
        return differences

    def translate(self, name: str) -> str:
        """Return the authors' name of a tensor of our `ContextSSL`."""
        for ours, theirs in PREFIXES.items():
            if name.startswith(ours):
                name = theirs + name.removeprefix(ours)
                break
        if BLOCK.match(name):
            for ours, theirs in BLOCK_PARTS.items():
                name = name.replace(f".{ours}.", f".{theirs}.")
        return name

    def may_lack(self, name: str) -> bool:
        """Whether a tensor is a counter of batches, which nothing reads."""
        return name.endswith(".num_batches_tracked")

    def is_unused(self, name: str) -> bool:
        """Whether no embedding depends on a tensor; one of positions is told of by `examine`."""
        return bool(UNUSED.fullmatch(name) or POSITIONS.fullmatch(name))

    def examine(self, tensors: dict[str, Tensor]) -> list[str]:
        """Say which tensors are positional embeddings, or masks of another attention."""
        positions = [name for name in tensors if POSITIONS.fullmatch(name)]
        masks = [name for name, mask in tensors.items() if CAUSAL_MASK.fullmatch(name) and not is_causal(mask)]
        return [
            *(f"{name} is a positional embedding, which ContextSSL does not have" for name in positions),
            *(f"{name} is not a causal mask of one block" for name in masks),
        ]


def is_causal(mask: Tensor) -> bool:
    """Say whether a buffer (..., T, T) is ones on and below its diagonal, zeros above."""
    if mask.ndim < 2 or mask.shape[-1] ** 2 != mask.numel():
        return False
    return bool((mask.bool().reshape(mask.shape[-2:]) == torch.ones(mask.shape[-2:]).tril().bool()).all())


RELEASED = ReleasedContextSSL()
