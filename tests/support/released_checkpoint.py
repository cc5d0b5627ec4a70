"""A checkpoint as ContextSSL's authors save it, its model written out from the formulas, and runs that import it."""

import json
import math

import torch
from torch import nn
from torchvision.models import resnet18

from workflow_scripts.experiment.runs import get_settings, parse_run

WIDTH, LAYERS, HEADS, OUTPUT, AUXILIARY, ACTION, BLOCK = 64, 2, 4, 24, (20, 12), 6, 16
RUN = parse_run("contextssl", "smoke", "contextssl~authors", 0)


def make_resnet(stem):
    network = resnet18(weights=None)
    network.fc = nn.Identity()
    if stem == "cifar":
        network.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network


def make_checkpoint(stem="imagenet", output=OUTPUT):
    """A state_dict with the authors' names; random values, nothing at its initial 0 or 1."""
    torch.manual_seed(0)
    state = {f"enc.{name}": value.clone() for name, value in make_resnet(stem).state_dict().items()}
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            value.fill_(7)
        elif value.ndim == 1:
            value.add_(torch.empty_like(value).uniform_(-0.3, 0.3))

    def add_linear(name, rows, columns):
        state[f"{name}.weight"] = torch.randn(rows, columns) / math.sqrt(columns)
        state[f"{name}.bias"] = 0.1 * torch.randn(rows)

    def add_norm(name):
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + 0.2 * torch.randn(WIDTH), 0.2 * torch.randn(WIDTH)

    add_linear("equiv_linear", 6, output)
    add_linear("predictor._read_in", WIDTH, 512 + ACTION)
    add_linear("predictor._read_out", output, WIDTH)
    for layer in range(LAYERS):
        block = f"predictor.transformer.h.{layer}"
        add_norm(f"{block}.ln_1")
        add_linear(f"{block}.attn.c_attn", 3 * WIDTH, WIDTH)
        state[f"{block}.attn.c_attn.weight"] *= 2  # so that attention is far from uniform
        add_linear(f"{block}.attn.c_proj", WIDTH, WIDTH)
        add_norm(f"{block}.ln_2")
        add_linear(f"{block}.mlp.c_fc", 4 * WIDTH, WIDTH)
        add_linear(f"{block}.mlp.c_proj", WIDTH, 4 * WIDTH)
    add_norm("predictor.transformer.ln_f")
    for layer, (columns, rows) in enumerate(zip((output, *AUXILIARY), (*AUXILIARY, ACTION), strict=True)):
        add_linear(f"aug_predictor.{2 * layer}", rows, columns)
    add_linear("rel_aug_predictor.0", 8, 2 * output)
    state["predictor._read_in.weight"][:, 512:] *= 5  # so that actions matter
    return state


def add_masks(state, tokens=BLOCK):
    for layer in range(LAYERS):
        attention = f"predictor.transformer.h.{layer}.attn"
        state[f"{attention}.bias"] = torch.ones(1, 1, tokens, tokens).tril()
        state[f"{attention}.masked_bias"] = torch.tensor(-1e4)
    return state


class Reference:
    """The model of a state_dict, token by token and head by head, in double precision. Nothing here is ours."""

    def __init__(self, state, stem):
        self.state = {name: value.double() for name, value in state.items()}
        self.network = make_resnet(stem)
        self.network.load_state_dict(
            {name.removeprefix("enc."): value for name, value in state.items() if name.startswith("enc.")}
        )
        self.network.double().eval()

    def linear(self, name, x):
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def attend(self, name, x):
        queries, keys, values = self.linear(f"{name}.c_attn", x).split(WIDTH, dim=1)
        attended = torch.zeros_like(x)
        for head in range(HEADS):
            entries = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            q, k, v = queries[:, entries], keys[:, entries], values[:, entries]
            for row in range(len(x)):
                partner = row - 1 if row % 2 else None
                seen = [column for column in range(row + 1) if column != partner]
                weights = torch.softmax(q[row] @ k[seen].T / math.sqrt(WIDTH / HEADS), dim=0)
                attended[row, entries] = weights @ v[seen]
        return self.linear(f"{name}.c_proj", attended)

    def transform(self, tokens):
        x = self.linear("predictor._read_in", tokens)
        for layer in range(LAYERS):
            block = f"predictor.transformer.h.{layer}"
            x = x + self.attend(f"{block}.attn", self.norm(f"{block}.ln_1", x))
            hidden = self.linear(f"{block}.mlp.c_fc", self.norm(f"{block}.ln_2", x))
            hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
            x = x + self.linear(f"{block}.mlp.c_proj", hidden)
        return self.linear("predictor._read_out", self.norm("predictor.transformer.ln_f", x))

    def embed(self, features, actions, pairs, pair_actions):
        """Outputs of single tokens, each the last of a whole sequence. pairs: (P, 2, D), the context."""
        context = []
        for (first, second), action in zip(pairs, pair_actions.double(), strict=True):
            context += [torch.cat([first, action]), torch.cat([second, torch.zeros(ACTION).double()])]
        queries = torch.cat([features, actions.double()], dim=1)
        return torch.stack([self.transform(torch.stack([*context, query]))[-1] for query in queries])


def settings_of(config, checkpoint, stem="imagenet", **changes):
    sizes = {"width": WIDTH, "layers": LAYERS, "heads": HEADS, "output_dim": OUTPUT, "block_tokens": BLOCK}
    sizes |= {"auxiliary_widths": list(AUXILIARY), **changes}
    variant = {"encoder": "authors", "training": {"checkpoint": str(checkpoint)}, "settings": sizes}
    encoders = {**config["encoders"], "authors": {"kind": "resnet18", "stem": stem}}
    return get_settings({**config, "encoders": encoders, "variants": {"authors": variant}}, RUN)


def arguments_of(checkpoint, run, data, settings):
    return [str(checkpoint), "--run", str(run), "--data", str(data), "--settings", json.dumps(settings)]
